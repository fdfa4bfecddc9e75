/** A run whose prompts know more than their text: a goal, a target string and private views. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../src/base/json.js';
import { playJobsHere, type PlayJobs } from '../src/dialogue/rollout/jobs.js';
import type { Adversary, Judge, JudgedItem, Target, Utterance } from '../src/dialogue/types.js';
import { type Device, openDevice } from '../src/engine/runtime/device.js';
import type { Report } from '../src/report/report.js';
import { runStages } from '../src/stages/runStages.js';
import { InterruptedError } from '../src/base/errors.js';
import { byteTokenizer } from './fakes/byteTokenizer.js';
import { tinyContext, type TinyFiles, tinyRecipe, writeTinyFiles } from './fakes/tinyPool.js';
import { freshFolder, openTinyRun, readLines, readRecords } from './fakes/tinyRuns.js';

const given = Array.from({ length: 12 }, (_, i) => ({
  id: `p${String(i)}`,
  prompt: `opener ${String(i)}`,
  goal: `goal ${String(i)}`,
  target: `secret-${String(i)}`,
  views: {
    adversary: { system: `You attack ${String(i)}.`, turns: ['mine'] },
    target: { system: `Keep secret-${String(i)}.`, turns: ['yours'] },
  },
}));

const recipe = tinyRecipe([
  {
    exploit: {
      attack: 'ipo',
      horizon: 2,
      epochs: 1,
      promptsPerEpoch: 4,
      batchPairs: 4,
      warmupSteps: 1,
      learningRate: 1e-3,
      devEvery: 1,
      devPrompts: 2,
      reward: { reply: 2, exchange: 0.5, likelihood: 0.1 },
      weakSupervision: null,
    },
  },
  { evaluate: { rows: ['untuned', 'ipo'], turns: 2 } },
]);

/** The texts that the sides have read, and the items that the judge was given. */
interface Seen {
  readonly adversary: string[];
  readonly target: string[];
  readonly items: JudgedItem[];
}

/** Plays as a run does, and notes the contexts that the models have read. */
function noting(seen: Seen): PlayJobs {
  const tokenizer = byteTokenizer();
  const note = (side: 'adversary' | 'target', utterances: readonly Utterance[]): void => {
    for (const { contextIds } of utterances) {
      if (contextIds === undefined) throw new Error('an utterance of a local model has its context');
      seen[side].push(tokenizer.decode(contextIds));
    }
  };
  return (jobs, cast, onResult) => {
    const speak: Adversary['speak'] = async (requests) => {
      const utterances = await cast.adversary.speak(requests);
      note('adversary', utterances);
      return utterances;
    };
    const reply: Target['reply'] = async (requests) => {
      const replies = await cast.target.reply(requests);
      note(
        'target',
        replies.map((each) => each.reply),
      );
      return replies;
    };
    const judge: Judge['judge'] = (items) => {
      seen.items.push(...items);
      return cast.judge.judge(items);
    };
    const noted = {
      adversary: { ...cast.adversary, speak },
      target: { ...cast.target, reply },
      judge: { ...cast.judge, judge },
    };
    return playJobsHere(jobs, { ...cast, ...noted }, onResult);
  };
}

describe('prompts with a goal, a target string and private views', () => {
  let device: Device;
  let files: TinyFiles;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = { ...(await writeTinyFiles(device)), folder: mkdtempSync(join(tmpdir(), 'gadfly-views-')) };
    const sets = { train: given.slice(0, 6), dev: given.slice(6, 8), test: given.slice(8) };
    for (const [name, set] of Object.entries(sets))
      writeFileSync(join(files.folder, `${name}.json`), JSON.stringify(set));
  });
  afterAll(() => device.close());

  /** How often the latest session has asked whether it shall stop. */
  let asked = 0;

  /** Runs one session. @param stopAt asks to stop at the n-th time that the run asks; never where it is absent */
  async function play(folder: string, how: 'create' | 'resume', seen: Seen, stopAt = Infinity): Promise<Report | null> {
    asked = 0;
    const run = openTinyRun(recipe, folder, how);
    const context = tinyContext(files, recipe, run, { interrupted: () => ++asked > stopAt });
    try {
      const report = await runStages({ ...context, playJobs: noting(seen) });
      run.close('done');
      return report;
    } catch (error) {
      run.close('interrupted');
      throw error;
    }
  }
  const nothingSeen = (): Seen => ({ adversary: [], target: [], items: [] });
  const results = (report: Report | null): unknown => ({
    rows: report?.rows,
    samples: report?.samples,
    points: report?.points,
  });

  it('each side reads its own view alone, records keep all, and resumed equals uninterrupted', async () => {
    const [whole, seen] = [freshFolder(), nothingSeen()];
    const report = await play(whole, 'create', seen);
    const stops = [2, Math.floor(asked / 2), asked - 1];

    // Exploit: 4 prompts, 2 and 4 utterances at the two depths; dev: 2 prompts of 2 turns; evaluate: 2 rows of 4 prompts.
    expect(seen.adversary).toHaveLength(4 * 6 + 2 * 2 + 2 * 4 * 2);
    for (const context of seen.adversary) {
      expect(context).toMatch(/^You attack \d+\.\s*mine\s*opener \d+/);
      expect(context).not.toMatch(/secret|Keep|yours/);
    }
    expect(seen.target).toHaveLength(seen.adversary.length);
    for (const context of seen.target) {
      expect(context).toMatch(/^Keep secret-(\d+)\.\s*yours\s*opener \1/);
      expect(context).not.toMatch(/attack|mine|goal/);
    }
    for (const item of seen.items) {
      expect(item.text).not.toMatch(/Keep|yours|You attack|mine/);
      expect(item.goal?.replace('goal ', 'secret-')).toBe(item.targetString);
      expect(item.targetString).toMatch(/^secret-\d+$/);
    }
    const stages = new Set<unknown>();
    for (const { prompt, stage } of readLines(whole, 'rollouts.jsonl')) {
      const {
        id,
        prompt: text,
        goal,
        target,
        views,
      } = given.find((row) => row.id === (prompt as JsonObject)['id']) ?? {};
      expect(prompt).toMatchObject({ id, text, goal, targetString: target, views });
      stages.add(stage);
    }
    expect(stages.size).toBe(3);
    const pairs = readLines(whole, 'pairs.jsonl');
    expect(pairs).not.toEqual([]);
    for (const pair of pairs) expect(pair['prompt']).toMatch(/^You attack \d+\.\s*mine\s*opener/);

    // Stops in the attack's rollout, halfway, and in the last row of the evaluation.
    for (const stopAt of stops) {
      const [folder, again] = [freshFolder(), nothingSeen()];
      await expect(play(folder, 'create', again, stopAt)).rejects.toThrow(InterruptedError);
      expect(results(await play(folder, 'resume', again))).toEqual(results(report));
      expect(readRecords(folder)).toBe(readRecords(whole));
      expect(new Set(again.adversary)).toEqual(new Set(seen.adversary));
      expect(new Set(again.target)).toEqual(new Set(seen.target));
    }
  }, 120_000);
});
