/** Mistral: Llama without biases, every layer with one sliding window (4096 tokens unless config.json says otherwise;
 *  null is none). Source: transformers 5.23 `modeling_mistral.py`, `configuration_mistral.py` (defaults). */
import { readConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGatedDecoder, withLayerKinds } from './gatedDecoderConfig.js';

export const mistral: ModelFamily = gatedDecoderFamily('mistral', 'Mistral', (raw, where) => {
  const window = readConfig(raw, where).sizeOrNone('sliding_window', 4096);
  const config = readGatedDecoder(raw, where, {
    modelType: 'mistral',
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headSize: null,
    vocabularySize: 32000,
    contextLength: 131072,
    tiedHead: false,
    epsilon: 1e-6,
  });
  return withLayerKinds(config, () => ({ rope: 0, window }));
});
