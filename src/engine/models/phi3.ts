/** Phi-3 and Phi-4-mini: Llama with fused projections, maybe a partial rotation, maybe a sliding window in every layer.
 *
 *  A "128k" model turns the tokens of sequences that are longer than its original context by other factors, the first
 *  tokens too, so that nothing read before could be kept: it is read up to the original context here, and longer texts
 *  are refused by length. Source: transformers 5.23 `modeling_phi3.py`, `configuration_phi3.py` (defaults),
 *  `modeling_rope_utils.py`. */
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { readConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGatedDecoder, withLayerKinds } from './gatedDecoderConfig.js';

const contextLength = 4096;

export const phi3: ModelFamily = gatedDecoderFamily('phi3', 'Phi3', (raw, where) => {
  const withContexts = {
    original_max_position_embeddings: contextLength,
    max_position_embeddings: contextLength,
    ...raw,
  };
  const config = readGatedDecoder(raw, where, {
    modelType: 'phi3',
    width: 3072,
    inner: 8192,
    layers: 32,
    heads: 32,
    kvHeads: null,
    headSize: null,
    vocabularySize: 32064,
    contextLength,
    tiedHead: false,
    epsilon: 1e-5,
    ropes: [parseRopeSettings(withContexts, where, { fraction: 1, aliases: { su: 'longrope', yarn: 'longrope' } })],
  });
  const window = readConfig(raw, where).optionalSize('sliding_window');
  return withLayerKinds({ ...config, isFused: true }, () => ({ rope: 0, window }));
});
