import { describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { promptOf } from '../../dialogue/testing/prompts.js';
import type { ExchangeScore, RolloutNode, RolloutTree } from '../../dialogue/types.js';
import { generalisedAdvantages, whiten } from '../../learning/formulas/advantages.js';
import { creditRollout, type ReadUtterance, toRead } from './credit.js';
import { ppoSchema } from './options.js';
import { controlRules, ppoSettings } from './settings.js';

const unscored = { kind: 'unscored', reason: 'none' } as const;
const score: ExchangeScore = {
  reply: unscored,
  exchange: unscored,
  utterance: unscored,
  adversaryNll: null,
  reward: null,
};

const prompt = promptOf('0');
const nodeOf = (depth: number, children: readonly RolloutNode[] = []): RolloutNode => ({
  dialogue: { prompt, turns: [] },
  depth,
  score,
  children,
});
const treeOf = (root: RolloutNode): RolloutTree => ({ prompt, roots: [root] });

function utterance(values: readonly number[], reward: number, afterEnd = false): ReadUtterance {
  const completion = values.slice(0, values.length - Number(afterEnd)).map((_, t) => t + 1);
  return {
    prefix: [9],
    completion,
    afterEnd,
    score: reward,
    reference: completion.map(() => -2),
    old: { logProbs: completion.map((_, t) => -1 - t / 4), values },
  };
}

const settings = { penalty: { estimator: 'k1', coefficient: 0.1 }, score: 'atLast' } as const;
const options = { whitenRewards: false, gamma: 0.9, lambda: 0.8 };

describe('what a token of a dialogue is worth', () => {
  it('all utterances of a dialogue are one trajectory: a later reward reaches the first token', () => {
    const second = nodeOf(2);
    const first = nodeOf(1, [second]);
    const read = new Map([
      [first, utterance([0.5, -0.2], 0)],
      [second, utterance([0.1, 0.3, 0.2], 5)],
    ]);
    const samples = creditRollout([treeOf(first)], read, settings, options);
    // Penalties −0.1 × (log π + 2), the score at the last token of each utterance.
    const whole = generalisedAdvantages(
      {
        rewards: [-0.1, -0.075, -0.1, -0.075, -0.05 + 5],
        values: [0.5, -0.2, 0.1, 0.3, 0.2],
        next: null,
      },
      options,
    );
    const wanted = present(whiten([whole], 'nothing')[0], 'a list');
    const got = [first, second].flatMap((node) => present(samples.get(node), 'a sample').advantages);
    got.forEach((advantage, i) => expect(advantage).toBeCloseTo(present(wanted[i], 'an advantage'), 10));
    expect(samples.get(first)?.returns[0]).toBeCloseTo(present(whole[0], 'an advantage') + 0.5, 10);
  });

  it('a trajectory ends before an utterance without a reward, and what follows is one of its own', () => {
    const [third, lone] = [nodeOf(3), nodeOf(1)];
    const second = nodeOf(2, [third]);
    const first = nodeOf(1, [second]);
    const read = new Map([
      [first, utterance([0.5, -0.2], 1)],
      [third, utterance([0.5, -0.2], 1)],
      [lone, utterance([0.5, -0.2], 1)],
    ]);
    const samples = creditRollout([treeOf(first), treeOf(lone)], read, settings, options);
    expect([...samples.keys()]).toEqual([first, third, lone]);
    const alone = samples.get(lone);
    for (const node of [first, third]) expect(samples.get(node)).toEqual(alone);
  });

  it('one position later the value after the end is trained and read, but of the longest utterance, which has none', () => {
    expect(toRead({ prefix: [9], completion: [1, 2] }, 'afterEnd', 3).afterEnd).toBe(true);
    expect(toRead({ prefix: [9], completion: [1, 2, 3] }, 'afterEnd', 3).afterEnd).toBe(false);
    expect(toRead({ prefix: [9], completion: [1, 2] }, 'atLast', 3).afterEnd).toBe(false);
    const [short, long] = [nodeOf(1), nodeOf(1)];
    const read = new Map([
      [short, utterance([0.4, 0.1, 0.7], 2, true)],
      [long, utterance([0.4, 0.1, 0.7], 2)],
    ]);
    const samples = creditRollout([treeOf(short), treeOf(long)], read, { ...settings, score: 'afterEnd' }, options);
    expect(samples.get(short)?.advantages).toHaveLength(2);
    // The score is all that is still to come at the last position of either.
    expect(samples.get(short)?.returns).toHaveLength(3);
    expect(samples.get(short)?.returns[2]).toBeCloseTo(2, 10);
    expect(samples.get(long)?.returns[2]).toBeCloseTo(2 - 0.05, 10);
  });
});

describe('the settings of PPO', () => {
  const settingsOf = (given: object): ReturnType<typeof ppoSettings> =>
    ppoSettings(ppoSchema.parse({ attack: 'ppo', ...given }));

  it('follow an implementation by name where a recipe leaves them out', () => {
    expect(settingsOf({ like: 'trl-0.11' })).toMatchObject({
      penalty: { estimator: 'k1', coefficient: 0.2 },
      control: { kind: 'adaptive', target: 6, horizon: 10_000 },
      score: 'atLast',
      head: 'linear',
      valueCoefficient: 0.1,
      maxMeanRatio: 10,
      optimizer: { learningRate: 1.41e-5, maxGradientNorm: null },
    });
    expect(settingsOf({ like: 'trl-1.12' })).toMatchObject({
      penalty: { coefficient: 0.05 },
      control: { kind: 'fixed' },
      score: 'afterEnd',
      maxMeanRatio: null,
      optimizer: { learningRate: 3e-6 },
    });
    expect(settingsOf({ like: 'trlx' })).toMatchObject({ score: 'overLast', head: 'mlp', valueCoefficient: 1 });
  });

  it('are the recipe’s where it names them, null included', () => {
    const given = {
      kl: { coefficient: 0 },
      score: 'atLast',
      maxMeanRatio: null,
      learningRate: 1,
      value: { head: 'mlp' },
    };
    expect(settingsOf({ like: 'trl-0.11', ...given })).toMatchObject({
      penalty: { coefficient: 0 },
      score: 'atLast',
      head: 'mlp',
      maxMeanRatio: null,
      optimizer: { learningRate: 1 },
    });
    expect(settingsOf({ maxGradientNorm: null }).optimizer.maxGradientNorm).toBeNull();
    expect(settingsOf({}).optimizer.maxGradientNorm).toBe(1);
  });

  it('refuse an adaptive penalty that cannot rise, or that one epoch could turn into a reward', () => {
    const broken = (kl: object): readonly string[] =>
      controlRules(ppoSchema.parse({ attack: 'ppo', promptsPerEpoch: 10, dialoguesPerPrompt: 5, horizon: 2, kl })).map(
        ({ path }) => path.join('.'),
      );
    expect(broken({ control: 'adaptive', horizon: 21 })).toEqual([]);
    // 100 utterances of a horizon of 20: the factor is 1 − 0.2 × 100 / 20.
    expect(broken({ control: 'adaptive', horizon: 20 })).toEqual(['kl.horizon']);
    expect(broken({ control: 'adaptive', coefficient: 0 })).toEqual(['kl.coefficient']);
    expect(broken({ control: 'fixed', coefficient: 0, horizon: 1 })).toEqual([]);
  });

  it('refuse a limit of the mean ratio that a first step would exceed', () => {
    expect(ppoSchema.safeParse({ attack: 'ppo', maxMeanRatio: 1 }).success).toBe(false);
  });
});
