/** SmolLM3: Llama in which positions do not enter every fourth layer (NoPE); those layers may have a sliding window.
 *  Source: transformers 5.23 `modeling_smollm3.py`, `configuration_smollm3.py` (defaults). */
import { ConfigError } from '../../base/errors.js';
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGatedDecoder, readLayerTypes, windowsOf, withLayerKinds } from './gatedDecoderConfig.js';

export const smollm3: ModelFamily = gatedDecoderFamily('smollm3', 'SmolLM3', (raw, where) => {
  const read = readConfig(raw, where);
  const bias = read.flag('attention_bias', false);
  const config = readGatedDecoder(raw, where, {
    modelType: 'smollm3',
    width: 2048,
    inner: 11008,
    layers: 36,
    heads: 16,
    kvHeads: 4,
    headSize: null,
    vocabularySize: 128256,
    contextLength: 32768,
    tiedHead: true,
    epsilon: 1e-6,
    ropes: [parseRopeSettings(raw, where, { theta: 2_000_000 })],
  });
  const turns = turningLayers(raw, where, config.layers, read.size('no_rope_layer_interval', 4));
  const window = read.flag('use_sliding_window', false) ? read.optionalSize('sliding_window') : null;
  const types = readLayerTypes(raw, where, config.layers, (layer) =>
    window !== null && turns[layer] === false ? 'sliding_attention' : 'full_attention',
  );
  const windows = windowsOf(types, window, where);
  return withLayerKinds(
    { ...config, biases: { qkv: bias, output: bias, mlp: read.flag('mlp_bias', false) } },
    (layer) => ({ rope: turns[layer] === true ? 0 : null, window: windows[layer] ?? null }),
  );
});

/** By layer, whether positions enter: `no_rope_layers` says so with a 1, despite its name. */
function turningLayers(raw: RawConfig, where: string, layers: number, interval: number): readonly boolean[] {
  const listed = raw['no_rope_layers'] ?? null;
  if (listed === null) return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
  if (!Array.isArray(listed) || listed.length < layers || !listed.every((each) => each === 0 || each === 1)) {
    throw new ConfigError('Unreadable model configuration: no_rope_layers', {
      where,
      expected: `0 or 1 for each of ${String(layers)} layers`,
      got: JSON.stringify(listed),
    });
  }
  return listed.slice(0, layers).map((each) => each === 1);
}
