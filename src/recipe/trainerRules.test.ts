import { describe, expect, it } from 'vitest';
import { parseRecipe } from './readRecipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const text = `${recipeHead}  - exploit: { attack: ipo }
`;
const trainer = 'adversary.trainer={ kind: tinker, baseUrl: "http://127.0.0.1:8321", rank: 4 }';

describe('a trainer elsewhere', () => {
  it('is a part of the adversary, with defaults', () => {
    const { recipe } = parseRecipe(text, { file: 'r.yaml', changes: { set: [trainer] } });
    expect(recipe.adversary.trainer).toEqual({
      kind: 'tinker',
      baseUrl: 'http://127.0.0.1:8321',
      rank: 4,
      timeout: 120,
      retries: 4,
      requestsPerMinute: null,
      prices: null,
    });
  });

  it.each([
    ['adversary.lora={}', 'adversary.lora', /makes the adapter/],
    ['stages.0.exploit={ attack: ppo }', 'stages.0.exploit.attack', /value head.*rloo/],
    ['adversary.trainer.apiKeyEnv=tml-abcdefgh12345678', 'adversary.trainer.apiKeyEnv', /looks like the key itself/],
    ['adversary.trainer.baseUrl=http://me:secret@127.0.0.1/', 'adversary.trainer.baseUrl', /password/],
    ['limits.maxCost=1', 'limits.maxCost', /trainer\.prices/],
    [
      'stages=[{ exploit: { attack: ipo } }, { exploit: { attack: ctb, from: ipo } }]',
      'stages.1.exploit.from',
      /its own base/,
    ],
  ])('%s is refused at its key', (set, key, message) => {
    const [problem] = problemsOf(() => parseRecipe(text, { file: 'r.yaml', changes: { set: [trainer, set] } }));
    expect([problem?.key, `${problem?.message ?? ''} ${problem?.remedy ?? ''}`]).toEqual([
      key,
      expect.stringMatching(message) as unknown,
    ]);
  });
});
