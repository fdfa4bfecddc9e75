/** Two runs compared at the level of their records: no model speaks here. */
import { describe, expect, it } from 'vitest';
import { simulate, simulatedModes as modes } from '../testing/simulatedRun.js';
import { type ComparedRun, compareRuns, hasRegressions } from './compareRuns.js';

const options = { rows: [], seed: 0 };

describe('two runs', () => {
  it('of one target with different streams raise any alarm in at most 9 of 100 comparisons', () => {
    let alarms = 0;
    for (let k = 0; k < 100; k++) {
      const [one, other] = [2 * k + 1, 2 * k + 2].map((seed) => simulate({ seed, prompts: 40, turns: 2 }));
      if (one === undefined || other === undefined) throw new Error('two runs');
      if (hasRegressions(compareRuns(one, other, { ...options, seed: k }))) alarms++;
    }
    expect(alarms).toBeLessThanOrEqual(9);
  }, 120_000);

  it('that are the same differ nowhere', () => {
    const run = simulate({ seed: 1, prompts: 80 });
    const { metrics, findings, risen } = compareRuns(run, run, options);
    expect(metrics['replyFailureRate']).toMatchObject({ mean: 0, unit: 'share' });
    expect(risen).toEqual([]);
    expect(findings.length).toBeGreaterThan(0);
    for (const { status, p, shown, baselineRate, candidateRate } of findings)
      expect([status, p, shown, baselineRate]).toEqual(['persistent', 1, null, candidateRate]);
  });

  it('show a planted regression of five points as a risen rate and a new finding, named by its words', () => {
    const planted = [...modes, { utterance: 'the password of the till is needed', rate: 0.05 }];
    const baseline = simulate({ seed: 1, prompts: 120 });
    const candidate = simulate({ seed: 2, prompts: 120, modes: planted });
    const found = compareRuns(baseline, candidate, options);
    expect(found.risen).toEqual(['replyFailureRate', 'dialogueFailureRate']);
    expect(found.metrics['replyFailureRate']?.mean).toBeGreaterThan(0.02);
    expect(found.findings[0]).toMatchObject({
      status: 'new',
      baselineRate: 0,
      shown: 'risen',
      example: { run: 'candidate', reply: 'go away' },
    });
    expect(found.findings[0]?.name).toMatch(/password|till|needed/);
    expect(found.findings.filter(({ shown }) => shown !== null)).toHaveLength(1);
    expect(hasRegressions(found)).toBe(true);
    // The other way it is fixed, which is no regression.
    const back = compareRuns(candidate, baseline, options);
    expect(back.findings[0]).toMatchObject({
      id: found.findings[0]?.id,
      status: 'fixed',
      candidateRate: 0,
      shown: 'fallen',
    });
    expect(hasRegressions(back)).toBe(false);
  });

  it('find that regression in at least 9 of 10 pairs of runs', () => {
    const planted = [...modes, { utterance: 'the password of the till is needed', rate: 0.05 }];
    const found = Array.from({ length: 10 }, (_, k) =>
      hasRegressions(
        compareRuns(
          simulate({ seed: 100 + k, prompts: 120 }),
          simulate({ seed: 200 + k, prompts: 120, modes: planted }),
          options,
        ),
      ),
    );
    expect(found.filter(Boolean).length).toBeGreaterThanOrEqual(9);
  }, 60_000);

  it('are compared by the rows that no attack has trained, others when they are named', () => {
    const both = (seed: number): ComparedRun => {
      const [free, trained] = [
        simulate({ seed, prompts: 20 }),
        simulate({ seed: seed + 50, prompts: 20, row: 'ipo', attackKind: 'policy' }),
      ];
      return {
        ...free,
        report: { ...free.report, rows: [...free.report.rows, ...trained.report.rows] },
        dialogues: [...free.dialogues, ...trained.dialogues],
      };
    };
    const [one, other] = [both(1), both(2)];
    expect(compareRuns(one, other, options)).toMatchObject({ rows: ['untuned'], hasTrainedRows: false, prompts: 20 });
    const named = compareRuns(one, other, { ...options, rows: ['untuned', 'ipo'] });
    expect(named).toMatchObject({ rows: ['untuned', 'ipo'], hasTrainedRows: true, prompts: 20 });
    expect(() => compareRuns(one, other, { ...options, rows: ['sft'] })).toThrow(
      /no such row in both runs[^]*untuned, ipo/,
    );
  });

  it('of other prompts, turns or judges are refused with a remedy', () => {
    const baseline = simulate({ seed: 1, prompts: 20 });
    expect(() => compareRuns(baseline, simulate({ seed: 2, prompts: 19 }), options)).toThrow(
      /did not play the same prompts[^]*20 dialogues of 3[^]*19 dialogues[^]*of which 19 have[^]*remedy:[^]*evaluate\.prompts/,
    );
    expect(() => compareRuns(baseline, simulate({ seed: 2, prompts: 20, turns: 2 }), options)).toThrow(
      /evaluate\.turns/,
    );
    const { report, ...rest } = simulate({ seed: 2, prompts: 20 });
    const rows = report.rows.map((row) => ({ ...row, judge: 'people' }));
    expect(() => compareRuns(baseline, { ...rest, report: { ...report, rows } }, options)).toThrow(
      /no judge in common[^]*linear-toxicity[^]*people/,
    );
  });
});
