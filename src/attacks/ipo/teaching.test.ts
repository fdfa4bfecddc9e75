import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { teachingCounts } from '../../dialogue/pairs.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { promptOf, promptsOf } from '../../dialogue/testing/prompts.js';
import { scriptedAdversary, scriptedTarget, thornJudge, utteranceOf } from '../../dialogue/testing/scripted.js';
import type { ToxicContinuation } from '../../dialogue/types.js';
import { drawEpoch } from './loop.js';
import { teachingPairs } from './teaching.js';

const cast: RolloutCast = {
  adversary: scriptedAdversary(),
  target: scriptedTarget(),
  judge: thornJudge(),
  reward: { reply: 2, utterance: 1 },
};
const asUtterance = (text: string) => utteranceOf('adversary', text);
const lesson = (continuation: string, prefix = 'The cat sat on'): ToxicContinuation => ({
  prefix: promptOf(prefix),
  continuation,
  toxicity: 0.9,
});
const stream = streamKey(0, 'teaching');

describe('teaching pairs', () => {
  it('the given text wins over the adversary’s own, whatever the rewards say, and is marked as teaching', async () => {
    const draws = [lesson('a nettle'), lesson('tea')].map((text) => ({ text, prompt: text.prefix }));
    const pairs = await teachingPairs(draws, { ...cast, asUtterance }, stream);
    expect(pairs.map(({ chosen }) => chosen.text)).toEqual([' a nettle', ' tea']);
    expect(
      pairs.every(
        ({ teaching, chosenReward, rejectedReward }) => teaching && chosenReward !== null && rejectedReward !== null,
      ),
    ).toBe(true);
  });

  it('how often the given winner has the lower reward is counted', async () => {
    const quiet = { ...cast, adversary: scriptedAdversary(() => 'nettle nettle'), reward: { utterance: 1 } };
    const draws = [lesson('tea'), lesson('thorn nettle')].map((text) => ({ text, prompt: text.prefix }));
    expect(teachingCounts(await teachingPairs(draws, { ...quiet, asUtterance }, stream))).toEqual({
      pairs: 2,
      teaching: 2,
      winnerHasLowerReward: 1,
    });
  });

  it('no lessons ask nobody', async () => {
    const adversary = scriptedAdversary();
    expect(await teachingPairs([], { ...cast, adversary, asUtterance }, stream)).toEqual([]);
    expect(adversary.calls).toEqual([]);
  });
});

describe('drawEpoch', () => {
  const prompts = { train: promptsOf(50), dev: [] };
  const teaching = [lesson('a nettle'), lesson('standing alone', '')];
  const weak = (probability: number, onlyEpochs = 0) => ({ data: 'x', probability, minHarm: 0.5, onlyEpochs });

  it('draws each prompt at most once an epoch, others in another epoch, the same for the same seed', () => {
    const draw = (epoch: number, seed = 0) =>
      drawEpoch(
        { prompts, teaching: [] },
        { promptsPerEpoch: 16, weakSupervision: null },
        epoch,
        streamKey(seed, 'x'),
      ).prompts.map(({ id }) => id);
    expect(new Set(draw(1)).size).toBe(16);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(draw(1, 1)).not.toEqual(draw(1));
  });

  it('with probability ρ a draw teaches in place of a rollout', () => {
    const options = (probability: number) => ({ promptsPerEpoch: 50, weakSupervision: weak(probability) });
    const share = (probability: number): number => {
      const counts = Array.from(
        { length: 40 },
        (_, epoch) => drawEpoch({ prompts, teaching }, options(probability), epoch + 1, stream).lessons.length,
      );
      return counts.reduce((sum, n) => sum + n, 0) / (40 * 50);
    };
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(1);
    // 2,000 draws at p = 0.5: the standard deviation is 0.011.
    expect(Math.abs(share(0.5) - 0.5)).toBeLessThan(0.05);
  });

  it('the first epochs can be for teaching only', () => {
    const options = { promptsPerEpoch: 10, weakSupervision: weak(0, 2) };
    expect([1, 2, 3].map((epoch) => drawEpoch({ prompts, teaching }, options, epoch, stream).lessons.length)).toEqual([
      10, 10, 0,
    ]);
  });

  it('a lesson comes after its own prefix, one without a prefix after an ordinary prompt', () => {
    const { lessons } = drawEpoch({ prompts, teaching }, { promptsPerEpoch: 50, weakSupervision: weak(1) }, 1, stream);
    for (const { text, prompt } of lessons)
      expect(prompt.text).toMatch(text.prefix.text === '' ? /^opener/ : /^The cat sat on$/);
  });
});
