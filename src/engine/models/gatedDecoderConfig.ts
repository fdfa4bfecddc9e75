/** Reading the fields that decoders of Llama's shape share, with a family's defaults. */
import { ConfigError } from '../../base/errors.js';
import { activationNamed } from '../nn/activation.js';
import { rotatablePositions, rotatedChannels, type RopeSettings } from '../nn/rope.js';
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { mostLayers, mostPositions, readConfig, type RawConfig } from './configReader.js';
import type { GatedDecoderConfig, LayerKind } from './gatedDecoder.js';

/** Defaults of a configuration class of transformers. */
export interface GatedDecoderDefaults {
  readonly modelType: string;
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  /** null: as many as heads. */
  readonly kvHeads: number | null;
  /** null: width / heads. */
  readonly headSize: number | null;
  readonly vocabularySize: number;
  readonly contextLength: number;
  readonly tiedHead: boolean;
  readonly epsilon: number;
  /** Key and default of the activation function; default `hidden_act`, silu. */
  readonly activation?: { readonly key: string; readonly name: string };
  /** The rotations, read by the family where they are not one with Llama's keys. */
  readonly ropes?: readonly RopeSettings[];
}

/** A configuration in which everything else is as in Llama without biases: one rotation, no windows, nothing normed but
 *  the input of sub-layers. Families replace what differs.
 *  @throws ConfigError naming the field that is missing, wrong or not supported */
export function readGatedDecoder(raw: RawConfig, where: string, defaults: GatedDecoderDefaults): GatedDecoderConfig {
  const read = readConfig(raw, where);
  const width = read.size('hidden_size', defaults.width);
  const heads = read.size('num_attention_heads', defaults.heads);
  const kvHeads = read.sizeOrNone('num_key_value_heads', defaults.kvHeads) ?? heads;
  const headSize = read.size('head_dim', defaults.headSize ?? width / heads);
  const fail = (summary: string, expected: string, got: readonly number[]): never => {
    throw new ConfigError(summary, { where, expected, got: got.join(' and ') });
  };
  if (!Number.isInteger(headSize) || headSize % 2 !== 0)
    fail('Heads do not divide the width', 'an even head size', [width, heads]);
  if (heads % kvHeads !== 0)
    fail('Heads cannot be grouped', 'num_attention_heads to be a multiple of num_key_value_heads', [heads, kvHeads]);
  const layers = read.size('num_hidden_layers', defaults.layers, mostLayers);
  const ropes = defaults.ropes ?? [parseRopeSettings(raw, where)];
  const channels = ropes.map((settings) => rotatedChannels(settings, headSize));
  if (channels.some((each) => each === 0 || each % 2 !== 0))
    fail('Channels do not turn in pairs', 'an even number of rotated channels', channels);
  const contextLength = read.size('max_position_embeddings', defaults.contextLength, mostPositions);
  const { key, name } = defaults.activation ?? { key: 'hidden_act', name: 'silu' };
  return {
    modelType: defaults.modelType,
    width,
    heads,
    kvHeads,
    headSize,
    layers,
    ropes,
    vocabularySize: read.size('vocab_size', defaults.vocabularySize),
    contextLength: Math.min(...ropes.map((settings) => rotatablePositions(settings, contextLength))),
    tiedHead: read.flag('tie_word_embeddings', defaults.tiedHead),
    inner: read.size('intermediate_size', defaults.inner),
    epsilon: read.quantity('rms_norm_eps', defaults.epsilon),
    activation: activationNamed(read.text(key, name), where),
    initialStd: read.quantity('initializer_range', 0.02),
    scoreScale: 1 / Math.sqrt(headSize),
    scoreSoftcap: 0,
    biases: { qkv: false, output: false, mlp: false },
    isFused: false,
    normsHeads: false,
    normsOutputs: false,
    gainOffset: 0,
    embeddingScale: 1,
    layerKinds: Array.from({ length: layers }, () => ({ rope: 0, window: null })),
    raw,
  };
}

/** The configuration with these layers. A window as wide as the context hides nothing and is none. */
export function withLayerKinds(config: GatedDecoderConfig, kindOf: (layer: number) => LayerKind): GatedDecoderConfig {
  const layerKinds = config.layerKinds.map((_, layer) => {
    const { rope, window } = kindOf(layer);
    return { rope, window: window !== null && window < config.contextLength ? window : null };
  });
  const windows = layerKinds.flatMap(({ window }) => (window === null ? [] : [window]));
  return { ...config, layerKinds, ...(windows.length === 0 ? {} : { slidingWindow: Math.min(...windows) }) };
}

export type LayerType = 'full_attention' | 'sliding_attention';

const layerTypes: readonly string[] = ['full_attention', 'sliding_attention'] satisfies readonly LayerType[];

/** `layer_types` of config.json, or the family's own pattern where it is absent.
 *  @throws ConfigError for a layer of another kind, or fewer entries than layers */
export function readLayerTypes(
  raw: RawConfig,
  where: string,
  layers: number,
  otherwise: (layer: number) => LayerType,
): readonly LayerType[] {
  const listed = raw['layer_types'] ?? null;
  if (listed === null) return Array.from({ length: layers }, (_, layer) => otherwise(layer));
  const isKnown = (each: unknown): each is LayerType => typeof each === 'string' && layerTypes.includes(each);
  if (!Array.isArray(listed) || listed.length < layers || !listed.every(isKnown)) {
    throw new ConfigError('Unknown kinds of layers', {
      where: `${where}: layer_types`,
      expected: `${String(layers)} of ${layerTypes.join(', ')}`,
      got: JSON.stringify(listed),
    });
  }
  return listed.slice(0, layers);
}

/** The window of each layer of these types. @throws ConfigError when a sliding layer has none */
export function windowsOf(
  types: readonly LayerType[],
  window: number | null,
  where: string,
): readonly (number | null)[] {
  return types.map((type) => {
    if (type === 'full_attention') return null;
    if (window === null) {
      throw new ConfigError('A sliding layer without a window', {
        where,
        expected: 'sliding_window beside layer_types with sliding_attention',
        got: 'none',
      });
    }
    return window;
  });
}
