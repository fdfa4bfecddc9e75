import { describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { architectureOf } from './all.js';
import { languageModelParameters } from './parameters.js';
import { formulaTensor, goldenCheckpoint } from './testing/goldenModels.js';
import { matchWeights } from './weights.js';

const { config, tensors } = goldenCheckpoint('gpt2');
const architecture = architectureOf(config, 'language', 'gpt2');
const specs = languageModelParameters(architecture);
const options = { prefix: architecture.prefix, where: 'model.safetensors' };
const all = [...tensors.values()];

function match(
  list: readonly { readonly name: string; readonly shape: readonly number[] }[],
): ReadonlyMap<string, { readonly name: string }> {
  return matchWeights(specs, new Map(list.map(({ name, shape }) => [name, formulaTensor(name, shape)])), options);
}

describe('weights of a checkpoint', () => {
  it('match by exact name and shape', () => {
    expect([...match(all).keys()].sort()).toEqual(specs.map(({ name }) => name).sort());
  });

  it('are found with and without the prefix of the body', () => {
    const bare = all.map(({ name, shape }) => ({ name: name.replace('transformer.', ''), shape }));
    expect(match(bare).get('transformer.wte.weight')?.name).toBe('wte.weight');
  });

  it('may come with buffers of old versions', () => {
    const extra = ['transformer.h.0.attn.bias', 'h.1.attn.masked_bias', 'model.layers.0.self_attn.rotary_emb.inv_freq'];
    expect(match([...all, ...extra.map((name) => ({ name, shape: [1] }))]).size).toBe(specs.length);
  });

  it('that are of another model altogether are refused with the first names of many', () => {
    expect(() => match([{ name: 'other', shape: [1] }])).toThrow(
      new RegExp(`missing: (\\S+, ){5}\\S+ and ${String(specs.length - 6)} more; unexpected: other$`, 'm'),
    );
  });

  it('that differ are refused with every missing, unexpected and misshaped name', () => {
    const without = all.filter(({ name }) => name !== 'transformer.wpe.weight' && name !== 'transformer.ln_f.bias');
    const changed = [...without, { name: 'transformer.extra', shape: [2] }].map(({ name, shape }) => ({
      name,
      shape: name === 'transformer.ln_f.weight' ? [31] : shape,
    }));
    const open = (): unknown => match(changed);
    expect(open).toThrow(FormatError);
    expect(open).toThrow(
      /missing: transformer\.wpe\.weight, transformer\.ln_f\.bias; unexpected: transformer\.extra; misshaped: transformer\.ln_f\.weight \[31\], not \[32\]/,
    );
  });
});
