/** Gemma 2: gains that checkpoints hold less 1, scaled embeddings, norms before and after each sub-layer, capped scores
 *  and logits, every other layer with a sliding window. Source: transformers 5.23 `modeling_gemma2.py`,
 *  `configuration_gemma2.py` (defaults). */
import { ConfigError } from '../../base/errors.js';
import type { RopeSettings } from '../nn/rope.js';
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily, type GatedDecoderConfig } from './gatedDecoder.js';
import {
  readGatedDecoder,
  readLayerTypes,
  windowsOf,
  withLayerKinds,
  type GatedDecoderDefaults,
  type LayerType,
} from './gatedDecoderConfig.js';

export const gemma2: ModelFamily = gatedDecoderFamily('gemma2', 'Gemma2', (raw, where) => {
  const read = readConfig(raw, where);
  const config = readGemma(raw, where, {
    modelType: 'gemma2',
    vocabularySize: 256000,
    contextLength: 8192,
    ropes: [parseRopeSettings(raw, where)],
  });
  const logitSoftcap = read.quantityOrNone('final_logit_softcapping', 30) ?? 0;
  const capped = {
    ...config,
    scoreSoftcap: read.quantityOrNone('attn_logit_softcapping', 50) ?? 0,
    ...(logitSoftcap === 0 ? {} : { logitSoftcap }),
  };
  return withGemmaLayers(capped, raw, where, { slidingEvery: (layer) => layer % 2 === 0, ropeOf: () => 0 });
});

/** Reads the settings that Gemma 2 and 3 share, with their shared defaults.
 *  @throws ConfigError when it looks both ways, as encoders do */
export function readGemma(
  raw: RawConfig,
  where: string,
  own: Pick<GatedDecoderDefaults, 'modelType' | 'vocabularySize' | 'contextLength'> & {
    readonly ropes: readonly RopeSettings[];
  },
): GatedDecoderConfig {
  const read = readConfig(raw, where);
  if (read.flag('use_bidirectional_attention', false)) {
    throw new ConfigError('A Gemma that looks both ways is not supported', {
      where,
      expected: 'use_bidirectional_attention false',
      got: 'true',
    });
  }
  const config = readGatedDecoder(raw, where, {
    width: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    kvHeads: 4,
    headSize: 256,
    tiedHead: true,
    epsilon: 1e-6,
    activation: { key: 'hidden_activation', name: 'gelu_pytorch_tanh' },
    ...own,
  });
  const bias = read.flag('attention_bias', false);
  return {
    ...config,
    normsOutputs: true,
    gainOffset: 1,
    biases: { qkv: bias, output: bias, mlp: false },
    embeddingScale: Math.sqrt(config.width),
    scoreScale: 1 / Math.sqrt(read.size('query_pre_attn_scalar', 256)),
  };
}

interface GemmaLayers {
  /** Whether a layer has the window, where config.json does not list the layers. */
  readonly slidingEvery: (layer: number) => boolean;
  /** Index of the rotation of a layer of this type. */
  readonly ropeOf: (type: LayerType) => number;
}

export function withGemmaLayers(
  config: GatedDecoderConfig,
  raw: RawConfig,
  where: string,
  { slidingEvery, ropeOf }: GemmaLayers,
): GatedDecoderConfig {
  const types = readLayerTypes(raw, where, config.layers, (layer) =>
    slidingEvery(layer) ? 'sliding_attention' : 'full_attention',
  );
  const windows = windowsOf(types, readConfig(raw, where).sizeOrNone('sliding_window', 4096), where);
  return withLayerKinds(config, (layer) => ({
    rope: ropeOf(types[layer] ?? 'full_attention'),
    window: windows[layer] ?? null,
  }));
}
