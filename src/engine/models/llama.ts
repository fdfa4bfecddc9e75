/** Llama and what has its shape (SmolLM2, TinyLlama, …).
 *  Source: transformers 5.23 `modeling_llama.py`, `configuration_llama.py` (defaults). */
import { readConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGatedDecoder } from './gatedDecoderConfig.js';

export const llama: ModelFamily = gatedDecoderFamily('llama', 'Llama', (raw, where) => {
  const read = readConfig(raw, where);
  const bias = read.flag('attention_bias', false);
  return {
    ...readGatedDecoder(raw, where, {
      modelType: 'llama',
      width: 4096,
      inner: 11008,
      layers: 32,
      heads: 32,
      kvHeads: null,
      headSize: null,
      vocabularySize: 32000,
      contextLength: 2048,
      tiedHead: false,
      epsilon: 1e-6,
    }),
    biases: { qkv: bias, output: bias, mlp: read.flag('mlp_bias', false) },
  };
});
