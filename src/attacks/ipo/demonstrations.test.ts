import { describe, expect, it } from 'vitest';
import { childKey, streamKey } from '../../base/random.js';
import { demonstrationCounts } from '../../dialogue/pairs.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { promptOf, promptsOf } from '../../dialogue/testing/prompts.js';
import { scriptedAdversary, scriptedTarget, thornJudge, utteranceOf } from '../../dialogue/testing/scripted.js';
import type { Dialogue, ToxicContinuation } from '../../dialogue/types.js';
import { drawEpoch } from './loop.js';
import { demonstrationPairs } from './demonstrations.js';

const cast: RolloutCast = {
  adversary: scriptedAdversary(),
  target: scriptedTarget(),
  judge: thornJudge(),
  reward: { reply: 2, utterance: 1 },
};
const asUtterance = ({ prompt }: Dialogue, text: string) =>
  utteranceOf('adversary', prompt.text === '' ? text : ` ${text}`);
const demonstration = (continuation: string, prefix = 'The cat sat on'): ToxicContinuation => ({
  prefix: promptOf(prefix),
  continuation,
  toxicity: 0.9,
});
const stream = streamKey(0, 'demonstrations');

describe('pairs of weak supervision', () => {
  it('the given text wins over the adversary’s own, whatever the rewards say, and is marked as a demonstration', async () => {
    const draws = [demonstration('a nettle'), demonstration('tea')].map((text) => ({ text, prompt: text.prefix }));
    const pairs = await demonstrationPairs(draws, { ...cast, asUtterance }, stream);
    expect(pairs.map(({ chosen }) => chosen.text)).toEqual([' a nettle', ' tea']);
    expect(
      pairs.every(
        ({ isDemonstration, chosenReward, rejectedReward }) =>
          isDemonstration && chosenReward !== null && rejectedReward !== null,
      ),
    ).toBe(true);
  });

  it('how often the given winner has the lower reward is counted', async () => {
    const quiet = { ...cast, adversary: scriptedAdversary(() => 'nettle nettle'), reward: { utterance: 1 } };
    const draws = [demonstration('tea'), demonstration('thorn nettle')].map((text) => ({ text, prompt: text.prefix }));
    expect(demonstrationCounts(await demonstrationPairs(draws, { ...quiet, asUtterance }, stream))).toEqual({
      pairs: 2,
      demonstrations: 2,
      winnerHasLowerReward: 1,
    });
  });

  it('without a demonstration no speaker is asked', async () => {
    const adversary = scriptedAdversary();
    expect(await demonstrationPairs([], { ...cast, adversary, asUtterance }, stream)).toEqual([]);
    expect(adversary.calls).toEqual([]);
  });
});

describe('drawEpoch', () => {
  const prompts = { train: promptsOf(50), dev: [], test: [] };
  const demonstrations = [demonstration('a nettle'), demonstration('standing alone', '')];
  const weak = (probability: number, onlyEpochs = 0) => ({ data: 'x', probability, minHarm: 0.5, onlyEpochs });

  it('draws each prompt at most once an epoch, others in another epoch, the same for the same seed', () => {
    const draw = (epoch: number, seed = 0) =>
      drawEpoch(
        { prompts, demonstrations: [] },
        { promptsPerEpoch: 16, weakSupervision: null },
        epoch,
        streamKey(seed, 'x', epoch),
      ).prompts.map(({ id }) => id);
    expect(new Set(draw(1)).size).toBe(16);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(2)).not.toEqual(draw(1));
    expect(draw(1, 1)).not.toEqual(draw(1));
  });

  it('with probability ρ a draw gives a demonstration in place of a rollout', () => {
    const options = (probability: number) => ({ promptsPerEpoch: 50, weakSupervision: weak(probability) });
    const share = (probability: number): number => {
      const counts = Array.from(
        { length: 40 },
        (_, epoch) =>
          drawEpoch({ prompts, demonstrations }, options(probability), epoch + 1, childKey(stream, epoch))
            .demonstrations.length,
      );
      return counts.reduce((sum, n) => sum + n, 0) / (40 * 50);
    };
    expect(share(0)).toBe(0);
    expect(share(1)).toBe(1);
    // 2,000 draws at p = 0.5: the standard deviation is 0.011.
    expect(Math.abs(share(0.5) - 0.5)).toBeLessThan(0.05);
  });

  it('the first epochs can have demonstrations only', () => {
    const options = { promptsPerEpoch: 10, weakSupervision: weak(0, 2) };
    expect(
      [1, 2, 3].map((epoch) => drawEpoch({ prompts, demonstrations }, options, epoch, stream).demonstrations.length),
    ).toEqual([10, 10, 0]);
  });

  it('a demonstration comes after its own prefix, one without a prefix after an ordinary prompt', () => {
    const { demonstrations: drawn } = drawEpoch(
      { prompts, demonstrations },
      { promptsPerEpoch: 50, weakSupervision: weak(1) },
      1,
      stream,
    );
    for (const { text, prompt } of drawn)
      expect(prompt.text).toMatch(text.prefix.text === '' ? /^opener/ : /^The cat sat on$/);
  });
});
