import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { streamKey } from '../../base/random.js';
import { openDevice, type Device } from '../runtime/device.js';
import { openCheckpoint } from './checkpoints/openCheckpoint.js';
import { openEmbedder } from './embedder.js';
import { generate, type GenerationOptions } from './generate.js';
import {
  copyLanguageModel,
  createLanguageModel,
  openLanguageModel,
  saveLanguageModel,
  type LanguageModel,
} from './languageModel.js';
import { packSequences, type Sequence } from './packSequences.js';
import { languageModelParameters } from './parameters.js';
import { scoreCompletions } from './scoreCompletions.js';
import {
  characterTokenizer,
  goldenCheckpoint,
  goldenFolder,
  gradientErrors,
  languageVariants,
  readGolden,
  relativeDifference,
} from './testing/goldenModels.js';
import { allLogits } from './testing/allLogits.js';
import { lossGradients } from './testing/lossGradients.js';
import { traceTokenLogProbs } from './tokenLogProbs.js';

/** Two float32 implementations that add in different order: a few units of 2^-24 per layer. */
const sameValues = 1e-5;
const sameGradients = 1e-4;

const greedy: GenerationOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  minNewTokens: 0,
  maxNewTokens: 16,
  stopIds: [],
};

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

const open = (variant: string, trainable = false): Promise<LanguageModel> =>
  openLanguageModel(device, goldenCheckpoint(variant), { trainable });

/** All tokens of a sequence but the first, as a completion of the first. */
const afterFirst = (ids: readonly number[]): Sequence => ({ prefix: ids.slice(0, 1), completion: ids.slice(1) });

describe.each(languageVariants)('%s', (variant) => {
  const golden = readGolden(variant);
  const { sequences } = golden;
  let model: LanguageModel;
  let trainable: LanguageModel;
  beforeAll(async () => {
    model = await open(variant);
    trainable = await open(variant, true);
  });
  afterAll(async () => {
    await model.close();
    await trainable.close();
  });

  it('logits equal those of transformers at every position, in a padded batch', async () => {
    const logits = await allLogits(model, sequences);
    sequences.forEach((ids, b) =>
      ids.forEach((_, t) =>
        expect(relativeDifference(logits[b]?.[t] ?? [], golden.logits[b]?.[t] ?? [])).toBeLessThan(sameValues),
      ),
    );
  });

  it('log-probabilities and the gradient of every parameter equal those of PyTorch, and padding adds nothing', async () => {
    const items = sequences.map(afterFirst);
    const { ids_BT, positions_BT, rows_N, targets_N } = packSequences(items);
    const { loss, values, gradients } = await lossGradients(
      device,
      trainable.weights,
      languageModelParameters(trainable.architecture),
      {
        build: (trace) =>
          traceTokenLogProbs(trainable.architecture, {
            ids_BT: trace.input('ids', 'i64', ['B', 'T']),
            positions_BT: trace.input('positions', 'i64', ['B', 'T']),
            rows_N: trace.input('rows', 'i64', ['N']),
            targets_N: trace.input('targets', 'i64', ['N']),
            attention: { kind: 'causal' },
          }),
        factors: items.flatMap(({ completion }) => completion.map((_, t) => 1 + 0.1 * t)),
        feeds: { ids: ids_BT, positions: positions_BT, rows: rows_N, targets: targets_N },
      },
    );
    expect(relativeDifference(values, golden.logProbs.flat())).toBeLessThan(sameValues);
    expect(Math.abs(loss / golden.weightedSum - 1)).toBeLessThan(sameValues);
    for (const [name, error] of gradientErrors(variant, gradients)) expect(error, name).toBeLessThan(sameGradients);
  });

  it('greedy tokens equal those of transformers, frozen and trainable, together and alone', async () => {
    const requests = sequences.map((ids, i) => ({ ids, stream: streamKey(0, 'test', i) }));
    for (const each of [model, trainable]) {
      expect((await generate(each, requests, greedy)).map(({ ids }) => ids)).toEqual(golden.greedy);
    }
    for (const [i, request] of requests.entries()) {
      expect((await generate(model, [request], greedy))[0]?.ids).toEqual(golden.greedy[i]);
    }
  });

  it('cached decoding equals the full forward: log-probabilities of generated tokens are those of scoring them', async () => {
    const sampling = { ...greedy, temperature: 1, maxNewTokens: 12 };
    const results = await generate(
      model,
      sequences.map((ids, i) => ({ ids, stream: streamKey(1, 'test', i), scoreFrom: 1 })),
      sampling,
    );
    const scored = await scoreCompletions(
      model,
      results.map(({ ids }, i) => ({ prefix: sequences[i] ?? [], completion: ids })),
    );
    results.forEach(({ logProbs, scored: prompt }, i) => {
      expect(relativeDifference(logProbs, scored[i] ?? [])).toBeLessThan(sameValues);
      expect(relativeDifference(prompt ?? [], golden.logProbs[i] ?? [])).toBeLessThan(sameValues);
    });
  });

  it('scores equal the log-probabilities of transformers, in any batch', async () => {
    const items = sequences.map(afterFirst);
    const together = await scoreCompletions(model, items);
    for (const [i, item] of items.entries()) {
      expect(relativeDifference(together[i] ?? [], golden.logProbs[i] ?? [])).toBeLessThan(sameValues);
      const [alone = []] = await scoreCompletions(trainable, [item]);
      expect(relativeDifference(alone, golden.logProbs[i] ?? [])).toBeLessThan(sameValues);
    }
  });

  it('is causal: a later token changes nothing before it', async () => {
    const [ids = []] = sequences;
    const changed = ids.with(-1, ((ids.at(-1) ?? 0) + 1) % model.vocabularySize);
    const [before = [], after = []] = [...(await allLogits(model, [ids])), ...(await allLogits(model, [changed]))];
    for (let t = 0; t + 1 < ids.length; t++) expect(after[t]).toEqual(before[t]);
    expect(after.at(-1)).not.toEqual(before.at(-1));
  });
});

describe('a language model', () => {
  it('sampling does not depend on what else is in the batch', async () => {
    const model = await open('llama-tied');
    const requests = readGolden('llama-tied').sequences.map((ids, i) => ({ ids, stream: streamKey(7, 'sampling', i) }));
    const options = { ...greedy, temperature: 0.8, topP: 0.9 };
    const together = await generate(model, requests, options);
    for (const [i, request] of requests.entries())
      expect((await generate(model, [request], options))[0]?.ids).toEqual(together[i]?.ids);
    await model.close();
  });

  it('an update of trainable weights is seen by the next generation; a frozen copy keeps its own', async () => {
    const model = await open('gpt2', true);
    const frozen = await copyLanguageModel(model);
    const words = async (each: LanguageModel): Promise<unknown> =>
      (await generate(each, [{ ids: [1, 2, 3], stream: streamKey(0, 'test') }], greedy))[0]?.ids;
    const before = await words(model);
    expect(await words(frozen)).toEqual(before);
    await device.write(
      model.weights,
      'transformer.wpe.weight',
      (await device.read(model.weights, 'transformer.wpe.weight')).map((w) => w * -3),
    );
    expect(await words(model)).not.toEqual(before);
    expect(await words(frozen)).toEqual(before);
    await model.close();
    await frozen.close();
  });

  it('an empty prompt is refused: the probability of a first token is not defined', async () => {
    const model = await open('gpt2');
    await expect(generate(model, [{ ids: [], stream: streamKey(0, 'test') }], greedy)).rejects.toThrow(ConfigError);
    await expect(scoreCompletions(model, [{ prefix: [], completion: [1] }])).rejects.toThrow(
      /first token[^]*beginning-of-sequence/,
    );
    await expect(scoreCompletions(model, [{ prefix: [1], completion: [64] }])).rejects.toThrow(/below 64/);
    await model.close();
  });

  it('a prompt that fills the context is refused, or loses its oldest tokens when asked; one that nearly does gets fewer new tokens', async () => {
    const model = await open('gpt2');
    const ids = Array.from({ length: 50 }, (_, i) => i % 64);
    const stream = streamKey(0, 'test');
    await expect(generate(model, [{ ids, stream }], greedy)).rejects.toThrow(/at most 48 tokens[^]*50/);
    const kept = await generate(model, [{ ids, stream }], { ...greedy, truncation: 'keepLast' });
    expect(kept).toEqual(await generate(model, [{ ids: ids.slice(-32), stream }], greedy));
    const [near] = await generate(model, [{ ids: ids.slice(0, 45), stream }], greedy);
    expect(near).toMatchObject({ finishReason: 'length', ids: { length: 3 } });
    await expect(scoreCompletions(model, [{ prefix: ids, completion: [1] }])).rejects.toThrow(/at most 48 tokens/);
    await model.close();
  });

  it('stops at a stop id and at a stop string', async () => {
    const model = await open('gpt2');
    const {
      sequences: [ids = []],
      greedy: [expected = []],
    } = readGolden('gpt2');
    const request = [{ ids, stream: streamKey(0, 'test') }];
    const third = expected.findIndex((id) => id !== expected[0]);
    const [byId] = await generate(model, request, { ...greedy, stopIds: [expected[third] ?? 0] });
    expect(byId).toMatchObject({ finishReason: 'stop', ids: expected.slice(0, third + 1) });
    const stop = model.tokenizer.decode(expected.slice(third - 1, third + 1));
    const [byText] = await generate(model, request, { ...greedy, stopStrings: [stop] });
    expect(byText).toMatchObject({
      finishReason: 'stop',
      ids: expected.slice(0, third + 1),
      text: model.tokenizer.decode(expected.slice(0, third + 1)),
    });
    await model.close();
  });

  it('embeds a text by the state of its last real token: padding changes nothing, the last token does', async () => {
    const model = await open('llama-tied');
    const embedder = await openEmbedder(model);
    const { sequences } = readGolden('llama-tied');
    const together = await embedder.embed(sequences);
    for (const [i, ids] of sequences.entries()) {
      const [alone, changed] = await embedder.embed([ids, ids.with(-1, ((ids.at(-1) ?? 0) + 1) % 64)]);
      expect(alone).toHaveLength(embedder.width);
      expect(relativeDifference(together[i] ?? [], alone ?? [])).toBeLessThan(sameValues);
      expect(relativeDifference(changed ?? [], alone ?? [])).toBeGreaterThan(0.01);
    }
    await embedder.close();
    await model.close();
  });

  it('random weights are the same for the same seed, and others for another', async () => {
    const { config } = readGolden('llama-tied');
    const tokenizer = characterTokenizer(64);
    const hash = async (seed: number): Promise<string> => {
      const model = await createLanguageModel(device, config, tokenizer, seed);
      const value = await device.hash(model.weights);
      await model.close();
      return value;
    };
    expect(await hash(3)).toBe(await hash(3));
    expect(await hash(3)).not.toBe(await hash(4));
  });
});

describe('a saved model', () => {
  const dir = mkdtempSync(join(tmpdir(), 'gadfly-model-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  it('is what transformers itself saves: the same tensors and every field of config.json', async () => {
    const theirs = await openCheckpoint(join(goldenFolder, 'directory'));
    const { tokenizerFiles } = goldenCheckpoint('llama3-biases');
    const model = await openLanguageModel(device, { ...theirs, tokenizerFiles });
    await saveLanguageModel(model, join(dir, 'saved'));
    await model.close();
    const ours = await openCheckpoint(join(dir, 'saved'));
    expect([...ours.tensors.keys()].sort()).toEqual([...theirs.tensors.keys()].sort());
    for (const [name, tensor] of theirs.tensors) {
      expect(ours.tensors.get(name)).toMatchObject({ shape: tensor.shape, dtype: 'F32' });
      expect(await ours.tensors.get(name)?.read(), name).toEqual(await tensor.read());
    }
    const { dtype: _dtype, ...fields } = theirs.config;
    expect(JSON.parse(readFileSync(join(dir, 'saved', 'config.json'), 'utf8'))).toMatchObject({
      ...fields,
      torch_dtype: 'float32',
    });
    await theirs.close();
    await ours.close();
  });

  it('opens again with the same weights, tokenizer and words', async () => {
    const model = await createLanguageModel(device, readGolden('gpt2').config, characterTokenizer(64), 5);
    await saveLanguageModel(model, join(dir, 'random'));
    const again = await openLanguageModel(device, join(dir, 'random'));
    expect(await device.hash(again.weights)).toBe(await device.hash(model.weights));
    expect(again).toMatchObject({ name: 'random', tokenizer: { id: model.tokenizer.id } });
    const words = async (each: LanguageModel): Promise<unknown> =>
      (await generate(each, [{ ids: [5, 6], stream: streamKey(2, 'test') }], { ...greedy, temperature: 1 }))[0]?.ids;
    expect(await words(again)).toEqual(await words(model));
    await model.close();
    await again.close();
  });
});
