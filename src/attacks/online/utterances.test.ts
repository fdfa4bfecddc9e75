import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { RolloutNode } from '../../dialogue/types.js';
import type { ReferenceQuery } from '../reference.js';
import { drawnUtterances, drawPrompts, families, objectiveMetrics } from './utterances.js';

const unscored = { kind: 'unscored', reason: 'none' } as const;
const prompt = promptOf('p');

/** A node whose utterance has these ids, each of log-probability −id. */
function nodeOf(ids: readonly number[], reward: number | null, children: readonly RolloutNode[] = []): RolloutNode {
  const utterance = {
    ...utteranceOf('adversary', 'a'),
    contextIds: [9, ids.length],
    tokens: { tokenizerId: 't', ids, logProbs: ids.map((id) => -id) },
  };
  return {
    dialogue: { prompt, turns: [utterance, utteranceOf('target', 're')] },
    depth: 1,
    score: {
      reply: unscored,
      exchange: unscored,
      utterance: unscored,
      adversaryNll: null,
      reward: reward === null ? null : { total: reward, terms: {} },
    },
    children,
  };
}

describe('the utterances that a policy gradient learns from', () => {
  it('are those with a reward and a token, by the ids that sampling knew, rewards cut to both sides', async () => {
    const [high, silent, low, empty] = [nodeOf([1, 2], 7), nodeOf([1], null), nodeOf([3], -7), nodeOf([], 1)];
    const asked: ReferenceQuery[] = [];
    const reference = {
      logProbs: async (queries: readonly ReferenceQuery[]) => {
        asked.push(...queries);
        return queries.map(({ completion }) => completion.map((id) => -10 * id));
      },
    };
    const drawn = await drawnUtterances(reference, [high, silent, low, empty], 5);
    expect(asked.map(({ prefix, completion }) => [prefix, completion])).toEqual([
      [
        [9, 2],
        [1, 2],
      ],
      [[9, 1], [3]],
    ]);
    expect([...drawn]).toEqual([
      [high, { prefix: [9, 2], completion: [1, 2], logProbs: [-1, -2], reference: [-10, -20], score: 5 }],
      [low, { prefix: [9, 1], completion: [3], logProbs: [-3], reference: [-30], score: -5 }],
    ]);
    expect((await drawnUtterances(reference, [high], null)).get(high)?.score).toBe(7);
  });

  it('are logged as sums over each utterance: what the penalty takes beside what was earned', () => {
    const [first, second] = [
      { prefix: [9], completion: [1, 2], logProbs: [-1, -2], reference: [-2, -4], score: 1 },
      { prefix: [9], completion: [3], logProbs: [-3], reference: [-2], score: 0 },
    ];
    // Σ log π − log π_ref: 3 and −1 nats.
    expect(objectiveMetrics([first, second], { estimator: 'k1', coefficient: 0.5 })).toEqual({
      'objective/kl': 1,
      'objective/entropy': 3,
      'objective/scores': 0.5,
      'objective/non_score_reward': -0.5,
      'objective/rlhf_reward': 0,
      'objective/kl_coef': 0.5,
      'utterances/taught': 2,
    });
  });

  it('siblings are a family at every depth, parents before children', () => {
    const [leaf, other] = [nodeOf([1], 0), nodeOf([2], 0)];
    const [first, second] = [nodeOf([3], 0, [leaf, other]), nodeOf([4], 0)];
    expect(families([{ prompt, roots: [first, second] }])).toEqual([
      [first, second],
      [leaf, other],
    ]);
  });

  it('a drawn prompt opens its dialogues one after another', () => {
    const prompts = ['a', 'b', 'c'].map((text) => promptOf(text));
    const drawn = drawPrompts(prompts, { promptsPerEpoch: 2, dialoguesPerPrompt: 2 }, streamKey(0, 'draw'));
    expect(drawn).toHaveLength(4);
    expect(drawn[0]).toBe(drawn[1]);
    expect(drawn[2]).toBe(drawn[3]);
    expect(drawn[0]).not.toBe(drawn[2]);
  });
});
