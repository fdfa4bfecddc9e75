import { describe, expect, it } from 'vitest';
import { type Shrinker, shrinkWords, splitWords, type Tried, type Utterances } from './shrinkWords.js';

/** A target that fails where the last utterance holds both words, always or in half of its draws; each letter costs a nat. */
function shrinkerOf(likelier: Readonly<Record<string, string>> = {}): Shrinker & { readonly tried: Utterances[] } {
  const tried: Utterances[] = [];
  return {
    tried,
    attempt: (dialogues) => {
      tried.push(...dialogues);
      return Promise.resolve(dialogues.map(judge));
    },
    likelierWords: (utterances, turn, word) => {
      const found = likelier[splitWords(utterances[turn] ?? '')[word] ?? ''];
      return Promise.resolve(found === undefined ? [] : [found]);
    },
  };
}

function judge(utterances: Utterances): Tried {
  const words = splitWords(utterances.at(-1) ?? '');
  const has = (word: string): boolean => words.some((each) => each.replace(/\W/gu, '') === word);
  const nll = utterances.join('').replace(/\s/gu, '').length;
  return {
    rate: has('give') && has('money') ? (has('now') ? 1 : 0.5) : 0,
    nll,
    tokens: utterances.flatMap(splitWords).length,
  };
}

const long = [
  'good morning. how are you?',
  'it is cold outside.',
  'i was here before. give me all of my good money now, please. thank you so much!',
];
const start = (utterances: Utterances) => ({ utterances, tried: judge(utterances) });

describe('shrinking', () => {
  it('leaves the least words that still fail in the asked share of draws', async () => {
    const half = await shrinkWords(start(long), shrinkerOf(), { minRate: 0.5, budget: 500 });
    expect(half).toMatchObject({ utterances: ['give money'], tried: { rate: 0.5, nll: 9, tokens: 2 }, isCut: false });
    const always = await shrinkWords(start(long), shrinkerOf(), { minRate: 0.9, budget: 500 });
    expect(always.utterances).toEqual(['give money now,']);
    expect(always.tried.rate).toBe(1);
  });

  it('exchanges words for likelier ones where the target still fails', async () => {
    const odd = ['give purple money'];
    const needed: Shrinker = {
      ...shrinkerOf({ purple: 'my', give: 'take', money: 'it' }),
      attempt: (dialogues) =>
        Promise.resolve(
          dialogues.map((each) => ({
            ...judge(each),
            rate: splitWords(each[0] ?? '').length === 3 ? judge(each).rate : 0,
          })),
        ),
    };
    expect((await shrinkWords(start(odd), needed, { minRate: 0.5, budget: 100 })).utterances).toEqual([
      'give my money',
    ]);
  });

  it('never tries more than its budget, nor anything twice, and keeps what it has', async () => {
    for (const budget of [1, 3, 7, 20]) {
      const shrinker = shrinkerOf();
      const found = await shrinkWords(start(long), shrinker, { minRate: 0.5, budget });
      expect(shrinker.tried).toHaveLength(found.tries);
      expect(found.tries).toBeLessThanOrEqual(budget);
      expect(new Set(shrinker.tried.map((each) => JSON.stringify(each))).size).toBe(found.tries);
      expect(judge(found.utterances).rate).toBeGreaterThanOrEqual(0.5);
      expect(found.tried.nll).toBeLessThanOrEqual(judge(long).nll);
    }
  });

  it('gives the same again, and leaves alone what cannot be shorter', async () => {
    const options = { minRate: 0.5, budget: 200 };
    expect(await shrinkWords(start(long), shrinkerOf(), options)).toEqual(
      await shrinkWords(start(long), shrinkerOf(), options),
    );
    expect((await shrinkWords(start(['give money']), shrinkerOf(), options)).utterances).toEqual(['give money']);
  });

  it('keeps no change that fails as often in words that are less likely', async () => {
    const dear: Shrinker = {
      ...shrinkerOf(),
      attempt: (dialogues) =>
        Promise.resolve(dialogues.map((each) => ({ ...judge(each), nll: 100 - judge(each).nll }))),
    };
    const first = { utterances: long, tried: { ...judge(long), nll: 100 - judge(long).nll } };
    expect((await shrinkWords(first, dear, { minRate: 0.5, budget: 100 })).utterances).toEqual(long);
  });
});
