/** Gemma 3, its text model: Gemma 2 with normed queries and keys instead of capped scores, five of six layers with a
 *  sliding window, and one rotation for those layers, another for the others. Source: transformers 5.23
 *  `modeling_gemma3.py`, `configuration_gemma3.py` (Gemma3TextConfig, defaults). */
import { ConfigError } from '../../base/errors.js';
import type { RopeSettings } from '../nn/rope.js';
import { parseRopeSettings } from '../nn/ropeSettings.js';
import { isRecord } from './checkpoints/jsonFile.js';
import { readConfig, type RawConfig } from './configReader.js';
import type { ModelFamily } from './family.js';
import { gatedDecoderFamily } from './gatedDecoder.js';
import { readGemma, withGemmaLayers } from './gemma2.js';

export const gemma3Text: ModelFamily = gatedDecoderFamily(
  'gemma3_text',
  'Gemma3',
  (raw, where) => {
    const read = readConfig(raw, where);
    const config = readGemma(raw, where, {
      modelType: 'gemma3_text',
      vocabularySize: 262208,
      contextLength: 131072,
      ropes: readRopes(raw, where),
    });
    // transformers reads this field and applies it nowhere: neither reading of such a checkpoint would be sure.
    if (read.quantityOrNone('attn_logit_softcapping', null) !== null) {
      throw new ConfigError('Capped scores are not of Gemma 3', {
        where,
        expected: 'attn_logit_softcapping null',
        got: JSON.stringify(raw['attn_logit_softcapping']),
      });
    }
    const logitSoftcap = read.quantityOrNone('final_logit_softcapping', null) ?? 0;
    const pattern = read.size('sliding_window_pattern', 6);
    return withGemmaLayers(
      { ...config, normsHeads: true, ...(logitSoftcap === 0 ? {} : { logitSoftcap }) },
      raw,
      where,
      {
        slidingEvery: (layer) => (layer + 1) % pattern !== 0,
        ropeOf: (type) => (type === 'full_attention' ? 0 : 1),
      },
    );
  },
  { classifierPrefix: 'Gemma3Text' },
);

/** The rotation of full layers, then that of sliding ones: two entries of `rope_parameters` in newer files;
 *  `rope_theta` with `rope_scaling`, and `rope_local_base_freq`, in older ones. */
function readRopes(raw: RawConfig, where: string): readonly RopeSettings[] {
  const { rope_parameters: parameters, rope_scaling: scaling, ...rest } = raw;
  const nested = settingsOf(parameters);
  const full = { ...rest, rope_parameters: { ...settingsOf(nested['full_attention']), ...settingsOf(scaling) } };
  const sliding = { ...rest, rope_parameters: settingsOf(nested['sliding_attention']) };
  return [
    parseRopeSettings(full, `${where}: full_attention`, { theta: 1_000_000 }),
    parseRopeSettings(sliding, `${where}: sliding_attention`, { thetaKey: 'rope_local_base_freq' }),
  ];
}

function settingsOf(value: unknown): RawConfig {
  return isRecord(value) ? value : {};
}
