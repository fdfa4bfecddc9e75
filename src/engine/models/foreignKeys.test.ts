import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { architectureOf } from './all.js';
import { textBodyOf } from './textBodyOf.js';

const open = (config: Readonly<Record<string, unknown>>): unknown => architectureOf(config, 'language', 'config.json');

describe('a key that changes results and is not read', () => {
  it.each([
    ['llama', 'logit_scale', 0.0625],
    ['llama', 'attn_logit_softcapping', 30],
    ['llama', 'final_logit_softcapping', 15],
    ['llama', 'residual_multiplier', 0.22],
    ['llama', 'sliding_window', 512],
    ['llama', 'layer_types', ['full_attention', 'sliding_attention']],
    ['llama', 'no_rope_layers', [1, 0]],
    ['llama', 'rotary_pct', 0.25],
    ['llama', 'use_parallel_residual', true],
    ['llama', 'num_local_experts', 8],
    ['mistral', 'layer_types', ['sliding_attention', 'full_attention']],
    ['phi3', 'qk_layernorm', true],
    ['qwen2', 'use_qk_norm', true],
    ['qwen3', 'clip_qkv', 8],
    ['smollm3', 'final_logit_softcapping', 20],
    ['gpt2', 'rope_scaling', { type: 'linear', factor: 2 }],
    ['gpt_neox', 'alibi', true],
    ['opt', 'is_encoder_decoder', true],
  ])('%s: %s is refused by its name', (type, key, value) => {
    const refused = (): unknown => open({ model_type: type, max_position_embeddings: 2048, [key]: value });
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(new RegExp(`^config.json: ${key}: ${key} changes`));
  });

  it('is passed over where its value changes nothing', () => {
    const neutral = {
      logit_scale: 1,
      residual_multiplier: 1.0,
      attn_logit_softcapping: null,
      final_logit_softcapping: 0,
      sliding_window: 4096,
      max_position_embeddings: 4096,
      layer_types: ['full_attention', 'full_attention'],
      num_local_experts: 0,
      alibi: false,
      no_rope_layers: [],
      quantization_config: {},
    };
    expect(() => open({ model_type: 'llama', ...neutral })).not.toThrow();
    expect(() => open({ model_type: 'llama', sliding_window: 512, use_sliding_window: false })).not.toThrow();
    expect(() => open({ model_type: 'mistral', layer_types: ['sliding_attention'] })).toThrow(/layer_types/);
    expect(() => open({ model_type: 'mistral', sliding_window: 64, layer_types: ['sliding_attention'] })).not.toThrow();
  });

  it('is refused in an encoder too', () => {
    expect(() => textBodyOf({ model_type: 'bert', alibi: true }, 'body', 'config.json')).toThrow(/alibi/);
  });
});
