import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readParquet } from '../dialogue/datasets/parquet.js';
import { emptyEvaluation, exampleEvaluation } from '../render/testing/exampleEvaluation.js';
import { exampleSweep, exampleSweeps } from '../render/testing/exampleSweep.js';
import { writeEvaluationRun } from './testing/evaluationRun.js';
import { jsonOf, runCli } from './testing/fakeTerminal.js';

const folder = mkdtempSync(join(tmpdir(), 'gadfly-report-'));
const [run, bare] = [join(folder, 'run'), join(folder, 'bare')];

beforeAll(() => {
  writeEvaluationRun(run, exampleEvaluation());
  writeEvaluationRun(bare, emptyEvaluation());
});

describe('gadfly report', () => {
  it('prints an export, or writes it where --out says, with the dialogues of the evaluation alone', async () => {
    const printed = await runCli(['report', run, '--format', 'junit']);
    expect(printed.code).toBe(0);
    expect(printed.output).toContain('<testsuites name="ast-smollm2" tests="12" failures="6" errors="4"');
    const out = join(folder, 'new', 'junit.xml');
    const written = await runCli(['report', run, '--format', 'junit', '--out', out, '--json']);
    expect(jsonOf(written)).toEqual({ format: 'junit', file: out });
    expect(readFileSync(out, 'utf8')).toBe(printed.output);
  });

  it('exports nothing where dialogues that the report counts are gone: no test case is no pass', async () => {
    const cut = join(folder, 'cut');
    writeEvaluationRun(cut, { ...exampleEvaluation(), dialogues: exampleEvaluation().dialogues.slice(0, 5) });
    const { code, errors, output } = await runCli(['report', cut, '--format', 'junit']);
    expect([code, output]).toEqual([1, '']);
    expect(errors).toMatch(
      /rollouts\.jsonl: dialogues of the evaluation are missing[^]*expected: 4 of the row ipo[^]*got:\s+3/,
    );
    expect((await runCli(['report', cut, '--format', 'md'])).code).toBe(0);
  });

  it('writes every table into a folder, the metrics alone into a file, and prints these as CSV', async () => {
    const tables = join(folder, 'tables');
    const written = await runCli(['report', run, '--format', 'csv', '--out', tables, '--json']);
    const names = readdirSync(tables).sort();
    expect(names).toEqual(
      ['metrics', 'notes', 'points', 'replies', 'rows', 'sampleWords', 'samples', 'verdictWords'].map(
        (name) => `${name}.csv`,
      ),
    );
    expect(jsonOf(written)).toMatchObject({ files: expect.arrayContaining([join(tables, 'metrics.csv')]) as unknown });
    const printed = await runCli(['report', run, '--format', 'csv']);
    expect(readFileSync(join(tables, 'metrics.csv'), 'utf8')).toBe(printed.output);
    expect(await runCli(['report', run, '--format', 'parquet'])).toMatchObject({
      output: `${join(run, 'report.parquet')}\n`,
    });
    const rows: unknown[] = [];
    for await (const { value } of readParquet(join(run, 'report.parquet'), null)) rows.push(value);
    expect(rows).toHaveLength(printed.output.split('\r\n').length - 2);
    expect(rows[0]).toMatchObject({
      row: 'untuned',
      part: 'all',
      metric: 'replyHarm',
      better: 'lower',
      mean: 0.05,
      n: 300,
    });
  });

  it('--fail-over exits 3 by the low end of the interval, and names the rows', async () => {
    // The row ipo has a rate of 9.3%, 5.8% to 13.2%; untuned 2.3%, 0.8% to 4.0%.
    const over = await runCli(['report', run, '--format', 'md', '--fail-over', 'replyFailureRate=0.05']);
    expect([over.code, over.errors]).toEqual([3, expect.stringContaining('ipo exceeds replyFailureRate=0.05: 9.3%')]);
    expect(over.output).toContain('| ipo |');
    const document = await runCli([
      'report',
      run,
      '--out',
      join(folder, 'r.html'),
      '--fail-over',
      'replyFailureRate=0.05',
      '--json',
    ]);
    expect(jsonOf(document)).toMatchObject({
      failOver: { metric: 'replyFailureRate', value: 0.05 },
      thresholdExceeded: ['ipo'],
    });
    // No row is over, but one has no reply to judge.
    const within = await runCli(['report', run, '--format', 'md', '--fail-over', 'replyFailureRate=0.06']);
    expect([within.code, within.errors]).toEqual([1, expect.stringContaining('beam has no replyFailureRate')]);
  });

  it('of a sweep gives tables and thresholds over its points, and names what only a point has', async () => {
    const { file } = exampleSweep(exampleSweeps.seeds);
    const sweep = join(folder, 'sweep');
    mkdirSync(sweep);
    writeFileSync(join(sweep, 'sweep.json'), JSON.stringify(file));
    const [point] = file.points;
    writeEvaluationRun(join(sweep, point?.folder ?? ''), exampleEvaluation());
    const csv = await runCli(['report', sweep, '--format', 'csv']);
    expect(csv.output).toMatch(/^point,value [^,]+,.*table,name,metric,.*change,changeLow,changeHigh\r\n1,/);
    const over = await runCli(['report', sweep, '--format', 'md', '--fail-over', 'replyFailureRate=0.05']);
    expect([over.code, over.errors]).toEqual([3, expect.stringContaining(`${point?.name ?? ''}: ipo exceeds`)]);
    const junit = await runCli(['report', sweep, '--format', 'junit']);
    expect([junit.code, junit.errors]).toEqual([2, expect.stringContaining(join(sweep, point?.folder ?? ''))]);
  });

  it('--fail-over refuses a metric that no row has, and what is not evaluated is no pass', async () => {
    const unknown = await runCli(['report', run, '--format', 'md', '--fail-over', 'replyFailRate=0.1']);
    expect([unknown.code, unknown.errors]).toEqual([2, expect.stringContaining('replyFailureRate')]);
    const none = await runCli(['report', bare, '--format', 'md', '--fail-over', 'replyFailureRate=0.1']);
    expect([none.code, none.errors]).toEqual([1, expect.stringContaining('no evaluated row')]);
  });
});
