import { describe, expect, it } from 'vitest';
import { bestFirst, pairsFromTrees, demonstrationCounts } from './pairs.js';
import { promptOf } from './testing/prompts.js';
import { utteranceOf } from './testing/scripted.js';
import type { ExchangeScore, PreferencePair, RolloutNode, RolloutTree } from './types.js';

const prompt = promptOf('p');

function node(name: string, total: number | null, children: readonly RolloutNode[] = []): RolloutNode {
  const verdict = { kind: 'unscored', reason: 'test' } as const;
  const score: ExchangeScore = {
    reply: verdict,
    exchange: verdict,
    utterance: verdict,
    adversaryNll: null,
    reward: total === null ? null : { total, terms: {} },
  };
  return {
    dialogue: { prompt, turns: [utteranceOf('adversary', name), utteranceOf('target', `re ${name}`)] },
    depth: 1,
    score,
    children,
  };
}

const tree = (...roots: readonly RolloutNode[]): RolloutTree => ({ prompt, roots });

describe('preference pairs', () => {
  it('pair the best with the worst sibling after the dialogue that they share', () => {
    const { pairs } = pairsFromTrees([tree(node('mid', 1), node('low', 0), node('high', 2))]);
    expect(pairs).toHaveLength(1);
    expect(pairs[0]).toMatchObject({
      dialogue: { prompt, turns: [] },
      chosen: { text: 'high' },
      rejected: { text: 'low' },
      chosenReward: 2,
      rejectedReward: 0,
      isDemonstration: false,
    });
  });

  it('skip and count ties, never silently the first', () => {
    expect(pairsFromTrees([tree(node('a', 1), node('b', 1))])).toEqual({ pairs: [], ties: 1, narrow: 0, unscored: 0 });
  });

  it('skip and count gaps below minGap, and keep a gap equal to it', () => {
    const trees = [tree(node('a', 1), node('b', 0.75))];
    expect(pairsFromTrees(trees, { minGap: 0.5 })).toMatchObject({ pairs: [], narrow: 1 });
    expect(pairsFromTrees(trees, { minGap: 0.25 }).pairs).toHaveLength(1);
  });

  it('skip and count families with fewer than two rewarded siblings, and still visit their children', () => {
    const collected = pairsFromTrees([tree(node('a', 1, [node('c', 3), node('d', 4)]), node('b', null))]);
    expect(collected).toMatchObject({ unscored: 1, pairs: [{ chosen: { text: 'd' } }] });
  });

  it('can be every two siblings, the better rewarded one first, ties and narrow gaps counted by pair', () => {
    const trees = [tree(node('a', 1), node('b', 0), node('c', 1), node('d', 0.9), node('x', null))];
    const { pairs, ...counts } = pairsFromTrees(trees, { pairing: 'all', minGap: 0.5 });
    expect(pairs.map(({ chosen, rejected }) => `${chosen.text}>${rejected.text}`)).toEqual(['a>b', 'c>b', 'd>b']);
    expect(counts).toEqual({ ties: 1, narrow: 2, unscored: 0 });
  });

  it('ignore unrewarded siblings beside two rewarded ones', () => {
    expect(pairsFromTrees([tree(node('x', null), node('a', 1), node('b', 2))]).pairs[0]?.chosen.text).toBe('b');
  });

  it('order siblings best first, equal rewards by position, unrewarded ones away from the extremes', () => {
    const names = (...nodes: RolloutNode[]): string[] =>
      bestFirst(nodes).map(({ dialogue }) => dialogue.turns[0]?.text ?? '');
    expect(names(node('x', null), node('a', 1), node('b', 2), node('c', 1))).toEqual(['b', 'x', 'a', 'c']);
    expect(names(node('x', null), node('a', 1))).toEqual(['a', 'x']);
    expect(names(node('x', null), node('y', null))).toEqual(['x', 'y']);
  });

  it('count how many demonstrations contradict the reward', () => {
    const pair = (
      chosenReward: number | null,
      rejectedReward: number | null,
      isDemonstration: boolean,
    ): PreferencePair => ({
      dialogue: { prompt, turns: [] },
      chosen: utteranceOf('adversary', 'a'),
      rejected: utteranceOf('adversary', 'b'),
      chosenReward,
      rejectedReward,
      isDemonstration,
    });
    expect(demonstrationCounts([pair(1, 0, false), pair(0, 1, true), pair(1, 0, true), pair(null, 1, true)])).toEqual({
      pairs: 4,
      demonstrations: 3,
      winnerHasLowerReward: 1,
    });
  });
});
