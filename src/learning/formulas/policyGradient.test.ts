import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import {
  generalisedAdvantages,
  klPenalties,
  leaveOneOut,
  type ScorePlacement,
  tokenRewards,
  whiten,
} from './advantages.js';
import { nextKlCoefficient } from './klControl.js';
import { numbers } from './numbers.js';
import { clippedPolicyLoss, clippedValueLoss, klEstimate, type KlEstimator } from './policyGradient.js';
import { duals } from './duals.js';

type Rows = readonly (readonly number[])[];

interface PpoCase {
  readonly placement: ScorePlacement;
  readonly estimator: KlEstimator;
  readonly whitenRewards: boolean;
  readonly gamma: number;
  readonly coefficient: number;
  readonly scores: readonly number[];
  readonly logProbs: Rows;
  readonly reference: Rows;
  readonly values: Rows;
  readonly rewards: Rows;
  readonly advantages: Rows;
  readonly returns: Rows;
  readonly newLogProbs: Rows;
  readonly newValues: Rows;
  readonly policyLoss: number;
  readonly valueLoss: number;
  readonly valueCoefficient: number;
  readonly policyGradients: Rows;
  readonly valueGradients: Rows;
}

/** From tests/golden/policyGradient.py: trl 0.11.4’s own functions, and the equations of trl 1.12.0 for `afterEnd`. */
const golden = JSON.parse(read('ppo')) as {
  readonly cases: readonly PpoCase[];
  readonly control: {
    readonly initial: number;
    readonly target: number;
    readonly horizon: number;
    readonly steps: readonly { readonly kl: number; readonly sequences: number; readonly coefficient: number }[];
  };
};

/** From the same script: the loss of trl 1.16.0’s own RLOOTrainer. */
const rloo = JSON.parse(read('rloo')) as {
  readonly rewards: readonly (readonly (number | null)[])[];
  readonly advantages: Rows;
  readonly normalised: Rows;
  readonly oldLogProbs: Rows;
  readonly newLogProbs: Rows;
  readonly loss: number;
  readonly gradients: Rows;
};

function read(name: string): string {
  return readFileSync(new URL(`../../../tests/golden/policyGradient/${name}.json`, import.meta.url), 'utf8');
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function expectClose(got: Rows, want: Rows): void {
  expect(got.map((row) => row.length)).toEqual(want.map((row) => row.length));
  got.flat().forEach((value, i) => {
    expect(Math.abs(value - present(want.flat()[i], 'a value'))).toBeLessThanOrEqual(1e-5);
  });
}

/** The advantages of a case before they are whitened. An array in TRL is as long as its longest completion, which has no
 *  position after its end. */
function advantagesOf(c: PpoCase): { readonly rewards: Rows; readonly advantages: Rows } {
  const longest = Math.max(...c.logProbs.map(({ length }) => length));
  const rewards = c.logProbs.map((row, i) =>
    tokenRewards(
      klPenalties(row, present(c.reference[i], 'a reference'), c),
      present(c.scores[i], 'a score'),
      c.placement === 'afterEnd' && row.length === longest ? 'atLast' : c.placement,
    ),
  );
  const seen = c.whitenRewards ? whiten(rewards, 'mean') : rewards;
  const advantages = seen.map((row, i) =>
    generalisedAdvantages(
      { rewards: row, values: present(c.values[i], 'values'), next: null },
      { gamma: c.gamma, lambda: 0.95 },
    ),
  );
  return { rewards, advantages };
}

describe('PPO', () => {
  it('rewards, whitened advantages and returns are TRL’s, at the last token and one position later, within 1e-5', () => {
    expect(new Set(golden.cases.map(({ estimator }) => estimator))).toEqual(new Set(['k1', 'k2', 'k3', 'abs']));
    for (const c of golden.cases) {
      const { rewards, advantages } = advantagesOf(c);
      expectClose(rewards, c.rewards);
      expectClose(
        advantages.map((row, i) => row.map((a, t) => a + present(c.values[i]?.[t], 'a value'))),
        c.returns,
      );
      const ofTokens = advantages.map((row, i) => row.slice(0, c.logProbs[i]?.length));
      expectClose(whiten(ofTokens, 'nothing'), c.advantages);
    }
  });

  it('policy and value loss are TRL’s, and so are their gradients, within 1e-5', () => {
    for (const c of golden.cases) {
      const policy = c.newLogProbs.map((row, i) =>
        row.map((v, t) =>
          clippedPolicyLoss(
            duals,
            {
              logProb: { v, d: 1 },
              oldLogProb: { v: present(c.logProbs[i]?.[t], 'an old one'), d: 0 },
              advantage: { v: present(c.advantages[i]?.[t], 'an advantage'), d: 0 },
            },
            0.2,
          ),
        ),
      );
      const value = c.newValues.map((row, i) =>
        row.map((v, t) =>
          clippedValueLoss(
            duals,
            {
              value: { v, d: 1 },
              oldValue: { v: present(c.values[i]?.[t], 'an old one'), d: 0 },
              target: { v: present(c.returns[i]?.[t], 'a return'), d: 0 },
            },
            0.2,
          ),
        ),
      );
      const [tokens, positions] = [policy.flat().length, value.flat().length];
      expect(sum(policy.flat().map(({ v }) => v)) / tokens).toBeCloseTo(c.policyLoss, 5);
      expect(sum(value.flat().map(({ v }) => v)) / positions).toBeCloseTo(c.valueLoss, 5);
      const part = (rows: readonly (readonly { readonly d: number }[])[], share: number): Rows =>
        rows.map((row) => row.map(({ d }) => d * share));
      expectClose(part(policy, 1 / tokens), c.policyGradients);
      expectClose(part(value, c.valueCoefficient / positions), c.valueGradients);
    }
  });

  it('the score does not overwrite the KL penalty of the last token, unless trlx is followed', () => {
    expect(tokenRewards([-0.1, -0.2], 1, 'atLast')).toEqual([-0.1, 0.8]);
    expect(tokenRewards([-0.1, -0.2], 1, 'overLast')).toEqual([-0.1, 1]);
  });

  it('a dialogue that goes on is one trajectory: cut in two, its advantages are the same', () => {
    const [rewards, values] = [
      [0.1, -0.3, 1, 0.2, 0.5],
      [0.4, 0.2, -0.1, 0.7, 0.3],
    ];
    const discounts = { gamma: 0.97, lambda: 0.9 };
    const whole = generalisedAdvantages({ rewards, values, next: null }, discounts);
    const second = generalisedAdvantages({ rewards: rewards.slice(3), values: values.slice(3), next: null }, discounts);
    const next = { value: present(values[3], 'a value'), advantage: present(second[0], 'an advantage') };
    const first = generalisedAdvantages({ rewards: rewards.slice(0, 3), values: values.slice(0, 3), next }, discounts);
    expectClose([[...first, ...second]], [whole]);
  });

  it('the adaptive coefficient is TRL’s after every rollout; a fixed one stays', () => {
    const { initial, target, horizon, steps } = golden.control;
    let coefficient = initial;
    for (const { kl, sequences, coefficient: want } of steps) {
      coefficient = nextKlCoefficient(
        coefficient,
        { kind: 'adaptive', target, horizon },
        { kl, completions: sequences },
      );
      expect(coefficient).toBeCloseTo(want, 10);
    }
    expect(nextKlCoefficient(0.2, { kind: 'fixed' }, { kl: 60, completions: 512 })).toBe(0.2);
  });
});

describe('estimators of KL', () => {
  it('k1 and k3 have the divergence as their mean, k3 is never negative, k1 may be', () => {
    const [policy, reference] = [
      [0.5, 0.3, 0.2],
      [0.2, 0.5, 0.3],
    ];
    const ratios = policy.map((p, i) => Math.log(p / present(reference[i], 'a probability')));
    const mean = (estimator: KlEstimator): number =>
      sum(ratios.map((d, i) => present(policy[i], 'a probability') * klEstimate(numbers, d, estimator)));
    expect(mean('k3')).toBeCloseTo(mean('k1'), 12);
    expect(Math.min(...ratios.map((d) => klEstimate(numbers, d, 'k3')))).toBeGreaterThanOrEqual(0);
    expect(Math.min(...ratios.map((d) => klEstimate(numbers, d, 'k1')))).toBeLessThan(0);
  });
});

describe('RLOO', () => {
  it('the baseline leaves out the completion itself and what has no score, as TRL’s does', () => {
    expectClose(leaveOneOut(rloo.rewards, { normalise: false }), rloo.advantages);
    expectClose(leaveOneOut(rloo.rewards, { normalise: true }), rloo.normalised);
    expect(
      leaveOneOut(
        [
          [null, null],
          [2, null],
        ],
        { normalise: true },
      ),
    ).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  it('the loss over whole completions and its gradients are those of TRL’s RLOOTrainer, within 1e-5', () => {
    const advantages = rloo.advantages.flat();
    const losses = rloo.newLogProbs.map((row, i) =>
      clippedPolicyLoss(
        duals,
        {
          logProb: { v: sum(row), d: 1 },
          oldLogProb: { v: sum(present(rloo.oldLogProbs[i], 'old ones')), d: 0 },
          advantage: { v: present(advantages[i], 'an advantage'), d: 0 },
        },
        0.2,
      ),
    );
    expect(sum(losses.map(({ v }) => v)) / losses.length).toBeCloseTo(rloo.loss, 5);
    expectClose(
      losses.map(({ d }, i) => present(rloo.newLogProbs[i], 'a row').map(() => d / losses.length)),
      rloo.gradients,
    );
  });
});
