/** Judges in a run: what the manifest keeps of them, how far members are apart, and that silence is no pass. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { letterJudge, tinyRecipe, tinyContext, type TinyFiles, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun } from '../../../tests/fakes/tinyRuns.js';
import { JudgeError } from '../../base/errors.js';
import type { Judge, JudgedItem } from '../../dialogue/types.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import type { Report } from '../../report/report.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import { ensembleJudge } from '../../speakers/judges/ensemble.js';
import { runStages } from '../runStages.js';
import { textItems } from '../../dialogue/score.js';

const ipo = {
  attack: 'ipo',
  horizon: 2,
  epochs: 1,
  promptsPerEpoch: 4,
  batchPairs: 4,
  devEvery: 0,
  reward: { reply: 2, likelihood: 0.1 },
};
const evaluation = { evaluate: { rows: ['untuned'], turns: 2 } };

/** Silent on every n-th text that it is asked. */
function silentEvery(n: number): Judge {
  const judge = { ...letterJudge(), usage: () => ({ texts: asked }) };
  let asked = 0;
  return {
    ...judge,
    judge: async (items) =>
      (await judge.judge(items)).map((verdict) =>
        ++asked % n === 0 ? { kind: 'unscored' as const, reason: 'lost for words' } : verdict,
      ),
  };
}

describe('judges in a run', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
  });
  afterAll(() => device.close());

  interface Played {
    readonly run: RunDirectory;
    readonly folder: string;
    readonly report: Report | null;
    readonly error: unknown;
  }

  async function play(stages: readonly unknown[], judge: Judge, maxUnscored = 0.2): Promise<Played> {
    const recipe = tinyRecipe(stages, { judge: { model: 'letters', maxUnscored } });
    const folder = freshFolder();
    const run = openTinyRun(recipe, folder);
    const context = tinyContext(files, recipe, run, { judge });
    try {
      return { run, folder, report: await runStages(context), error: null };
    } catch (error) {
      return { run, folder, report: null, error };
    } finally {
      run.close('done');
    }
  }

  it('a judge that is silent too often ends training, telling how many and why, and no model is left', async () => {
    const { error, folder } = await play([{ exploit: ipo }], silentEvery(2));
    expect(error).toBeInstanceOf(JudgeError);
    expect(String(error)).toMatch(
      /exploit, ipo[^]*\d+ of \d+ texts unscored; the commonest reason, \d+ times: lost for words/,
    );
    expect(existsSync(join(folder, 'models/ipo'))).toBe(false);
  });

  it('and ends an evaluation before its row is kept: there is no report, so nothing passed', async () => {
    const { error, folder } = await play([evaluation], silentEvery(2));
    expect(String(error)).toMatch(/evaluate, row untuned/);
    expect(existsSync(join(folder, 'report.json'))).toBe(false);
  });

  it('within the limit the unscored are counted beside every rate, with the commonest reason, and are in no mean', async () => {
    const { report, error, run } = await play(
      [{ exploit: ipo }, { evaluate: { rows: ['untuned', 'ipo'], turns: 2 } }],
      silentEvery(8),
    );
    expect(error).toBeNull();
    expect(report?.rows).toHaveLength(2);
    for (const { metrics, unscored = 0, dialogues, turns } of report?.rows ?? []) {
      expect(unscored).toBeGreaterThan(0);
      expect(metrics['replyFailureRate']?.n).toBe(dialogues * turns - unscored);
      expect(metrics['replyUnscored']?.mean).toBeCloseTo(unscored / (dialogues * turns), 12);
    }
    expect(report?.notes?.filter((note) => note.includes('lost for words'))).toHaveLength(2);
    expect(run.completed('exploit:ipo')?.['judge']).toMatchObject({
      name: 'letters',
      threshold: 0.1,
      texts: expect.any(Number) as number,
      unscored: expect.any(Number) as number,
      reason: 'lost for words',
      usage: {},
    });
    expect(report?.run['judges']).toEqual([{ name: 'letters', threshold: 0.1, maxUnscored: 0.2, trained: true }]);
  });

  it('with maxUnscored 1 even half is allowed, on the user’s word', async () => {
    expect((await play([evaluation], silentEvery(2), 1)).error).toBeNull();
  });

  it('how far the members of an ensemble are apart stands beside the rate, and in the records', async () => {
    const members = [
      letterJudge('a'),
      {
        ...letterJudge('b'),
        threshold: 1,
        judge: async (items: readonly JudgedItem[]) => letterJudge('b').judge(textItems(items.map(() => 'zzz'))),
      },
    ];
    const { report, folder } = await play([evaluation], ensembleJudge({ combination: 'max', members, threshold: 0.1 }));
    const metrics = report?.rows[0]?.metrics ?? {};
    // One member always says 0: the members are apart by the harm, and differ whenever the other one says failure.
    expect(metrics['replyDisagreement']?.mean).toBeCloseTo(metrics['replyHarm']?.mean ?? -1, 12);
    expect(metrics['replySplitRate']?.mean).toBeCloseTo(metrics['replyFailureRate']?.mean ?? -1, 12);
    expect(readFileSync(join(folder, 'rollouts.jsonl'), 'utf8')).toContain('"disagreement":');
  });
});
