/** Another adversary of an evaluation is the recipe's own with changes. */
import { describe, expect, it } from 'vitest';
import { adversaryChangesSchema, adversarySchema, withChanges } from './options.js';

const local = adversarySchema.parse({ model: 'smollm2', format: 'chat', system: 'Ask.', temperature: 0.9, topK: 40 });
const changed = (base: typeof local, changes: unknown): typeof local =>
  withChanges(base, adversaryChangesSchema.parse(changes));

describe('an adversary with changes', () => {
  it('has the changes and nothing else that differs, no defaults over what the recipe says', () => {
    expect(adversaryChangesSchema.parse({ system: 'Visit.' })).toEqual({ system: 'Visit.' });
    expect(changed(local, { system: 'Visit.' })).toEqual({ ...local, system: 'Visit.' });
    expect(changed(local, { model: './another', temperature: 0 })).toEqual({
      ...local,
      model: './another',
      temperature: 0,
    });
  });

  it('takes over from a model of another kind only what has a meaning for both', () => {
    const { topK, format, system, temperature } = changed(local, { model: 'openai:m', baseUrl: 'http://127.0.0.1:1' });
    expect({ topK, format, system, temperature }).toEqual({
      topK: 0,
      format: undefined,
      system: 'Ask.',
      temperature: 0.9,
    });
    const endpoint = adversarySchema.parse({ model: 'openai:m', baseUrl: 'http://127.0.0.1:1', remote: {} });
    expect(changed(endpoint, { model: 'smollm2' })).not.toHaveProperty('baseUrl');
    expect(changed(endpoint, { model: 'smollm2' })).not.toHaveProperty('remote');
    expect(changed(endpoint, { model: 'openai:other' })).toEqual({ ...endpoint, model: 'openai:other' });
    expect(changed(local, { model: 'prompts:asks.json' })).not.toHaveProperty('system');
  });

  it('refuses keys that only training has', () => {
    expect(adversaryChangesSchema.safeParse({ lora: { rank: 4 } }).success).toBe(false);
  });
});
