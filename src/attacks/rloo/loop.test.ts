import { describe, expect, it } from 'vitest';
import { promptOf } from '../../dialogue/testing/prompts.js';
import type { RolloutNode } from '../../dialogue/types.js';
import type { DrawnUtterance } from '../online/utterances.js';
import { withAdvantages } from './loop.js';

const unscored = { kind: 'unscored', reason: 'none' } as const;
const nodeOf = (): RolloutNode => ({
  dialogue: { prompt: promptOf('0'), turns: [] },
  depth: 1,
  score: { reply: unscored, exchange: unscored, utterance: unscored, adversaryNll: null, reward: null },
  children: [],
});
const drawnOf = (score: number, reference: number): DrawnUtterance => ({
  prefix: [9],
  completion: [1, 2],
  logProbs: [-1, -1],
  reference: [reference, reference],
  score,
});

describe('the advantages of RLOO', () => {
  it('compare rewards less the divergence of whole utterances; what has no reward is in no baseline and teaches nothing', () => {
    const [first, second, third, silent, alone, other] = [nodeOf(), nodeOf(), nodeOf(), nodeOf(), nodeOf(), nodeOf()];
    const drawn = new Map([
      [first, drawnOf(1, -1)],
      [second, drawnOf(1, -2)],
      [third, drawnOf(0, -1)],
      [alone, drawnOf(5, -1)],
    ]);
    const samples = withAdvantages(
      [
        [first, silent, second, third],
        [alone, other],
      ],
      drawn,
      { estimator: 'k1', coefficient: 0.25 },
      { normalise: false },
    );
    // Rewards 1, 1 − 0.25 × 2 nats, 0.
    expect([...samples.keys()]).toEqual([first, second, third]);
    expect([...samples.values()].map(({ advantage }) => advantage)).toEqual([0.75, 0, -0.75]);
    expect(samples.get(second)).toMatchObject({ prefix: [9], completion: [1, 2], oldLogProbs: [-1, -1] });
  });
});
