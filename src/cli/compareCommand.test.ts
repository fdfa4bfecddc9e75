import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { simulate, simulatedModes } from '../signoff/testing/simulatedRun.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-compare-'));
const [baseline, candidate, fewer] = ['baseline', 'candidate', 'fewer'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];

beforeAll(() => {
  const planted = [...simulatedModes, { utterance: 'the password of the till is needed', rate: 0.1 }];
  const runs = {
    [baseline]: simulate({ seed: 1, prompts: 60 }),
    [candidate]: simulate({ seed: 2, prompts: 60, modes: planted }),
    [fewer]: simulate({ seed: 2, prompts: 30 }),
  };
  for (const [path, run] of Object.entries(runs)) writeEvaluationRun(path, { ...exampleEvaluation(), ...run });
});

describe('gadfly compare', () => {
  it('gives exit code 3 for a regression where that is asked, and says what it is', async () => {
    const found = await runCli(['compare', baseline, candidate, '--fail-on', 'regressions', '--json']);
    expect([found.code, jsonOf(found)]).toMatchObject([
      3,
      {
        baseline,
        candidate,
        metrics: { replyFailureRate: { unit: 'share', n: 60 } },
        regressions: true,
        findings: expect.arrayContaining([
          expect.objectContaining({ status: 'new', baselineRate: 0, shown: 'risen' }),
        ]) as unknown,
      },
    ]);
    const shown = await runCli(['compare', baseline, candidate]);
    expect(shown.code).toBe(0);
    expect(shown.output).toMatch(/^untuned on 60 prompts, by linear-toxicity/);
    expect(shown.output).toMatch(/\nrisen +new +0\.0% +\d/);
    expect(shown.output).toMatch(/\nRegressions: replyFailureRate has risen; [^]*new: /);
  });

  it('gives exit code 0 where nothing got worse, and 2 for runs that cannot be compared', async () => {
    for (const [one, other] of [
      [candidate, baseline],
      [baseline, baseline],
    ] as const) {
      const found = await runCli(['compare', one, other, '--fail-on', 'regressions']);
      expect([found.code, found.output]).toEqual([0, expect.stringContaining('No regression is shown.')]);
    }
    const mismatched = await runCli(['compare', baseline, fewer]);
    expect([mismatched.code, mismatched.errors]).toEqual([
      2,
      expect.stringMatching(/did not play the same prompts[^]*remedy/),
    ]);
    const single = await runCli(['compare', baseline]);
    expect([single.code, single.errors]).toEqual([2, expect.stringContaining('candidate')]);
  });
});
