import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LoopEntry } from '../../report/report.js';
import { RunDirectory } from '../../runs/runDirectory.js';
import { loopText, mendText } from '../terminal/loopTables.js';
import { runText } from '../terminal/runText.js';
import { exampleLoop, exampleMendView, mendedReply } from '../testing/exampleMendView.js';
import { exampleView, hostileText } from '../testing/exampleView.js';
import { jsonOf, runCli } from '../../cli/testing/fakeTerminal.js';
import { loopFindings } from '../../report/findings.js';
import { loopMatrix } from '../../report/loopMatrix.js';
import { selectMainRows } from '../../report/mainRows.js';
import { mendCell, mendTables } from '../../report/mendTables.js';
import { formatChange, formatMetric } from '../../report/metrics.js';
import { renderHtml } from './renderHtml.js';
import { renderMarkdown } from '../markdown/renderMarkdown.js';
import { mendCurves, readReportView, trainingCurves } from '../../report/reportView.js';
import { rowStyles } from './results.js';

const loop = exampleLoop();
const [mend] = exampleMendView().report.mend ?? [];
if (mend === undefined) throw new Error('the example mends');

/** The loop with other failure rates of the fresh adversaries, and another change of the last guard. */
function loopWith(
  rates: readonly number[],
  change?: { readonly mean: number; readonly low: number; readonly high: number },
): readonly LoopEntry[] {
  return loop.map((entry) => {
    const mean = entry.fresh ? (rates[entry.round - 1] ?? 0) : 0.01;
    const rate = { mean, low: Math.max(0, mean - 0.05), high: mean + 0.05, n: 300, unit: 'share' };
    const { ordinaryNllChange: _, ...guards } = entry.guards;
    const cost =
      change === undefined || entry.round !== 3 ? {} : { ordinaryNllChange: { ...change, n: 64, unit: 'share' } };
    return { ...entry, metrics: { replyFailureRate: rate }, guards: { ...guards, ...cost } };
  });
}

describe('loopMatrix', () => {
  it('adversaries are in order of training, rounds in order, and what was not played is blank', () => {
    const { adversaries, rounds, cell, highest } = loopMatrix(loop);
    expect(adversaries).toEqual(['untuned', 'ipo-1', 'ipo-2', 'ipo-3']);
    expect(rounds.map(({ round, target }) => [round, target])).toEqual([
      [1, 'organism'],
      [2, 'adpo-1'],
      [3, 'adpo-2'],
    ]);
    expect(cell('ipo-2', 1)).toBeNull();
    expect([cell('ipo-2', 2)?.fresh, cell('ipo-2', 3)?.fresh]).toEqual([true, false]);
    expect(highest).toBe(0.672);
  });
});

describe('main rows', () => {
  it('are those of the last target, and all where rows name none', () => {
    const { report } = exampleMendView();
    const main = selectMainRows(report);
    expect(main.rows.map(({ name }) => name)).toEqual([
      'untuned@adpo-2',
      'ipo-1@adpo-2',
      'ipo-2@adpo-2',
      'ipo-3@adpo-2',
    ]);
    expect(main.title).toBe('Results of the last round: adpo-2');
    const plain = exampleView().report;
    for (const each of [plain, { ...plain, loop }]) {
      const { title, byJudge } = selectMainRows(each);
      expect([title, byJudge.flatMap(({ rows }) => rows).length]).toEqual(['Results', each.rows.length]);
    }
  });

  it('are what Markdown prints below their heading; earlier rounds have a heading of their own', () => {
    const markdown = renderMarkdown(exampleMendView());
    const section = (heading: string): string => markdown.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
    const rows = (text: string): readonly string[] =>
      [...text.matchAll(/^\| (\S+@\S+) \|/gm)].map(([, name]) => name ?? '');
    // Once per judge.
    const last = rows(section('Results of the last round: adpo-2'));
    expect(last).toHaveLength(8);
    expect([...new Set(last)]).toEqual(['untuned@adpo-2', 'ipo-1@adpo-2', 'ipo-2@adpo-2', 'ipo-3@adpo-2']);
    const earlier = rows(section('Against the targets of earlier rounds'));
    expect(earlier.length).toBeGreaterThan(0);
    expect(earlier.filter((name) => name.endsWith('@adpo-2'))).toEqual([]);
  });

  it('are what the terminal prints, by the first judge', () => {
    const text = runText(exampleMendView().report);
    expect([...text.matchAll(/^(\S+@\S+) /gm)].map(([, name]) => name)).toEqual([
      'untuned@adpo-2',
      'ipo-1@adpo-2',
      'ipo-2@adpo-2',
      'ipo-3@adpo-2',
    ]);
  });

  it('rows of one adversary look alike in every round', () => {
    const { report, training } = exampleMendView();
    const styles = rowStyles(report, training);
    expect(['untuned@organism', 'ipo-1@adpo-2', 'ipo-1', 'ipo-3@adpo-2'].map((name) => styles.get(name))).toEqual([
      0, 1, 1, 3,
    ]);
  });
});

describe('loopFindings', () => {
  it('say how far the rate fell, what it cost, and who still does best', () => {
    expect(loopFindings(loop)).toEqual([
      'Against fresh adversaries the failure rate fell from 67.2% (62.0% to 72.4%) to 5.0% (2.7% to 7.3%), 13 times less, over 3 rounds; ordinary dialogue became 0.8% less likely (in nats per token).',
      'Of the earlier adversaries none makes adpo-2 fail more often than ipo-1: 6.3% (3.9% to 8.7%).',
    ]);
  });

  it('claim no fall where it rose, where intervals overlap, or where there is one round', () => {
    expect(loopFindings(loopWith([0.1, 0.2, 0.4]))[0]).toContain('rose from 10.0%');
    expect(loopFindings(loopWith([0.1, 0.3, 0.06]))[0]).toContain('no difference is shown');
    expect(loopFindings(loop.filter(({ round }) => round === 1))[0]).toContain('no second round');
    expect(loopFindings([])).toEqual([]);
  });

  it('divide by no zero, and take no side on ordinary dialogue where its interval holds zero', () => {
    expect(loopFindings(loopWith([0.4, 0.2, 0]))[0]).toMatch(/fell from 40\.0% .* to 0\.0% \([^)]*\) over 3 rounds\.$/);
    expect(loopFindings(loopWith([0.4, 0.2, 0.1], { mean: 0.002, low: -0.004, high: 0.008 }))[0]).toContain(
      'about as likely as before (NLL +0.2%, −0.4% to +0.8%)',
    );
    expect(loopFindings(loopWith([0.4, 0.2, 0.1], { mean: -0.02, low: -0.03, high: -0.01 }))[0]).toContain(
      'became 2.0% likelier',
    );
  });
});

describe('several attacks a round', () => {
  it('count by the strongest of each round, not by the last that was trained', () => {
    const rate = { mean: 0.001, low: 0, high: 0.01, n: 300, unit: 'share' };
    const weak = loop
      .filter(({ fresh }) => fresh)
      .map((entry) => ({ ...entry, adversary: `sft-${entry.round}`, metrics: { replyFailureRate: rate } }));
    const both = [...loop, ...weak];
    expect([1, 2, 3].map((round) => loopMatrix(both).strongestFresh(round)?.adversary)).toEqual([
      'ipo-1',
      'ipo-2',
      'ipo-3',
    ]);
    expect(loopFindings(both)[0]).toBe(loopFindings(loop)[0]);
  });
});

describe('mend tables', () => {
  it('a change is marked only where its interval leaves out zero', () => {
    const harmful = mend.sets[0]?.rows ?? [];
    expect(harmful.map((row) => mendCell(row, 'evasiveness')?.direction)).toEqual([null, null, 'up', null]);
    expect(harmful.map((row) => mendCell(row, 'replyFailureRate')?.direction)).toEqual([null, 'up', 'down', 'down']);
  });

  it('what exists as a change only is its own value, and every metric is in one table', () => {
    const tables = mendTables(mend);
    expect(tables.map(({ key }) => key)).toEqual([
      'harmful-main',
      'harmful-form',
      'ordinary-main',
      'ordinary-form',
      'guards',
    ]);
    expect(tables.at(-1)?.metrics).toEqual(['ordinaryNll', 'ordinaryNllChange', 'choiceAccuracy']);
    const [before, , dpo] = mend.guards;
    if (before === undefined || dpo === undefined) throw new Error('the example has guards');
    expect(mendCell(before, 'ordinaryNllChange')).toBeNull();
    expect(mendCell(dpo, 'ordinaryNllChange')).toMatchObject({ value: { mean: 0.008 }, change: null, direction: 'up' });
  });

  it('differences carry their sign, of shares in percentage points', () => {
    expect(formatChange('replyHarm', { mean: -0.31, low: -0.38, high: -0.24, n: 9, unit: 'harm' })).toBe(
      '−0.31 [−0.38, −0.24]',
    );
    expect(formatChange('evasiveness', { mean: 0.187, low: 0, high: 0.2, n: 9, unit: 'share' })).toBe(
      '+18.7 pp [0.0, +20.0]',
    );
    expect([
      formatMetric('ordinaryNllChange', 0.008),
      formatMetric('ordinaryNllChange', -0.0001),
      formatMetric('ordinaryNll', -0.00001),
    ]).toEqual(['+0.8%', '0.0%', '0.000']);
  });
});

describe('a report with a loop and mending', () => {
  const view = exampleMendView();
  const html = renderHtml(view);
  const markdown = renderMarkdown(view);

  it('shows the matrix with fresh cells in words, and leaves blank what was not played', () => {
    const matrix = /<table class="matrix">.*?<\/table>/s.exec(html)?.[0] ?? '';
    expect(matrix.match(/◆ fresh/g)).toHaveLength(3);
    expect(matrix.match(/class="blank"/g)).toHaveLength(3);
    expect(matrix).toContain('67.2%');
    expect(matrix).toContain('Multiple choice');
  });

  it('covers replies of mended models like every model text; Markdown and terminal have none', () => {
    const text = [loopText(loop), mendText(mend)].join('\n');
    for (const shown of [html, markdown, text])
      for (const said of [mendedReply, 'Quagga', hostileText, 'What would you cook']) expect(shown).not.toContain(said);
  });

  it('Markdown has the matrix, a table a set and the end of the course', () => {
    expect(markdown).toContain('| ipo-2 |  | **23.6% [20.1%, 27.1%]** ◆ | 5.8% [3.4%, 8.2%] |');
    expect(markdown).toContain('**−31.1 pp [−33.6, −28.6]**');
    expect(markdown.match(/^## Mending/gm)).toHaveLength(2);
    const columns = markdown
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.match(/(?<!\\)\|/g)?.length);
    expect(columns.every((count) => count !== undefined && count > 2)).toBe(true);
  });

  it('the terminal has one line an adversary and one a model, with marks', () => {
    expect(loopText(loop)).toMatch(/^ipo-3 +◆ 5\.0% \[2\.7%, 7\.3%\]$/m);
    expect(mendText(mend)).toMatch(/^dpo +8\.1%\* +20\.3%\* +20\.3%\* +0\.371\* +2\.43\* +\+0\.8%\* +50\.0%\*$/m);
  });

  it('shows the rows of the last round, the others on demand', () => {
    const results = /<section aria-label="Results".*?<\/section>/s.exec(html)?.[0] ?? '';
    expect(results).toContain('Results of the last round: adpo-2');
    expect(results.split('<details')[0]).not.toContain('ipo-1@adpo-1');
    expect(results).toContain('All 9 rows');
  });

  it('is shown without an evaluation as well', () => {
    const { rows: _rows, samples: _samples, loop: _loop, ...rest } = view.report;
    const report = {
      ...rest,
      rows: [],
      samples: [],
      points: [],
      verdictWords: [],
      mend: [{ ...mend, course: [], samples: [] }],
    };
    const bare = renderHtml({ ...view, report, training: [], mending: [] });
    expect(bare).toContain('Answers to held-out harmful dialogues (64)');
    expect(bare).not.toContain('NaN');
  });

  it('gadfly report writes and prints every format of it', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'gadfly-mend-')), 'run');
    const run = RunDirectory.create(folder, {
      name: 'mended',
      seed: 0,
      configuration: { name: 'mended' },
      source: { file: null, folder: '/' },
      inputs: [],
    });
    run
      .log('metrics')
      .append({ step: 1, stage: 'mend:mend-1:twin', loss: 3 }, { step: 2, stage: 'mend:mend-1:twin', loss: 2 });
    run.writeReport(view.report);
    run.close('done');
    expect((await readReportView(folder)).mending).toEqual([
      {
        stage: 'mend-1',
        model: 'twin',
        points: [
          { x: 1, y: 3 },
          { x: 2, y: 2 },
        ],
      },
    ]);
    expect(jsonOf(await runCli(['report', folder, '--format', 'json']))['loop']).toHaveLength(9);
    expect((await runCli(['report', folder, '--format', 'md'])).output).toContain('## Attack and mend, round by round');
    expect((await runCli(['report', folder])).code).toBe(0);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('Attack and mend, round by round');
  });
});

describe('curves of mend stages', () => {
  const records = [
    { step: 1, stage: 'exploit:ipo-1', loss: 3 },
    { step: 2, stage: 'exploit:ipo-1', loss: 2 },
    { step: 3, stage: 'mend:mend-1:twin', loss: 4, 'rewards/margins': 0 },
    { step: 4, stage: 'mend:mend-1:twin', loss: 3.5 },
    { step: 5, stage: 'mend:mend-1:train:adpo', loss: 0.7 },
    { step: 6, stage: 'mend:mend-1:train:adpo', loss: 0.4 },
  ];

  it('are none of an attack’s', () => {
    expect(trainingCurves(records).map(({ attack }) => attack)).toEqual(['ipo-1']);
  });

  it('are found by stage and model', () => {
    expect(mendCurves(records)).toEqual([
      {
        stage: 'mend-1',
        model: 'twin',
        points: [
          { x: 1, y: 4 },
          { x: 2, y: 3.5 },
        ],
      },
      {
        stage: 'mend-1',
        model: 'adpo',
        points: [
          { x: 1, y: 0.7 },
          { x: 2, y: 0.4 },
        ],
      },
    ]);
  });
});
