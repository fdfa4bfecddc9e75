/** A recipe and a sweep from a program, through the library's entry: a function is asked, a function judges, and no
 *  model is opened. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as gadfly from '../index.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-library-sweep-'));
writeFileSync(join(folder, 'list.json'), JSON.stringify(['good day', 'a cup of tea', 'what a fog']));
// Three failures of three have an interval from 0.44 on.
const text = `name: shop
target: { model: shop, format: plain }
adversary: { model: 'prompts:list.json' }
judge: length
stages: [{ evaluate: { turns: 1, failOver: 0.4 } }]
`;
const sweep = `${text}sweep: { grid: { judge.threshold: [0.1, 0.9], seed: [0, 1] } }\n`;
const file = join(folder, 'shop.yaml');

const judge = gadfly.createFunctionJudge({
  name: 'length',
  score: (texts) => texts.map((each) => Math.min(1, each.length / 100)),
});

function poolOf(reply: (utterance: string) => string): gadfly.RunOptions['pool'] {
  const target = gadfly.createFunctionTarget({ name: 'shop', reply: ({ utterance }) => reply(utterance) });
  return {
    openDevice: () => Promise.reject(new Error('no model is needed')),
    cacheDir: null,
    offline: true,
    targets: { shop: target },
    judges: { length: judge },
  };
}

const polite = poolOf((utterance) => `you said: ${utterance}`);

const outcomes = ({ file: { points } }: gadfly.SweepView): readonly unknown[] =>
  points.map(({ name, status, thresholdExceeded = [] }) => [name, status, thresholdExceeded]);

describe('a recipe from a program', () => {
  it('leaves a run directory with its page, and says which rows exceed the threshold', async () => {
    const loaded = gadfly.parseRecipe(text.replace('judge: length', 'judge: { model: length, threshold: 0.1 }'), {
      file,
    });
    const place = { kind: 'new', folder: join(folder, 'run') } as const;
    const { run, left, threshold } = await gadfly.runRecipe(loaded, { place, pool: polite });
    expect(left).toEqual([]);
    expect(threshold.exceeded.map(({ name }) => name)).toEqual(['untuned']);
    expect(existsSync(join(run.path, 'report.html'))).toBe(true);
  });
});

describe('a sweep from a program', () => {
  it('runs every point in a directory of its own, and gives the tables over all', async () => {
    const out = join(folder, 'sweep');
    const begun: string[] = [];
    const view = await gadfly.runSweep(
      { kind: 'new', plan: gadfly.planSweep({ text: sweep, file }), folder: out },
      {
        pool: polite,
        onPoint: ({ name }) => {
          begun.push(name);
          return {};
        },
      },
    );
    expect(begun).toEqual(view.file.points.map(({ name }) => name));
    expect(view.file).toMatchObject({ name: 'shop', status: 'done' });
    expect(outcomes(view)).toEqual([
      ['01-threshold=0.1,seed=0', 'done', ['untuned']],
      ['02-threshold=0.1,seed=1', 'done', ['untuned']],
      ['03-threshold=0.9,seed=0', 'done', []],
      ['04-threshold=0.9,seed=1', 'done', []],
    ]);
    expect(view.file.tables[0]?.rows).toHaveLength(4);
    for (const name of begun) expect(existsSync(join(out, name, 'report.html'))).toBe(true);
    expect(readFileSync(join(out, 'sweep.html'), 'utf8')).toContain('shop');
    expect(gadfly.readSweepView(out)).toEqual(view);
  });

  it('stopped and resumed, it passes over what is done and ends as one never stopped', async () => {
    const out = join(folder, 'stopped');
    let asked = 0;
    const counted = poolOf((utterance) => {
      asked++;
      return `you said: ${utterance}`;
    });
    const start = { kind: 'new', plan: gadfly.planSweep({ text: sweep, file }), folder: out } as const;
    const stopped = gadfly.runSweep(start, { pool: counted, interrupted: () => asked >= 4 });
    await expect(stopped).rejects.toThrow(gadfly.InterruptedError);
    const before = gadfly.readSweepView(out).file.points;
    expect(before.map(({ status }) => status)).toEqual(['done', 'done', 'pending', 'pending']);
    const passedOver: string[] = [];
    const resumed = await gadfly.runSweep(
      { kind: 'resume', folder: out },
      { pool: polite, onPassedOver: ({ name }) => void passedOver.push(name) },
    );
    expect(passedOver).toEqual(before.slice(0, 2).map(({ name }) => name));
    expect(outcomes(resumed)).toEqual(outcomes(gadfly.readSweepView(join(folder, 'sweep'))));
  });

  it('notes a point that fails, says so, and runs the others', async () => {
    const out = join(folder, 'failing');
    const errors: string[] = [];
    const plan = gadfly.planSweep({
      text: `${text}sweep: { grid: { judge: [lenght, length] } }\n`,
      file,
    });
    const view = await gadfly.runSweep(
      { kind: 'new', plan, folder: out },
      { pool: polite, onPointFailed: ({ name }, error) => void errors.push(`${name}: ${String(error)}`) },
    );
    expect(view.file.points.map(({ status }) => status)).toEqual(['failed', 'done']);
    expect(errors).toEqual([expect.stringContaining('lenght')]);
  });

  it('refuses a folder that is taken, and a sweep that is done', async () => {
    const done = join(folder, 'sweep');
    const plan = gadfly.planSweep({ text: sweep, file });
    for (const start of [
      { kind: 'new', plan, folder: done },
      { kind: 'resume', folder: done },
    ] as const)
      await expect(gadfly.runSweep(start, { pool: polite })).rejects.toThrow(gadfly.ConfigError);
  });
});
