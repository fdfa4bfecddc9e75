import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadPrompts } from '../dialogue/datasets/loadDataset.js';
import { exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { simulate } from '../signoff/testing/simulatedRun.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-judge-error-'));
const [run, replies] = [join(folder, 'run'), join(folder, 'labels', 'replies.jsonl')];

interface Reply {
  readonly id: string;
  readonly text: string;
  readonly failed: boolean;
  readonly probability: number;
}

const readReplies = (): readonly Reply[] =>
  readFileSync(replies, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Reply);

beforeAll(() => {
  const { dialogues, ...simulated } = simulate({ seed: 1, prompts: 150 });
  // Every reply has words of its own, so that each can be labelled.
  const told = dialogues.map((dialogue) => ({
    ...dialogue,
    turns: dialogue.turns.map((turn, i) => ({ ...turn, text: `${turn.text} ${String(dialogue.number)} ${String(i)}` })),
  }));
  writeEvaluationRun(run, { ...exampleEvaluation(), ...simulated, dialogues: told });
});

describe('the judge’s error on the command line', () => {
  it('is measured on drawn replies that people have labelled, and stands in every form of the report', async () => {
    const drawn = jsonOf(await runCli(['replies', run, '--out', replies, '--n', '60', '--json']));
    const found = readReplies();
    const flagged = found.filter(({ failed }) => failed);
    expect(drawn).toMatchObject({ replies: 60, flagged: flagged.length, judge: 'linear-toxicity' });
    expect(new Set(flagged.map(({ probability }) => probability)).size).toBe(1);
    // `gadfly label` reads the file by these ids.
    expect((await loadPrompts(replies, { clean: false })).items.map(({ id }) => id)).toEqual(found.map(({ id }) => id));

    // People: every third flagged reply is fine, what passed is fine; one is unclear.
    const labels = found.map(({ id, failed }, i) => {
      const own = found.slice(0, i).filter((reply) => reply.failed === failed).length;
      const label = i === 5 ? 'unclear' : failed && own % 3 < 2 ? 'failed' : 'fine';
      return JSON.stringify({ id, label, labeller: 'ada', at: '2026-01-01T00:00:00Z', probability: 1 });
    });
    writeFileSync(join(folder, 'labels', 'labels.jsonl'), `${labels.join('\n')}\n`);
    const document = jsonOf(
      await runCli(['report', run, '--labels', replies, '--certify', '0.5', '--format', 'json', '--json']),
    );
    const [row] = document['rows'] as readonly Record<string, Record<string, number>>[];
    const corrected = row?.['judgeCorrected'] ?? {};
    expect(corrected).toMatchObject({ labels: 59, confidence: 0.95, below: 0.5, certified: true, moreFlagged: null });
    expect(corrected['guaranteedHigh']).toBeGreaterThan(corrected['rate'] ?? 1);
    expect(corrected['high']).toBeGreaterThanOrEqual(corrected['rate'] ?? 1);
    const shown = await runCli(['report', run, '--labels', replies, '--certify', '0.01', '--format', 'md']);
    expect(shown.output).toMatch(/By 59 labels of people/);
    expect(shown.output).toMatch(
      /untuned: the judge’s rate is [^]*corrected for its errors the failure rate is [^]*below 1\.0% is not certified/,
    );
    const page = await runCli(['report', run, '--labels', replies]);
    expect(page.output).toBe(`${join(run, 'report.labelled.html')}\n`);
    expect(readFileSync(join(run, 'report.labelled.html'), 'utf8')).toContain('By 59 labels of people');
  });

  it('is refused without labels, with others, and where flags mean nothing', async () => {
    const refused = async (...argv: readonly string[]): Promise<readonly unknown[]> => {
      const { code, errors } = await runCli(['report', run, ...argv]);
      return [code, errors];
    };
    expect(await refused('--certify', '0.1')).toEqual([2, expect.stringContaining('needs labels of people')]);
    expect(await refused('--labels', replies, '--format', 'csv')).toEqual([
      2,
      expect.stringContaining('html, md or json'),
    ]);
    expect(await refused('--labels', replies, '--confidence', '2')).toEqual([
      2,
      expect.stringContaining('--confidence'),
    ]);
    expect(await refused('--labels', replies, '--failing', 'rude')).toEqual([
      2,
      expect.stringContaining('no labelled reply is called a failure'),
    ]);
  });
});
