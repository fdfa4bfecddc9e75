/** Every family of language models is held to this beside languageModel.test.ts; the table and goldens are listed:
 *  a new entry is tested unasked, and fails without goldens. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { streamKey } from '../../base/random.js';
import { openDevice, type Device } from '../runtime/device.js';
import { architectureOf, classNameOf, modelFamilies } from './all.js';
import { openCheckpoint } from './checkpoints/openCheckpoint.js';
import { generate, type GenerationOptions } from './generate.js';
import { languageModelParameters } from './parameters.js';
import { openLanguageModel, saveLanguageModel } from './languageModel.js';
import { scoreCompletions } from './scoreCompletions.js';
import {
  classifierParameters,
  classify,
  openSequenceClassifier,
  saveSequenceClassifier,
  traceClassLogits,
} from './sequenceClassifier.js';
import {
  classifierVariants,
  goldenCheckpoint,
  gradientErrors,
  languageVariants,
  readGolden,
  relativeDifference,
} from './testing/goldenModels.js';
import { lossGradients } from './testing/lossGradients.js';
import { packTexts } from './textBatch.js';

/** Tolerance of languageModel.test.ts: float32 sums in another order. */
const sameValues = 1e-5;
const sameGradients = 1e-4;
const sampled: GenerationOptions = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  minNewTokens: 0,
  maxNewTokens: 12,
  stopIds: [],
};

/** Set: the saved models stay there, for `python tests/golden/families.py FOLDER`. */
const keptFolder = process.env['FAMILIES_FOLDER'];

let device: Device;
let dir: string;
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  dir = keptFolder ?? mkdtempSync(join(tmpdir(), 'gadfly-families-'));
});
afterAll(async () => {
  if (keptFolder === undefined) rmSync(dir, { recursive: true });
  await device.close();
});

describe.each(Object.entries(modelFamilies))('the family %s', (type, family) => {
  const of = (variants: readonly string[]): readonly string[] =>
    variants.filter((variant) => readGolden(variant).config['model_type'] === type);

  it('has goldens of its language model and of its classifier', () => {
    expect(of(languageVariants)).not.toEqual([]);
    expect(of(classifierVariants)).not.toEqual([]);
  });

  it('is saved under a class of its own, with every parameter once', () => {
    for (const variant of of(languageVariants)) {
      const architecture = architectureOf(readGolden(variant).config, 'language', variant);
      expect(family.causalLanguageModels).toContain(classNameOf(architecture, 'language'));
      const names = languageModelParameters(architecture).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it('rounds no matrix of the first two layers and the last, and neither queries, keys nor values', () => {
    for (const variant of of(languageVariants)) {
      const config = {
        ...readGolden(variant).config,
        num_hidden_layers: 4,
        n_layer: 4,
        layer_types: null,
        no_rope_layers: null,
      };
      const specs = languageModelParameters(architectureOf(config, 'language', variant));
      const rounded = specs
        .flatMap(({ name, roundable }) => (roundable === true ? [name] : []))
        .filter((name) => /\.\d+\./.test(name));
      expect(rounded.length).toBeGreaterThan(1);
      for (const name of rounded) expect(name).toMatch(/\.2\..*(?<!(q|k|v|qkv)_proj|c_attn|query_key_value)\.weight$/);
    }
  });
});

describe.each(classifierVariants)('the classifier %s', (variant) => {
  const golden = readGolden<{
    readonly sequences: readonly (readonly number[])[];
    readonly logits: readonly (readonly number[])[];
  }>(variant);

  it('gives the logits of transformers, in a padded batch and alone', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    const together = await classify(model, golden.sequences);
    for (const [i, ids] of golden.sequences.entries()) {
      expect(relativeDifference(together[i] ?? [], golden.logits[i] ?? [])).toBeLessThan(sameValues);
      expect(relativeDifference((await classify(model, [ids]))[0] ?? [], golden.logits[i] ?? [])).toBeLessThan(
        sameValues,
      );
    }
    await model.close();
  });

  it('has the gradients of PyTorch', async () => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant), { trainable: true });
    // d/dlogits of Σ_c (k + 1 − c) log softmax(logits_k)_c: (k + 1 − c) − p_c Σ_c (k + 1 − c).
    const factors = golden.logits.flatMap((logits, k) => {
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      const weight = logits.reduce((sum, _, c) => sum + (k + 1 - c), 0);
      return logits.map((logit, c) => k + 1 - c - (weight * Math.exp(logit)) / total);
    });
    const { base } = model.architecture;
    const { gradients } = await lossGradients(device, model.weights, classifierParameters(model.architecture), {
      build: (trace) => traceClassLogits(model.architecture, trace),
      factors,
      feeds: packTexts(golden.sequences, base, base.classifier.pooling),
    });
    for (const [name, error] of gradientErrors(variant, gradients)) expect(error, name).toBeLessThan(sameGradients);
    await model.close();
  });
});

const windowed = languageVariants.filter(
  (variant) => architectureOf(readGolden(variant).config, 'language', variant).config.slidingWindow !== undefined,
);

describe('layers with a sliding window', () => {
  it('are among the goldens, of every family that has them', () => {
    const types = new Set(windowed.map((variant) => readGolden(variant).config['model_type']));
    expect([...types].sort()).toEqual(['gemma2', 'gemma3_text', 'mistral', 'phi3', 'qwen2', 'qwen3', 'smollm3']);
  });

  it.each(windowed)(
    '%s: prompts that share a beginning longer than the window, read as a tree, give what each gives alone',
    async (variant) => {
      const model = await openLanguageModel(device, goldenCheckpoint(variant));
      const [, , shared = []] = readGolden(variant).sequences;
      const prompts = [
        shared,
        [...shared, 3, 9],
        [...shared, 3, 9, 12, 40, 2, 31],
        [...shared, 7],
        shared.slice(0, 12),
        [5, 6, 7],
      ];
      const requests = prompts.map((ids, i) => ({ ids, stream: streamKey(4, 'tree', i), scoreFrom: 1 }));
      const together = await generate(model, requests, sampled);
      for (const [i, request] of requests.entries()) {
        const [alone] = await generate(model, [request], sampled);
        expect(together[i]?.ids).toEqual(alone?.ids);
        expect(relativeDifference(together[i]?.logProbs ?? [], alone?.logProbs ?? [])).toBeLessThan(sameValues);
        expect(relativeDifference(together[i]?.scored ?? [], alone?.scored ?? [])).toBeLessThan(sameValues);
      }
      await model.close();
    },
  );

  it.each(windowed)('%s: a kept context that is continued gives what reading it again gives', async (variant) => {
    const model = await openLanguageModel(device, goldenCheckpoint(variant));
    const [a = [], b = []] = readGolden(variant).sequences;
    const first = await generate(
      model,
      [a, b, [...a, 8]].map((ids, i) => ({ ids, stream: streamKey(5, 'kept', i) })),
      { ...sampled, keep: true },
    );
    const longer = [
      [...a, ...(first[0]?.ids ?? []), 11, 12],
      [...b, ...(first[1]?.ids ?? []), 13],
      [...a, 8, ...(first[2]?.ids ?? []), 1, 2, 3],
    ];
    const requests = longer.map((ids, i) => ({ ids, stream: streamKey(6, 'kept', i), scoreFrom: ids.length - 1 }));
    const continued = await generate(
      model,
      requests.map((request) => ({ ...request, continues: true })),
      sampled,
    );
    const again = await generate(model, requests, sampled);
    const scored = await scoreCompletions(
      model,
      continued.map(({ ids }, i) => ({ prefix: longer[i] ?? [], completion: ids })),
    );
    continued.forEach(({ ids, logProbs, scored: own }, i) => {
      expect(ids).toEqual(again[i]?.ids);
      expect(relativeDifference(logProbs, scored[i] ?? [])).toBeLessThan(sameValues);
      expect(relativeDifference(own ?? [], again[i]?.scored ?? [])).toBeLessThan(sameValues);
    });
    await model.close();
  });

  it('hide what they should: without the window the logits are others', async () => {
    const golden = goldenCheckpoint('../families/mistral');
    const open = await openLanguageModel(device, { ...golden, config: { ...golden.config, sliding_window: null } });
    const {
      sequences: [, , ids = []],
      logProbs: [, , expected = []],
    } = readGolden('../families/mistral');
    const [scored = []] = await scoreCompletions(open, [{ prefix: ids.slice(0, 1), completion: ids.slice(1) }]);
    expect(relativeDifference(scored.slice(0, 5), expected.slice(0, 5))).toBeLessThan(sameValues);
    expect(relativeDifference(scored, expected)).toBeGreaterThan(0.01);
    await open.close();
  });
});

describe('a saved model of any family', () => {
  it('has a config.json whose real numbers are written as such, which transformers insists on', async () => {
    const golden = goldenCheckpoint('../families/gemma2');
    const model = await openLanguageModel(device, {
      ...golden,
      config: { ...golden.config, attn_logit_softcapping: 2, query_pre_attn_scalar: 24 },
    });
    await saveLanguageModel(model, join(dir, 'gemma2'));
    const text = readFileSync(join(dir, 'gemma2', 'config.json'), 'utf8');
    expect(text).toMatch(/"attn_logit_softcapping": 2\.0,?\n/);
    expect(text).toMatch(/"final_logit_softcapping": 4\.0,?\n/);
    expect(text).toMatch(/"query_pre_attn_scalar": 24,?\n/);
    await model.close();
  });

  it.each(classifierVariants)('%s, a classifier, opens again with the same parameters', async (variant) => {
    const model = await openSequenceClassifier(device, goldenCheckpoint(variant));
    const folder = join(dir, basename(variant));
    await saveSequenceClassifier(model, folder);
    const again = await openSequenceClassifier(device, folder);
    expect(await device.hash(again.weights)).toBe(await device.hash(model.weights));
    await again.close();
    await model.close();
  });

  it.each(languageVariants)('%s opens again with the same parameters and configuration', async (variant) => {
    const golden = goldenCheckpoint(variant);
    const model = await openLanguageModel(device, golden);
    const folder = join(dir, basename(variant));
    await saveLanguageModel(model, folder);
    const saved = await openCheckpoint(folder);
    expect([...saved.tensors.keys()].sort()).toEqual(Object.keys(readGolden(variant).parameters).sort());
    const { dtype: _dtype, ...fields } = golden.config;
    expect(saved.config).toMatchObject(fields);
    const again = await openLanguageModel(device, saved);
    expect(await device.hash(again.weights)).toBe(await device.hash(model.weights));
    await saved.close();
    await again.close();
    await model.close();
  });

  it('reads the head of a GPT-NeoX under either of its names, and leaves the masks of old files', async () => {
    const golden = goldenCheckpoint('../families/gpt-neox');
    const renamed = [...golden.tensors].map(
      ([name, tensor]) => [name === 'embed_out.weight' ? 'lm_head.weight' : name, tensor] as const,
    );
    const mask = {
      name: 'gpt_neox.layers.0.attention.bias',
      shape: [1, 1, 48, 48],
      dtype: 'U8',
      read: () => Promise.resolve(new Float32Array(48 * 48)),
    };
    const model = await openLanguageModel(device, { ...golden, tensors: new Map([...renamed, [mask.name, mask]]) });
    const same = await openLanguageModel(device, golden);
    expect(await device.read(model.weights, 'embed_out.weight')).toEqual(
      await device.read(same.weights, 'embed_out.weight'),
    );
    await model.close();
    await same.close();
  });
});

describe('configurations', () => {
  const open = (config: Readonly<Record<string, unknown>>) => architectureOf(config, 'language', 'config.json').config;

  it('of a multimodal wrapper are refused with the families that are known', () => {
    const wrapper = {
      model_type: 'gemma3',
      architectures: ['Gemma3ForConditionalGeneration'],
      text_config: {},
      vision_config: {},
    };
    expect(() => open(wrapper)).toThrow(ConfigError);
    expect(() => open(wrapper)).toThrow(/multimodal[^]*gemma3_text[^]*Gemma3ForConditionalGeneration/i);
  });

  it('without fields have the defaults of the configuration classes of transformers', () => {
    expect(open({ model_type: 'gpt_neox' })).toMatchObject({
      layers: 44,
      width: 6144,
      heads: 64,
      contextLength: 2048,
      tiedHead: false,
      vocabularySize: 50432,
    });
    expect(open({ model_type: 'opt' })).toMatchObject({
      layers: 12,
      width: 768,
      heads: 12,
      contextLength: 2048,
      tiedHead: true,
      vocabularySize: 50272,
    });
    expect(open({ model_type: 'mistral' })).toMatchObject({
      kvHeads: 8,
      headSize: 128,
      contextLength: 131072,
      slidingWindow: 4096,
      tiedHead: false,
    });
    expect(open({ model_type: 'qwen2' })).toMatchObject({
      kvHeads: 32,
      headSize: 128,
      contextLength: 32768,
      tiedHead: false,
    });
    expect(
      open({ model_type: 'qwen3', hidden_size: 1024, num_attention_heads: 16, num_key_value_heads: null }),
    ).toMatchObject({ headSize: 128, kvHeads: 16 });
    expect(open({ model_type: 'smollm3' })).toMatchObject({
      layers: 36,
      heads: 16,
      kvHeads: 4,
      headSize: 128,
      tiedHead: true,
    });
    expect(open({ model_type: 'phi3' })).toMatchObject({
      heads: 32,
      kvHeads: 32,
      headSize: 96,
      contextLength: 4096,
      tiedHead: false,
    });
    expect(open({ model_type: 'gemma2' })).toMatchObject({
      heads: 8,
      kvHeads: 4,
      headSize: 256,
      slidingWindow: 4096,
      logitSoftcap: 30,
      tiedHead: true,
    });
    expect(open({ model_type: 'gemma3_text', max_position_embeddings: 8192 })).toMatchObject({
      headSize: 256,
      slidingWindow: 4096,
      tiedHead: true,
    });
    for (const type of ['qwen2', 'qwen3', 'smollm3', 'phi3'])
      expect(open({ model_type: type, num_key_value_heads: 4 }).slidingWindow).toBeUndefined();
  });

  it('with a window as wide as the context have none', () => {
    expect(open({ model_type: 'mistral', max_position_embeddings: 4096 }).slidingWindow).toBeUndefined();
  });

  it('with two sets of rope factors are read up to the original context', () => {
    const golden = readGolden('../families/phi3-long').config;
    expect(golden['max_position_embeddings']).toBe(96);
    expect(open(golden).contextLength).toBe(48);
  });

  it.each([
    [{ model_type: 'gemma2', use_bidirectional_attention: true }, /both ways/],
    [{ model_type: 'gemma3_text', attn_logit_softcapping: 50 }, /attn_logit_softcapping/],
    [{ model_type: 'opt', layer_norm_elementwise_affine: false }, /LayerNorm/],
    [{ model_type: 'gpt_neox', rotary_pct: 0.001 }, /pairs/],
    [{ model_type: 'qwen2', layer_types: ['linear_attention'] }, /layer_types[^]*sliding_attention/],
    [{ model_type: 'qwen2', num_hidden_layers: 1, layer_types: ['sliding_attention'] }, /sliding_window/],
    [{ model_type: 'qwen2', rope_scaling: { type: 'ntk' } }, /default, linear, dynamic, yarn, longrope, llama3[^]*ntk/],
    [{ model_type: 'smollm3', no_rope_layers: [2] }, /no_rope_layers/],
    [{ model_type: 'phi3', rope_scaling: { type: 'su', long_factor: [1] } }, /short_factor/],
  ])('%j is refused with the field at fault', (config, message) => {
    expect(() => open(config)).toThrow(message);
  });
});
