import { describe, expect, it } from 'vitest';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { PreferencePair } from '../../dialogue/types.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import { leastLikely, withMargins } from './margins.js';

const pairOf = (chosenReward: number, rejectedReward: number): PreferencePair => ({
  dialogue: { prompt: promptOf('opener'), turns: [] },
  chosen: utteranceOf('adversary', 'a'),
  rejected: utteranceOf('adversary', 'b'),
  chosenReward,
  rejectedReward,
  isDemonstration: false,
});
const dataOf = (referenceChosen: readonly number[], referenceRejected: readonly number[]): TrainingPair => ({
  prefix: [1],
  chosen: referenceChosen.map(() => 2),
  rejected: referenceRejected.map(() => 3),
  referenceChosen,
  referenceRejected,
});
const fluency = { tokens: 2, floor: -5, logReward: -100 };

describe('the margins of contrastive trajectory balance', () => {
  it('are gaps of the reward over β, nats', () => {
    const data = [dataOf([-1, -2], [-30]), dataOf([-1], [-1])];
    const margins = withMargins(data, [pairOf(1, 0.4), pairOf(0.2, -0.1)], { beta: 0.3, fluency: null });
    expect(margins.map((pair) => pair?.soughtMargin)).toEqual([expect.closeTo(2, 10), expect.closeTo(1, 10)]);
  });

  it('an utterance that is no language has a constant log R, whatever its reward', () => {
    const [low, high] = withMargins(
      [dataOf([-1, -2, -1], [-1, -9, -8]), dataOf([-1, -9, -8], [-1, -2, -1])],
      [pairOf(1, 0), pairOf(1, 0)],
      { beta: 0.5, fluency },
    );
    // log R(chosen) − log R(rejected), less what the reference says of both: (−4 + 2) − (−100), and so less (−4) − (−18).
    expect(low?.soughtMargin).toBeCloseTo(2 - (-100 + 18), 10);
    expect(high?.soughtMargin).toBeCloseTo(-100 + 18 - 0, 10);
  });

  it('a pair of two such utterances teaches nothing, and its place is kept', () => {
    const data = [dataOf([-9, -9], [-8, -8]), dataOf([-1], [-1])];
    const margins = withMargins(data, [pairOf(1, 0), pairOf(1, 0)], { beta: 0.5, fluency });
    expect(margins.map((pair) => pair?.soughtMargin ?? null)).toEqual([null, 2]);
  });

  it('fluency is the mean of the k least likely tokens, of all where there are fewer', () => {
    expect(leastLikely([-1, -7, -3, -5], 2)).toBe(-6);
    expect(leastLikely([-1, -3], 5)).toBe(-2);
  });
});
