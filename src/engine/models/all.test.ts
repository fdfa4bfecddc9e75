import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { architectureOf, modelFamilies } from './all.js';
import { languageModelParameters } from './parameters.js';
import { languageVariants, readGolden } from './testing/goldenModels.js';

describe('the table of model families', () => {
  it.each(languageVariants)('%s: names, shapes and order of the parameters are those of transformers', (variant) => {
    const { config, parameters } = readGolden(variant);
    const specs = languageModelParameters(architectureOf(config, 'language', variant));
    expect(Object.fromEntries(specs.map(({ name, shape }) => [name, shape]))).toEqual(parameters);
  });

  it('an unknown architecture is refused by name, with those known', () => {
    const open = (): unknown => architectureOf({ model_type: 'mamba' }, 'language', 'config.json');
    expect(open).toThrow(ConfigError);
    expect(open).toThrow(new RegExp(`${Object.keys(modelFamilies).join(', ')}[^]*"mamba"`));
    expect(() => architectureOf({}, 'language', 'config.json')).toThrow(/nothing/);
  });

  it('a classifier is not opened as a language model, nor the reverse', () => {
    const config = { model_type: 'llama', architectures: ['LlamaForSequenceClassification'] };
    expect(() => architectureOf(config, 'language', 'config.json')).toThrow(
      /LlamaForCausalLM[^]*LlamaForSequenceClassification/,
    );
    expect(() => architectureOf({ ...config, architectures: ['LlamaForCausalLM'] }, 'classes', 'config.json')).toThrow(
      /sequence classifier/,
    );
  });

  it('an unknown activation is refused by name, with those known', () => {
    expect(() => architectureOf({ model_type: 'llama', hidden_act: 'mish' }, 'language', 'config.json')).toThrow(
      /gelu[^]*silu[^]*mish/,
    );
  });

  it('absent fields have the defaults of transformers', () => {
    const { config } = architectureOf({ model_type: 'gpt2' }, 'language', 'config.json');
    expect(config).toMatchObject({
      layers: 12,
      width: 768,
      heads: 12,
      headSize: 64,
      vocabularySize: 50257,
      contextLength: 1024,
      tiedHead: true,
    });
    const llama = architectureOf({ model_type: 'llama' }, 'language', 'config.json').config;
    expect(llama).toMatchObject({
      layers: 32,
      width: 4096,
      heads: 32,
      kvHeads: 32,
      headSize: 128,
      vocabularySize: 32000,
    });
    expect(llama).toMatchObject({ contextLength: 2048, tiedHead: false });
  });

  it.each([
    [{ model_type: 'gpt2', n_embd: 30, n_head: 4 }, /multiple of n_head/],
    [{ model_type: 'gpt2', add_cross_attention: true }, /[Cc]ross-attention/],
    [{ model_type: 'gpt2', n_layer: 0 }, /n_layer/],
    [{ model_type: 'llama', num_attention_heads: 6, num_key_value_heads: 4, hidden_size: 48 }, /num_key_value_heads/],
    [{ model_type: 'llama', tie_word_embeddings: 'yes' }, /tie_word_embeddings/],
  ])('%j is refused with the field at fault', (config, message) => {
    expect(() => architectureOf(config, 'language', 'config.json')).toThrow(message);
  });
});
