import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  adpo,
  dpo,
  ipo,
  preferenceFormula,
  type PreferenceLogProbs,
  type PreferenceObjective,
  readsToxic,
} from './preference.js';
import { type Dual, duals } from './duals.js';
import { numbers } from './numbers.js';

type Quantity = keyof PreferenceLogProbs<number>;

interface GoldenCase {
  readonly objective: PreferenceObjective;
  readonly logProbs: Partial<Record<Quantity, number[]>>;
  readonly losses: number[];
  readonly margins: number[];
  readonly gradients: Partial<Record<Quantity, number[]>>;
}

/** From tests/golden/preference.py: TRL's formulas and ADPO's in float64 under torch autograd. */
const golden = JSON.parse(
  readFileSync(new URL('../../../tests/golden/preference/losses.json', import.meta.url), 'utf8'),
) as {
  cases: GoldenCase[];
};

/** The i-th pair of a case, every quantity made by `make`. */
function pairOf<V>(
  { logProbs }: GoldenCase,
  i: number,
  make: (value: number, name: string) => V,
): PreferenceLogProbs<V> {
  return Object.fromEntries(
    Object.entries(logProbs).map(([name, values]) => [name, make(values[i] as number, name)]),
  ) as unknown as PreferenceLogProbs<V>;
}

const within = (got: number, want: number): void => {
  expect(Math.abs(got - want)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(want)));
};

const triple = {
  policyChosen: -20,
  policyRejected: -25,
  policyToxic: -31,
  referenceChosen: -22,
  referenceRejected: -24,
  referenceToxic: -30,
};
const forms = ['joint', 'paired', 'separate'] as const;

describe('preference formulas', () => {
  it('losses, margins and gradients of IPO and DPO equal TRL’s formulas, and those of ADPO and CTB their float64 values, within 1e-5', () => {
    expect(
      new Set(golden.cases.map(({ objective }) => (objective.loss === 'adpo' ? objective.form : objective.loss))),
    ).toEqual(new Set(['ipo', 'dpo', 'ctb', ...forms]));
    for (const c of golden.cases) {
      c.losses.forEach((want, i) => {
        const ours = preferenceFormula(
          numbers,
          pairOf(c, i, (value) => value),
          c.objective,
        );
        within(ours.loss, want);
        expect(ours.margin).toBeCloseTo(c.margins[i] as number, 8);
        for (const [along, gradients] of Object.entries(c.gradients)) {
          const pair = pairOf(c, i, (v, name): Dual => ({ v, d: name === along ? 1 : 0 }));
          within(preferenceFormula(duals, pair, c.objective).loss.d / c.losses.length, gradients[i] as number);
        }
      });
    }
  });

  it('CTB is at rest where probability follows the reference times exp(score / β), over all pairs, whatever the normaliser', () => {
    const [scores, reference, beta, logZ] = [[0, 1, 0.2, 0.7], [-20, -31, -18, -25], 0.3, 4.2];
    const policy = scores.map((score, i) => (reference[i] as number) + score / beta - logZ);
    scores.forEach((chosen, i) =>
      scores.forEach((rejected, j) => {
        const at = (values: readonly number[], k: number): number => values[k] as number;
        const { loss } = preferenceFormula(
          numbers,
          {
            policyChosen: at(policy, i),
            policyRejected: at(policy, j),
            referenceChosen: at(reference, i),
            referenceRejected: at(reference, j),
            soughtMargin: (chosen - rejected) / beta,
          },
          { loss: 'ctb', beta },
        );
        expect(loss).toBeLessThan(1e-20);
      }),
    );
  });

  it.each(forms)('ADPO %s: at γ = 0 it is DPO to the bit, and reads no toxic completion', (form) => {
    const objective = { loss: 'adpo', form, beta: 0.3, gamma: 0, lambda: 0.7 } as const;
    const pair = { policyChosen: -20, policyRejected: -25, referenceChosen: -22, referenceRejected: -24 };
    expect(readsToxic(objective)).toBe(false);
    for (const logProbs of [triple, pair]) expect(adpo(numbers, logProbs, objective)).toEqual(dpo(numbers, pair, 0.3));
  });

  it.each(forms)(
    'ADPO %s: its value grows with the toxic completion’s likelihood and falls with the chosen one’s',
    (form) => {
      const loss = (change: Partial<typeof triple>): number =>
        adpo(numbers, { ...triple, ...change }, { form, beta: 0.3, gamma: 0.2, lambda: 1 }).loss;
      expect(loss({ policyToxic: -30 })).toBeGreaterThan(loss({}));
      expect(loss({ policyChosen: -19 })).toBeLessThan(loss({}));
    },
  );

  it('ADPO separate: where the second term has no weight it is DPO, and its gradient tends to DPO’s as γ does to 0', () => {
    const options = { form: 'separate', beta: 0.3 } as const;
    expect(adpo(numbers, triple, { ...options, gamma: 0.2, lambda: 0 })).toEqual(dpo(numbers, triple, 0.3));
    const dual = (m: typeof triple): PreferenceLogProbs<Dual> =>
      Object.fromEntries(
        Object.entries(m).map(([name, v]) => [name, { v, d: name === 'policyChosen' ? 1 : 0 }]),
      ) as unknown as PreferenceLogProbs<Dual>;
    const gradient = adpo(duals, dual(triple), { ...options, gamma: 1e-9, lambda: 1 }).loss;
    const plain = dpo(duals, dual(triple), 0.3).loss;
    expect(gradient.d).toBeCloseTo(plain.d, 8);
    expect(gradient.v - plain.v).toBeCloseTo(Math.LN2, 8);
  });

  it('ADPO stays finite at log-ratios of a thousand nats either way', () => {
    for (const form of forms) {
      for (const policyToxic of [-1000, 1000]) {
        const { loss } = adpo(numbers, { ...triple, policyToxic }, { form, beta: 1, gamma: 1, lambda: 1 });
        expect(loss).toBeGreaterThanOrEqual(0);
        expect(loss).toBeLessThan(2100);
      }
    }
  });

  it('a prefix that both completions share cancels: adding its log-probability to all four terms changes nothing', () => {
    const pair = { policyChosen: -20, policyRejected: -25, referenceChosen: -22, referenceRejected: -24 };
    const shifted = { policyChosen: -50, policyRejected: -55, referenceChosen: -82, referenceRejected: -84 };
    for (const formula of [ipo, dpo])
      expect(formula(numbers, shifted, 0.1).loss).toBeCloseTo(formula(numbers, pair, 0.1).loss, 10);
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

describe('a policy at its very reference', () => {
  it('learns by DPO: −log σ falls by half of β per nat of margin', () => {
    const at = (v: number, d = 0): Dual => ({ v, d });
    const pair = {
      policyChosen: at(-3, 1),
      policyRejected: at(-4),
      referenceChosen: at(-3),
      referenceRejected: at(-4),
    };
    expect(dpo(duals, pair, 0.3).loss.d).toBeCloseTo(-0.15, 12);
  });
});
