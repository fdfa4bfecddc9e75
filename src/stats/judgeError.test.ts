import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { clopperPearsonHigh, clopperPearsonLow } from './clopperPearson.js';
import {
  correctedInterval,
  correctedLimit,
  correctRate,
  type JudgedLabel,
  judgeErrorOf,
  labelsToCertify,
} from './judgeError.js';

const label = (judged: boolean, failing: boolean, probability = 1): JudgedLabel => ({ judged, failing, probability });
const many = (n: number, each: JudgedLabel): JudgedLabel[] => Array.from({ length: n }, () => each);

/** A judge and texts of which a share fails. */
interface World {
  readonly rate: number;
  readonly tpr: number;
  readonly fpr: number;
  /** Labels that are wanted of each verdict; equal inclusion probabilities where null. */
  readonly inclusion: readonly [flagged: number, passed: number];
}

function drawText(
  { rate, tpr, fpr }: World,
  draw: ReturnType<typeof openStream>,
): { failing: boolean; judged: boolean } {
  const failing = draw.uniform() < rate;
  return { failing, judged: draw.uniform() < (failing ? tpr : fpr) };
}

/** Simulates a judge run and labels of other texts. */
function simulate(
  world: World,
  { texts, pool, seed }: { readonly texts: number; readonly pool: number; readonly seed: number },
) {
  const draw = openStream(streamKey(seed, 'judge'));
  let failed = 0;
  for (let i = 0; i < texts; i++) failed += Number(drawText(world, draw).judged);
  const labels: JudgedLabel[] = [];
  for (let i = 0; i < pool; i++) {
    const text = drawText(world, draw);
    const probability = world.inclusion[text.judged ? 0 : 1];
    if (draw.uniform() < probability) labels.push({ ...text, probability });
  }
  return { failed, texts, labels };
}

describe('the error of a judge', () => {
  it('is weighted by the inverse of the inclusion probability, and takes out of a rate what it puts in', () => {
    const labels = [
      ...many(9, label(true, true)),
      ...many(1, label(false, true, 0.5)),
      ...many(2, label(true, false)),
      ...many(9, label(false, false, 0.5)),
    ];
    // 9 of 9 + 2 failing texts; 2 of 2 + 18 harmless ones.
    expect(judgeErrorOf(labels)).toEqual({ tpr: 9 / 11, fpr: 0.1 });
    expect(correctRate(0.1 + 0.3 * (9 / 11 - 0.1), { tpr: 9 / 11, fpr: 0.1 })).toBeCloseTo(0.3, 12);
    expect(correctRate(0.05, { tpr: 0.9, fpr: 0.1 })).toBe(0);
    expect(correctRate(0.3, { tpr: 0.2, fpr: 0.2 })).toBeNull();
    expect(judgeErrorOf([label(true, true)])).toEqual({ tpr: 1, fpr: null });
  });

  it('gives an interval of the corrected rate that holds the true one in at least 90 of 100 runs', () => {
    const world: World = { rate: 0.2, tpr: 0.85, fpr: 0.1, inclusion: [0.5, 0.5] };
    let held = 0;
    for (let seed = 0; seed < 100; seed++) {
      const { failed, texts, labels } = simulate(world, { texts: 400, pool: 600, seed });
      const rates = Array.from({ length: texts }, (_, i) => ({ failed: Number(i < failed), n: 1 }));
      const found = correctedInterval(rates, labels, streamKey(seed, 'bootstrap'), 200);
      if (found !== null && found.low <= world.rate && world.rate <= found.high) held++;
    }
    expect(held).toBeGreaterThanOrEqual(90);
  });

  it('puts the limits of Clopper and Pearson at ζ/3 each into the formula', () => {
    const labels = [
      ...many(45, label(true, true)),
      ...many(5, label(false, true)),
      ...many(10, label(true, false)),
      ...many(190, label(false, false)),
    ];
    const level = 1 - 0.05 / 3;
    const found = correctedLimit({ judgedHigh: (at) => clopperPearsonHigh(30, 300, at), labels, zeta: 0.05 });
    const [r, t, f] = [
      clopperPearsonHigh(30, 300, level),
      clopperPearsonLow(45, 50, level),
      clopperPearsonLow(10, 200, level),
    ];
    expect(found).toEqual({ high: (r - f) / (t - f), judgedHigh: r, tprLow: t, fprLow: f });
    expect(
      correctedLimit({ judgedHigh: () => 0.1, labels: [...labels, label(true, true, 0.5)], zeta: 0.05 }),
    ).toBeNull();
    expect(correctedLimit({ judgedHigh: () => 0.1, labels: [], zeta: 0.05 })?.high).toBe(1);
  });

  it.each([
    ['a good judge, labels of all alike', { rate: 0.05, tpr: 0.9, fpr: 0.02, inclusion: [0.4, 0.4] }, 300],
    ['a poor judge', { rate: 0.1, tpr: 0.6, fpr: 0.2, inclusion: [0.3, 0.3] }, 300],
    ['labels of mostly flagged texts', { rate: 0.05, tpr: 0.8, fpr: 0.05, inclusion: [0.9, 0.1] }, 300],
    ['few labels', { rate: 0.2, tpr: 0.8, fpr: 0.1, inclusion: [0.2, 0.2] }, 100],
  ] as const)('certifies falsely in at most ζ of all runs at the very rate: %s', (_name, world, texts) => {
    const zeta = 0.1;
    let wrong = 0;
    const runs = 400;
    for (let seed = 0; seed < runs; seed++) {
      const run = simulate(world, { texts, pool: 500, seed });
      const limit = correctedLimit({
        judgedHigh: (at) => clopperPearsonHigh(run.failed, run.texts, at),
        labels: run.labels,
        zeta,
      });
      // The true rate is `rate` itself: a certificate that it is below is false.
      if (limit !== null && limit.high < world.rate) wrong++;
    }
    // Were the share ζ, more than ζ + 2 standard errors would be seen in one of forty tests.
    expect(wrong / runs).toBeLessThanOrEqual(zeta + 2 * Math.sqrt((zeta * (1 - zeta)) / runs));
  });

  it('says how many more labels would decide, and with them it is decided', () => {
    const labels = [
      ...many(18, label(true, true)),
      ...many(2, label(false, true)),
      ...many(4, label(true, false)),
      ...many(60, label(false, false)),
    ];
    const question = { judgedHigh: () => 0.1, labels, zeta: 0.05 };
    expect(correctedLimit(question)?.high).toBeGreaterThan(0.13);
    const more = labelsToCertify(question, 0.13);
    expect(more).not.toBeNull();
    expect((more?.flagged ?? 0) + (more?.passed ?? 0)).toBeGreaterThan(0);
    // A rate of the judge that is above what is to be certified stays undecided whatever is labelled.
    expect(labelsToCertify({ ...question, judgedHigh: () => 0.9 }, 0.1)).toBeNull();
  });
});
