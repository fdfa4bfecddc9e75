import { describe, expect, it } from 'vitest';
import { refusalOf } from './refusal.js';
import { goldenCheckpoint } from './testing/goldenModels.js';

describe('what opening a checkpoint would refuse', () => {
  const golden = goldenCheckpoint('llama-tied');
  const withConfig = (more: Readonly<Record<string, unknown>>) =>
    refusalOf({ ...golden, config: { ...golden.config, ...more } });

  it('is nothing for a language model and a classifier that open', async () => {
    expect(await refusalOf(golden)).toBeNull();
    expect(await refusalOf(goldenCheckpoint('llama-classifier'))).toBeNull();
  });

  it('is a key that is not supported, by its name', async () => {
    expect(await withConfig({ rope_parameters: { rope_type: 'mystery' } })).toMatch(/rope scaling[^]*mystery/);
    expect(await withConfig({ logit_scale: 0.5 })).toMatch(/logit_scale/);
  });

  it('is a tensor that is missing, and a tokenizer that is not there', async () => {
    const tensors = new Map([...golden.tensors].filter(([name]) => name !== 'model.norm.weight'));
    expect(await refusalOf({ ...golden, tensors })).toMatch(/missing: model\.norm\.weight/);
    expect(await refusalOf({ ...golden, tokenizerFiles: null })).toMatch(/no tokenizer/);
  });
});
