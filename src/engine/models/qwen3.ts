/** Qwen3: Llama with normed queries and keys and a head size of its own (128 unless config.json says otherwise);
 *  windows as in Qwen2. Source: transformers 5.23 `modeling_qwen3.py`, `configuration_qwen3.py` (defaults). */
import { readConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGatedDecoder } from './gatedDecoderConfig.js';
import { withQwenWindows } from './qwen2.js';

export const qwen3: ModelFamily = gatedDecoderFamily('qwen3', 'Qwen3', (raw, where) => {
  const bias = readConfig(raw, where).flag('attention_bias', false);
  const config = readGatedDecoder(raw, where, {
    modelType: 'qwen3',
    width: 4096,
    inner: 22016,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headSize: 128,
    vocabularySize: 151936,
    contextLength: 32768,
    tiedHead: false,
    epsilon: 1e-6,
  });
  return withQwenWindows({ ...config, normsHeads: true, biases: { qkv: bias, output: bias, mlp: false } }, raw, where);
});
