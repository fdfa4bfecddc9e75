import { describe, expect, it } from 'vitest';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { utteranceOf } from '../../dialogue/testing/scripted.js';
import type { PreferencePair, Utterance } from '../../dialogue/types.js';
import { trainingPairs } from './trainingPairs.js';

const utterance = (text: string, contextIds?: readonly number[]): Utterance => ({
  ...utteranceOf('adversary', text),
  ...(contextIds === undefined ? {} : { contextIds }),
});
const pairOf = (chosen: Utterance, rejected: Utterance): PreferencePair => ({
  dialogue: { prompt: promptOf('opener'), turns: [] },
  chosen,
  rejected,
  chosenReward: 1,
  rejectedReward: 0,
  isDemonstration: false,
});
const reference = {
  logProbs: async (queries: readonly { readonly completion: readonly number[] }[]) =>
    queries.map(({ completion }) => completion.map(() => -2)),
};

describe('training pairs', () => {
  it('condition on the very ids that the utterances kept: nothing is rendered again', async () => {
    const [chosen, rejected] = [utterance('rain', [7, 8, 9]), utterance('tea garden', [7, 8, 9])];
    expect(await trainingPairs(reference, [pairOf(chosen, rejected)])).toEqual([
      {
        prefix: [7, 8, 9],
        chosen: chosen.tokens?.ids,
        rejected: rejected.tokens?.ids,
        referenceChosen: [-2],
        referenceRejected: [-2, -2],
      },
    ]);
  });

  it('ask the reference once for an utterance of several pairs', async () => {
    const [a, b, c] = [utterance('rain', [7]), utterance('tea garden', [7]), utterance('sun', [7])];
    let asked = 0;
    const counted: typeof reference = {
      logProbs: (queries) => ((asked += queries.length), reference.logProbs(queries)),
    };
    const data = await trainingPairs(counted, [pairOf(a, b), pairOf(a, c), pairOf(c, b)]);
    expect(asked).toBe(3);
    expect(data.map(({ rejected }) => rejected)).toEqual([b.tokens?.ids, c.tokens?.ids, b.tokens?.ids]);
  });

  it('are refused for an utterance that kept none', async () => {
    await expect(trainingPairs(reference, [pairOf(utterance('rain', [7]), utterance('tea'))])).rejects.toThrow(
      /conditioned on/,
    );
  });
});
