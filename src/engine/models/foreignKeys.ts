/** Keys of config.json that change what a model computes and that its family does not read here. transformers passes
 *  over them in such a family, other programs do not: neither reading of the file would be sure, so each is refused by
 *  name unless it holds a value that changes nothing. */
import { ConfigError } from '../../base/errors.js';
import { isRecord } from './checkpoints/jsonFile.js';
import type { RawConfig } from './configReader.js';

interface ForeignKey {
  /** Families that read the key, by `model_type`. */
  readonly readBy?: readonly string[];
  readonly changesNothing: (value: unknown, raw: RawConfig) => boolean;
}

const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);
const factor: ForeignKey = { changesNothing: oneOf(1) };
const off: ForeignKey = { changesNothing: oneOf(false, 0) };
const notGiven: ForeignKey = { changesNothing: () => false };
const dense: ForeignKey = { changesNothing: oneOf(0, 1) };

const gemma = ['gemma2', 'gemma3_text'];
const withLayerTypes = ['qwen2', 'qwen3', 'smollm3', ...gemma];
const rotating = ['gpt_neox', 'llama', 'mistral', 'phi3', ...withLayerTypes];

const keys: Readonly<Record<string, ForeignKey>> = {
  // Factors and caps of scores, logits, embeddings and the residual stream.
  attn_logit_softcapping: { readBy: gemma, changesNothing: oneOf(0) },
  final_logit_softcapping: { readBy: gemma, changesNothing: oneOf(0) },
  query_pre_attn_scalar: { ...notGiven, readBy: gemma },
  attention_multiplier: notGiven,
  logit_scale: factor,
  logits_scaling: factor,
  residual_multiplier: factor,
  embedding_multiplier: factor,
  scale_emb: factor,
  scale_depth: notGiven,
  dim_model_base: notGiven,
  clip_qkv: notGiven,
  attn_temperature_tuning: off,
  // Norms and gates that other families put into attention.
  qk_norm: { ...off, readBy: ['qwen3', 'gemma3_text'] },
  use_qk_norm: { ...off, readBy: ['qwen3', 'gemma3_text'] },
  qk_layernorm: off,
  use_qk_layernorm: off,
  attn_output_gate: off,
  // Which tokens see which.
  sliding_window: {
    readBy: ['mistral', 'phi3', ...withLayerTypes],
    changesNothing: (window, raw) =>
      raw['use_sliding_window'] === false || Number(window) >= Number(raw['max_position_embeddings'] ?? Infinity),
  },
  layer_types: {
    readBy: withLayerTypes,
    changesNothing: (types, raw) => {
      const own = ['mistral', 'phi3'].includes(String(raw['model_type'])) && (raw['sliding_window'] ?? null) !== null;
      return Array.isArray(types) && types.every((type) => type === (own ? 'sliding_attention' : 'full_attention'));
    },
  },
  attention_chunk_size: notGiven,
  use_bidirectional_attention: { ...off, readBy: gemma },
  is_causal: { changesNothing: oneOf(true) },
  add_cross_attention: { ...off, readBy: ['gpt2', 'bert', 'roberta', 'distilbert'] },
  // How positions enter.
  alibi: off,
  rotary_dim: notGiven,
  rotary_pct: { ...factor, readBy: ['gpt_neox'] },
  rope_interleave: off,
  rope_interleaved: off,
  rotary_interleaved: off,
  no_rope_layers: { ...notGiven, readBy: ['smollm3'] },
  no_rope_layer_interval: { changesNothing: oneOf(0), readBy: ['smollm3'] },
  rope_scaling: { ...notGiven, readBy: rotating },
  // Order of the sub-layers, and layers of another kind.
  parallel_attn: off,
  use_parallel_residual: { ...off, readBy: ['gpt_neox'] },
  num_experts: dense,
  num_local_experts: dense,
  n_routed_experts: dense,
  moe_num_experts: dense,
  is_encoder_decoder: off,
};

/** @throws ConfigError naming the first key that changes results and is not read */
export function refuseForeignKeys(raw: RawConfig, where: string): void {
  const type = String(raw['model_type']);
  for (const [key, { readBy = [], changesNothing }] of Object.entries(keys)) {
    const value = raw[key] ?? null;
    if (value === null || isEmpty(value) || readBy.includes(type) || changesNothing(value, raw)) continue;
    throw new ConfigError(`${key} changes what a model computes and is not supported for ${type}`, {
      where: `${where}: ${key}`,
      expected: `a configuration of ${type} without it`,
      got: JSON.stringify(value),
      remedy:
        'Remove the key if the model was trained without it; else serve the model with a program that knows it and use it as a remote target.',
    });
  }
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && Object.keys(value).length === 0;
}
