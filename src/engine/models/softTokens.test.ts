/** Soft tokens against transformers' inputs_embeds, for every family; and the rules about them. Goldens:
 *  tests/golden/softTokens.py. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { beginGeneration } from '../runtime/decode.js';
import { openDevice, plainSampling, type Device, type LiveEvent } from '../runtime/device.js';
import { f32Tensor, type HostTensor } from '../runtime/hostTensor.js';
import { differentiate } from '../tensor/differentiate.js';
import { finishGraph } from '../tensor/graph.js';
import { mul, reduceSum } from '../tensor/ops/all.js';
import { storedWeights } from '../tensor/onnx.js';
import { createTrace } from '../tensor/trace.js';
import { modelFamilies } from './all.js';
import { openEmbedder } from './embedder.js';
import { generate, type Generated, type GenerateRequest, type GenerationOptions } from './generate.js';
import { cacheShapeOf, inferenceGraph } from './inferenceGraph.js';
import { openLanguageModel, type LanguageModel } from './languageModel.js';
import { packSequences, type Sequence } from './packSequences.js';
import { scoreCompletions } from './scoreCompletions.js';
import { lastLogits } from './testing/allLogits.js';
import {
  formulaTensor,
  goldenCheckpoint,
  goldenFolder,
  readGolden,
  relativeDifference,
} from './testing/goldenModels.js';
import { traceTokenLogProbs } from './tokenLogProbs.js';

interface SoftGolden {
  readonly softRows: number;
  readonly items: readonly (Sequence & {
    readonly logits: readonly number[];
    readonly logProbs: readonly number[];
    readonly greedy: readonly number[];
    readonly states: readonly (readonly number[])[];
  })[];
  readonly gradient: readonly number[];
}

const goldens = JSON.parse(readFileSync(join(goldenFolder, '../softTokens/golden.json'), 'utf8')) as Readonly<
  Record<string, SoftGolden>
>;

/** Tolerances of families.test.ts: float32 sums in another order. */
const sameValues = 1e-5;
const sameGradients = 1e-4;
const greedy: GenerationOptions = { ...plainSampling, temperature: 0, maxNewTokens: 8 };

let device: Device;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
});
afterAll(() => device.close());

async function softRowsOf(variant: string, model: LanguageModel): Promise<HostTensor> {
  const dims = [present(goldens[variant], 'a golden').softRows, model.architecture.config.width];
  return f32Tensor(dims, await formulaTensor(`soft rows of ${variant.split('/').at(-1) ?? ''}`, dims).read());
}

/** The gradient of Σ factors · log p in the soft rows, which are an input of the graph. */
async function softGradient(
  model: LanguageModel,
  items: readonly Sequence[],
  soft: HostTensor,
  factors: readonly number[],
): Promise<Float32Array> {
  const trace = createTrace();
  const soft_SC = trace.input('soft', 'f32', ['S', model.architecture.config.width]);
  const logProbs_N = traceTokenLogProbs(model.architecture, {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    rows_N: trace.input('rows', 'i64', ['N']),
    targets_N: trace.input('targets', 'i64', ['N']),
    attention: { kind: 'causal' },
    soft_SC,
  });
  const gradient = differentiate(reduceSum(mul(logProbs_N, trace.input('factors', 'f32', ['N'])), [0]), [soft_SC]);
  const { dense, rows } = present(gradient.get(soft_SC), 'it was asked for');
  expect(dense).toBeNull();
  const [part] = rows;
  const graph = finishGraph(trace, {
    gradientIds: present(part, 'the gradient is sparse').ids,
    gradientRows: present(part, 'the gradient is sparse').rows,
  });
  const program = await device.compile(graph, { store: model.weights });
  const packed = packSequences(items, model.vocabularySize);
  const outputs = await device.run(program, {
    ids: packed.ids_BT,
    positions: packed.positions_BT,
    rows: packed.rows_N,
    targets: packed.targets_N,
    factors: f32Tensor([factors.length], factors),
    soft,
  });
  await device.release(program);
  const [count = 0, width = 0] = soft.dims;
  const sum = new Float32Array(count * width);
  const values = outputs['gradientRows']?.data as Float32Array;
  (outputs['gradientIds']?.data as BigInt64Array).forEach((id, n) => {
    for (let c = 0, to = Number(id) * width; c < width; c++)
      sum[to + c] = (sum[to + c] ?? NaN) + (values[n * width + c] ?? NaN);
  });
  return sum;
}

it('every family of decoders has a golden of soft tokens', () => {
  const covered = new Set(Object.keys(goldens).map((variant) => readGolden(variant).config['model_type']));
  expect([...covered].sort()).toEqual(Object.keys(modelFamilies).sort());
});

describe.each(Object.entries(goldens))('soft tokens of %s are the inputs_embeds of transformers', (variant, golden) => {
  let model: LanguageModel;
  let soft: HostTensor;
  beforeAll(async () => {
    model = await openLanguageModel(device, goldenCheckpoint(variant));
    soft = await softRowsOf(variant, model);
  });
  afterAll(() => model.close());

  it('in logits, log-probabilities and greedy tokens, behind the first token, before it, in the middle and at the end', async () => {
    const scored = await scoreCompletions(model, golden.items, { soft });
    for (const [i, { prefix, logits, logProbs }] of golden.items.entries()) {
      expect(relativeDifference(scored[i] ?? [], logProbs)).toBeLessThan(sameValues);
      expect(relativeDifference(await lastLogits(model, prefix, soft), logits)).toBeLessThan(sameValues);
    }
    const requests = golden.items.map(({ prefix }, i) => ({ ids: prefix, stream: streamKey(1, 'soft', i) }));
    const together = await generate(model, requests, { ...greedy, soft });
    expect(together.map(({ ids }) => ids)).toEqual(golden.items.map((item) => item.greedy));
    const [alone] = await generate(model, requests.slice(2, 3), { ...greedy, soft });
    expect(alone?.ids).toEqual(together[2]?.ids);
  });

  it('in the state of the last token, at every layer', async () => {
    const layers = present(golden.items[0], 'an item').states.length;
    for (let layer = 0; layer < layers; layer++) {
      const embedder = await openEmbedder(model, { layer });
      const vectors = await embedder.embed(
        golden.items.map(({ prefix }) => prefix),
        { soft },
      );
      golden.items.forEach(({ states }, i) => {
        expect(relativeDifference(vectors[i] ?? [], states[layer] ?? [])).toBeLessThan(sameValues);
      });
      await embedder.close();
    }
  });

  it('in the gradient of the rows', async () => {
    const factors = golden.items.flatMap(({ completion }) => completion.map((_, t) => 1 + 0.1 * t));
    const gradient = await softGradient(model, golden.items, soft, factors);
    expect(relativeDifference(gradient, golden.gradient)).toBeLessThan(sameGradients);
  });
});

describe('the rules of soft tokens', () => {
  const variant = 'llama-tied';
  const V = 64;
  let model: LanguageModel;
  let soft: HostTensor;
  beforeAll(async () => {
    model = await openLanguageModel(device, goldenCheckpoint(variant));
    soft = await softRowsOf(variant, model);
  });
  afterAll(() => model.close());

  const sampled: GenerationOptions = { ...plainSampling, maxNewTokens: 10 };
  const request = (ids: readonly number[], more: Partial<GenerateRequest> = {}): GenerateRequest => ({
    ids,
    stream: streamKey(2, 'rules', ids.length),
    ...more,
  });
  const [beginning, text] = [[3], [9, 27, 17, 5, 6, 40, 41]];

  it.each(['f32', 'int8'] as const)(
    'rows that are the model’s own mean what its tokens mean, in %s',
    async (precision) => {
      const width = model.architecture.config.width;
      const table = await device.read(model.weights, 'model.embed_tokens.weight');
      const own = f32Tensor(
        [2, width],
        [27, 5].flatMap((id) => [...table.slice(id * width, (id + 1) * width)]),
      );
      const [asTokens] = await generate(model, [request([3, 27, 9, 5, 8])], { ...sampled, precision });
      const [asRows] = await generate(model, [request([3, V, 9, V + 1, 8])], { ...sampled, precision, soft: own });
      expect(asRows).toEqual(asTokens);
    },
  );

  it('prompts of one text under different rows, read as a tree, give what each gives alone', async () => {
    const prompts = [
      [...beginning, V, V + 1, ...text],
      [...beginning, V, V + 2, ...text],
      [...beginning, V + 3, ...text, 11],
      [...beginning, V, V + 1, ...text, 12, 13],
      [...beginning, ...text],
    ];
    const requests = prompts.map((ids, i) => ({ ids, stream: streamKey(3, 'tree', i), scoreFrom: ids.length - 2 }));
    const together = await generate(model, requests, { ...sampled, soft });
    for (const [i, each] of requests.entries()) {
      const [alone] = await generate(model, [each], { ...sampled, soft });
      expect(together[i]?.ids).toEqual(alone?.ids);
      expect(relativeDifference(together[i]?.logProbs ?? [], alone?.logProbs ?? [])).toBeLessThan(sameValues);
      expect(relativeDifference(together[i]?.scored ?? [], alone?.scored ?? [])).toBeLessThan(sameValues);
    }
    expect(together[0]?.logProbs[0]).not.toBeCloseTo(together[1]?.logProbs[0] ?? NaN, 4);
  });

  it('an id is known only with a table that has its row', async () => {
    const ids = [3, V + 1, 5];
    await expect(generate(model, [request(ids)], sampled)).rejects.toThrow(/not in the vocabulary[^]*below 64/);
    await expect(scoreCompletions(model, [{ prefix: ids, completion: [1] }])).rejects.toThrow(ConfigError);
    const one = f32Tensor([1, 32], new Float32Array(32));
    await expect(generate(model, [request(ids)], { ...sampled, soft: one })).rejects.toThrow(/1 soft row/);
    const embedder = await openEmbedder(model);
    await expect(embedder.embed([ids])).rejects.toThrow(/not in the vocabulary/);
    await expect(embedder.embed([ids], { soft: one })).rejects.toThrow(/1 soft row/);
    await embedder.close();
  });

  it('rows of another width, or none, are refused', async () => {
    for (const dims of [[2, 16], [0, 32], [64]])
      await expect(
        generate(model, [request([3])], {
          ...sampled,
          soft: f32Tensor(dims, new Float32Array(dims.reduce((a, b) => a * b))),
        }),
      ).rejects.toThrow(ShapeError);
  });

  it('a soft token is not scored', async () => {
    await expect(scoreCompletions(model, [{ prefix: [3], completion: [5, V, 6] }], { soft })).rejects.toThrow(
      /soft token has no probability/,
    );
    await expect(generate(model, [request([3, 5, V, 6], { scoreFrom: 1 })], { ...sampled, soft })).rejects.toThrow(
      /row 0, token 2/,
    );
    const [scored] = await generate(model, [request([3, 5, V, 6], { scoreFrom: 3 })], { ...sampled, soft });
    expect(scored?.scored).toHaveLength(1);
    expect(() => packSequences([{ prefix: [3, V], completion: [5, V] }], V)).toThrow(/soft token has no probability/);
  });

  it('penalties and bans read the prompt as if it had no soft tokens', () => {
    const strict = { ...greedy, repetitionPenalty: 1.7, noRepeatNgram: 2 };
    const row = { ids: [3, V, 4, V + 1, 3], scoreFrom: null, sampling: strict, stream: streamKey(2, 'penalties') };
    const start = { where: 'row 0', alternatives: 0 };
    const { seen, repeated } = beginGeneration(row, { vocabularySize: V, program: { tokenBytes: null } }, start);
    expect([...seen]).toEqual([3, 4]);
    expect([...repeated.next()]).toEqual([4]);
  });

  it('a context that holds soft tokens is not gone on from in a later call, whose rows are others', async () => {
    const prompt = [...beginning, V, V + 1, ...text];
    const other = f32Tensor(
      soft.dims,
      (soft.data as Float32Array).map((value) => 0.5 - value),
    );
    const go = (ids: readonly number[], table: HostTensor, continues: boolean): Promise<readonly Generated[]> =>
      generate(model, [request(ids, { continues }), request([...ids, 8], { continues })], {
        ...greedy,
        keep: true,
        soft: table,
      });
    const [first] = await go(prompt, soft, false);
    const longer = [...prompt, ...(first?.ids ?? []), 7];
    const continued = await go(longer, other, true);
    const fresh = await go(longer, other, false);
    expect(continued).toEqual(fresh);
  });

  it('beside them a context of tokens alone is kept as ever', async () => {
    const rows = (ids: readonly number[], continues = false): readonly GenerateRequest[] => [
      request([...beginning, V, ...ids], { continues }),
      request([...beginning, ...ids], { continues }),
    ];
    const first = await generate(model, rows(text), { ...greedy, keep: true, soft });
    const next = [...text, ...(first[1]?.ids ?? []), 7];
    const continued = await generate(model, rows(next, true), { ...greedy, soft });
    const again = await generate(model, rows(next), { ...greedy, soft });
    continued.forEach(({ ids, logProbs }, i) => {
      expect(ids).toEqual(again[i]?.ids);
      expect(relativeDifference(logProbs, again[i]?.logProbs ?? [])).toBeLessThan(sameValues);
    });
  });

  it('they are not cut off in silence', async () => {
    const long = Array.from({ length: 44 }, (_, i) => (i % 60) + 1);
    const options = { ...sampled, soft, truncation: 'keepLast' } as const;
    await expect(generate(model, [request([3, V, ...long])], options)).rejects.toThrow(/soft tokens would be cut off/);
    const [kept] = await generate(model, [request([3, ...long, V])], options);
    expect(kept?.ids).toHaveLength(10);
  });

  it('a batch that rows join reads them from the table that it was opened with', async () => {
    const [expected] = await generate(model, [request([3, V, 9, 27])], { ...greedy, soft });
    const batch = await device.openLiveBatch(await model.inference({ soft: true }), cacheShapeOf(model.architecture), {
      soft,
    });
    const row = { scoreFrom: null, sampling: greedy, stream: streamKey(2, 'live'), alternatives: 0 };
    const events: LiveEvent[] = [
      ...(await batch.step({
        admit: [
          { ...row, ids: [3, V, 9, 27], key: 1 },
          { ...row, ids: [3, V + 1, 9, 27, 5], key: 2 },
          { ...row, ids: [3, V + 6], key: 3 },
        ],
        drop: [],
      })),
    ];
    while (!events.some(({ key, finishReason }) => key === 1 && finishReason !== null))
      events.push(...(await batch.step({ admit: [], drop: [] })));
    await batch.close();
    expect(events.flatMap(({ key, token }) => (key === 1 && token !== null ? [token.id] : []))).toEqual(expected?.ids);
    expect(events.find(({ key }) => key === 3)?.error?.message).toMatch(/not in the vocabulary/);
  });

  it('a program that reads none refuses a table, and one that reads them refuses to have none', async () => {
    const rows = [{ ids: [3], scoreFrom: null, sampling: greedy, stream: streamKey(2, 'program') }];
    const shape = cacheShapeOf(model.architecture);
    await expect(device.decode(await model.inference(), shape, rows, { soft })).rejects.toThrow(/reads none/);
    await expect(device.decode(await model.inference({ soft: true }), shape, rows)).rejects.toThrow(/which reads them/);
  });

  it('in 8 bits the same matrices are rounded', () => {
    const int8 = new Set(['model.embed_tokens.weight', 'model.layers.0.mlp.up_proj.weight']);
    expect(storedWeights(inferenceGraph(model.architecture, { soft: true }), int8)).toEqual(
      storedWeights(inferenceGraph(model.architecture), int8),
    );
  });
});
