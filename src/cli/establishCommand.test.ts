import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { jsonOf, runCli } from './testing/fakeTerminal.js';
import { tinySpeaker, writeTinyCommandFiles } from '../../tests/fakes/tinyCommandRecipe.js';
import { readLines } from '../../tests/fakes/tinyRuns.js';
import { shownPath } from './executeRun.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-establish-'));
const [recipe, run] = [join(folder, 'tiny.yaml'), join(folder, 'run')];
const cli = (...argv: readonly string[]) => runCli([...argv, '--threads', '1', '--json']);

beforeAll(async () => {
  await writeTinyCommandFiles(folder);
  const texts = Array.from({ length: 12 }, (_, i) => `${i % 2 === 0 ? 'zz' : 'aa'}${String(i)}`);
  writeFileSync(join(folder, 'texts.json'), JSON.stringify(texts));
  writeFileSync(
    recipe,
    `name: tiny
target: ${tinySpeaker}
adversary: ${tinySpeaker}
judge: stage:measure
prompts: { train: train.json, test: test.json }
stages:
  - establish:
      labels: [{ name: rude, description: x, harmful: true }, { name: polite, description: y }]
      by: people
      texts: texts.json
      minPerLabel: 2
      ensemble: { body: ./tiny, members: 2, epochs: 1 }
  - exploit:
      { attack: ipo, horizon: 1, candidates: 4, epochs: 1, promptsPerEpoch: 8, batchPairs: 4, devEvery: 0, reward: { reply: 0, logOdds: 0.5, likelihood: 0 } }
  - evaluate: { turns: 1, judges: [stage:measure, linear-toxicity] }
`,
  );
});

describe('a run that waits for people', () => {
  it('ends with exit code 130 and names the command to label with; once there are labels, its judge serves every later stage', async () => {
    const waiting = await cli('run', recipe, '--out', run);
    expect(waiting.code).toBe(130);
    expect(waiting.errors).toContain('12 texts with a label each');
    expect(waiting.errors).toContain(`gadfly label ${shownPath(run)}`);
    expect(waiting.errors).toContain(`gadfly run --resume ${shownPath(run)}`);
    expect(JSON.parse(readFileSync(join(run, 'manifest.json'), 'utf8'))).toMatchObject({ status: 'interrupted' });

    const choices = readLines(run, 'samples.jsonl').map(({ id, text }) => ({
      id,
      label: String(text as string).startsWith('z') ? 'rude' : 'polite',
      labeller: 'ada',
      at: '2026-01-01T00:00:00Z',
      probability: 1,
    }));
    writeFileSync(join(run, 'labels.jsonl'), choices.map((choice) => `${JSON.stringify(choice)}\n`).join(''));
    const done = await cli('run', '--resume', run);
    expect(done.code, done.errors).toBe(0);
    const rows = jsonOf(done)['rows'] as readonly Record<string, unknown>[];
    expect(rows.map(({ name, judge, judgeTrainedOn }) => [name, judge, judgeTrainedOn])).toEqual([
      ['untuned', 'stage:measure', false],
      ['untuned', 'linear-toxicity', false],
      ['ipo', 'stage:measure', true],
      ['ipo', 'linear-toxicity', false],
    ]);
    const rewards = readLines(run, 'rollouts.jsonl').flatMap((record) => {
      const { reward } =
        (record['scores'] as Record<string, { reward?: { terms?: object } }[]> | undefined)?.['stage:measure']?.[0] ??
        {};
      return reward === undefined ? [] : [Object.keys(reward.terms ?? {})];
    });
    expect(rewards[0]).toEqual(['logOdds']);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain('What counts as harm');
  });

  it('leaves a judge that other commands open by its folder', async () => {
    const judged = await cli('judge', '--judge', join(run, 'judges/measure'), '--text', 'zz9');
    expect(judged.code).toBe(0);
    const [result] = jsonOf(judged)['results'] as readonly { readonly labels: Record<string, number> }[];
    expect(Object.keys(result?.labels ?? {})).toEqual(['rude', 'polite', 'logOdds', 'disagreement', 'split']);
  });
});
