/** A language model small enough for a test: two Llama layers over the byte tokenizer, random weights by seed. */
import { createLanguageModel, type LanguageModel } from '../../src/engine/models/languageModel.js';
import type { Device } from '../../src/engine/runtime/device.js';
import type { Tokenizer } from '../../src/engine/text/tokenizer.js';
import { byteChatTemplate, byteTokenizer } from './byteTokenizer.js';

export const tinyConfig = {
  model_type: 'llama',
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  vocab_size: 264,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
  initializer_range: 0.4,
} as const;

export function tinyModel(
  device: Device,
  options: { readonly seed?: number; readonly name?: string; readonly tokenizer?: Tokenizer } = {},
): Promise<LanguageModel> {
  const { seed = 0, name = 'tiny', tokenizer = byteTokenizer() } = options;
  return createLanguageModel(device, tinyConfig, tokenizer, seed, { name, chatTemplateSource: byteChatTemplate });
}
