import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Arithmetic, numbers } from './arithmetic.js';
import { dpo, ipo, preferenceFormulas, type PreferenceFormulaName } from './preference.js';

interface GoldenCase {
  readonly formula: PreferenceFormulaName;
  readonly beta: number;
  readonly policyChosen: number[];
  readonly policyRejected: number[];
  readonly referenceChosen: number[];
  readonly referenceRejected: number[];
  readonly losses: number[];
  readonly margins: number[];
  readonly gradChosen: number[];
  readonly gradRejected: number[];
}

/** From tests/golden/preference.py: TRL's formulas in float64 under torch autograd. */
const golden = JSON.parse(readFileSync(new URL('../../../tests/golden/preference/losses.json', import.meta.url), 'utf8')) as {
  cases: GoldenCase[];
};

/** A number with its derivative along one input: a second arithmetic, so that gradients need no graph here. */
interface Dual {
  readonly v: number;
  readonly d: number;
}
const duals: Arithmetic<Dual> = {
  add: (a, b) => ({ v: a.v + b.v, d: a.d + b.d }),
  sub: (a, b) => ({ v: a.v - b.v, d: a.d - b.d }),
  mul: (a, b) => ({ v: a.v * b.v, d: a.d * b.v + a.v * b.d }),
  scale: (a, k) => ({ v: a.v * k, d: a.d * k }),
  shift: (a, k) => ({ v: a.v + k, d: a.d }),
  exp: (a) => ({ v: Math.exp(a.v), d: a.d * Math.exp(a.v) }),
  log: (a) => ({ v: Math.log(a.v), d: a.d / a.v }),
  abs: (a) => ({ v: Math.abs(a.v), d: a.d * Math.sign(a.v) }),
  atMost: (a, limit) => (a.v < limit ? a : { v: limit, d: 0 }),
};

const at = (xs: readonly number[], i: number): number => xs[i] as number;

describe('preference formulas', () => {
  it('losses, margins and gradients equal TRL’s formulas within 1e-5', () => {
    for (const c of golden.cases) {
      const formula = preferenceFormulas[c.formula];
      c.losses.forEach((loss, i) => {
        const pair = {
          policyChosen: at(c.policyChosen, i),
          policyRejected: at(c.policyRejected, i),
          referenceChosen: at(c.referenceChosen, i),
          referenceRejected: at(c.referenceRejected, i),
        };
        const ours = formula(numbers, pair, c.beta);
        expect(Math.abs(ours.loss - loss)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(loss)));
        expect(ours.margin).toBeCloseTo(at(c.margins, i), 8);
        const along = (wrt: 'policyChosen' | 'policyRejected'): number => {
          const dual = (name: keyof typeof pair): Dual => ({ v: pair[name], d: name === wrt ? 1 : 0 });
          return (
            formula(
              duals,
              {
                policyChosen: dual('policyChosen'),
                policyRejected: dual('policyRejected'),
                referenceChosen: dual('referenceChosen'),
                referenceRejected: dual('referenceRejected'),
              },
              c.beta,
            ).loss.d / c.losses.length
          );
        };
        for (const [got, want] of [
          [along('policyChosen'), at(c.gradChosen, i)],
          [along('policyRejected'), at(c.gradRejected, i)],
        ] as const) {
          expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(want)));
        }
      });
    }
  });

  it('a prefix that both completions share cancels: adding its log-probability to all four terms changes nothing', () => {
    const pair = { policyChosen: -20, policyRejected: -25, referenceChosen: -22, referenceRejected: -24 };
    const shifted = { policyChosen: -50, policyRejected: -55, referenceChosen: -82, referenceRejected: -84 };
    for (const formula of [ipo, dpo]) expect(formula(numbers, shifted, 0.1).loss).toBeCloseTo(formula(numbers, pair, 0.1).loss, 10);
  });

  it('IPO is at rest exactly at a margin of 1/(2β), and pulls back a larger one', () => {
    const withMargin = (margin: number): number =>
      ipo(numbers, { policyChosen: margin, policyRejected: 0, referenceChosen: 0, referenceRejected: 0 }, 0.2).loss;
    expect(withMargin(2.5)).toBe(0);
    expect(withMargin(3.5)).toBeCloseTo(withMargin(1.5), 12);
  });

  it('DPO stays finite at margins of a thousand nats either way', () => {
    const loss = (margin: number): number =>
      dpo(numbers, { policyChosen: margin, policyRejected: 0, referenceChosen: 0, referenceRejected: 0 }, 1).loss;
    expect(loss(1000)).toBeCloseTo(0, 12);
    expect(loss(-1000)).toBeCloseTo(1000, 9);
  });
});
