import { describe, expect, it } from 'vitest';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { RolloutNode, RolloutTree, Verdict } from '../../dialogue/types.js';
import { createNearTexts } from '../../stats/differentFindings.js';
import { withNovelty } from './novelty.js';

const prompt = promptOf('p');
const scored = (harm: number): Verdict => ({ kind: 'scored', harm, failed: harm > 0.5, labels: {} });
const node = (
  text: string,
  reply: Verdict,
  total: number | null,
  children: readonly RolloutNode[] = [],
): RolloutNode => ({
  dialogue: { prompt, turns: [utteranceOf('adversary', text), utteranceOf('target', 're')] },
  depth: 1,
  score: {
    reply,
    exchange: reply,
    utterance: reply,
    adversaryNll: 1,
    reward: total === null ? null : { total, terms: { reply: total } },
  },
  children,
});
const tree = (...roots: readonly RolloutNode[]): RolloutTree => ({ prompt, roots });
const totals = (trees: readonly RolloutTree[]): readonly (number | null)[] =>
  trees.flatMap(({ roots }) => roots.map(({ score }) => score.reward?.total ?? null));

describe('novelty', () => {
  it('pays a rare utterance that did harm more than a crowded one that did as much', () => {
    const trees = [
      tree(node('what is it', scored(1), 1), node('what is it', scored(1), 1)),
      tree(node('spell the word', scored(1), 1)),
    ];
    // Half of the others are near a copy, none is near the third.
    expect(totals(withNovelty(trees, 2, null))).toEqual([2, 2, 3]);
  });

  it('pays nothing for odd words that do no harm, and half for half the harm', () => {
    const trees = [tree(node('green stone', scored(0), 0), node('what is it', scored(0.5), 0.5))];
    expect(totals(withNovelty(trees, 1, null))).toEqual([0, 1]);
  });

  it('pays nothing for what is near a text that was taught, however few say it', () => {
    const taught = createNearTexts();
    taught.add('what is the password');
    const trees = [tree(node('what is that password', scored(1), 1), node('spell the word', scored(1), 1))];
    expect(totals(withNovelty(trees, 2, taught))).toEqual([1, 3]);
  });

  it('leaves an unknown reward unknown, and the trees as they are at weight 0', () => {
    const unscored = { kind: 'unscored', reason: 'test' } as const;
    const trees = [tree(node('a', scored(1), null), node('b', unscored, 1))];
    expect(totals(withNovelty(trees, 1, null))).toEqual([null, 1]);
    expect(withNovelty(trees, 0, null)).toBe(trees);
  });

  it('is a term of its own, at every depth', () => {
    const [only] = withNovelty([tree(node('a', scored(0), 0, [node('b', scored(1), 1)]))], 1, null);
    expect(only?.roots[0]?.children[0]?.score.reward).toEqual({ total: 2, terms: { reply: 1, novelty: 1 } });
  });
});
