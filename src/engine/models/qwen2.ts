/** Qwen2 and Qwen2.5: Llama with biases on queries, keys and values; a sliding window, where it is switched on, from
 *  one layer on. Source: transformers 5.23 `modeling_qwen2.py`, `configuration_qwen2.py` (defaults). */
import { readConfig, type RawConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily, type GatedDecoderConfig } from './gatedDecoder.js';
import { readGatedDecoder, readLayerTypes, windowsOf, withLayerKinds } from './gatedDecoderConfig.js';

export const qwen2: ModelFamily = gatedDecoderFamily('qwen2', 'Qwen2', (raw, where) => {
  const config = readGatedDecoder(raw, where, {
    modelType: 'qwen2',
    width: 4096,
    inner: 22016,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headSize: null,
    vocabularySize: 151936,
    contextLength: 32768,
    tiedHead: false,
    epsilon: 1e-6,
  });
  return withQwenWindows({ ...config, biases: { qkv: true, output: false, mlp: false } }, raw, where);
});

/** The windows of Qwen2 and Qwen3: `layer_types`, else the layers from `max_window_layers` on. */
export function withQwenWindows(config: GatedDecoderConfig, raw: RawConfig, where: string): GatedDecoderConfig {
  const read = readConfig(raw, where);
  const window = read.flag('use_sliding_window', false) ? read.sizeOrNone('sliding_window', 4096) : null;
  // 0 is allowed here: every layer has the window.
  const firstSliding = read.quantity('max_window_layers', 28);
  const types = readLayerTypes(raw, where, config.layers, (layer) =>
    window !== null && layer >= firstSliding ? 'sliding_attention' : 'full_attention',
  );
  const windows = windowsOf(types, window, where);
  return withLayerKinds(config, (layer) => ({ rope: 0, window: windows[layer] ?? null }));
}
