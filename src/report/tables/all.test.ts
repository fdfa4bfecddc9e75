import { describe, expect, it } from 'vitest';
import { exampleEstablishedView } from '../../render/testing/exampleEstablished.js';
import { exampleEvaluation } from '../../render/testing/exampleEvaluation.js';
import { exampleMendView } from '../../render/testing/exampleMendView.js';
import type { Report } from '../report.js';
import { runTables } from './all.js';
import type { Table } from './table.js';

const view = exampleEvaluation();
const tablesOf = (report: Report): ReadonlyMap<string, Table> =>
  new Map(runTables({ ...view, report }).map((table) => [table.name, table]));

const summary = (mean: number) => ({ mean, low: mean - 1, high: mean + 1, n: 4, unit: 'share' });
const row = {
  name: 'ipo',
  attack: 'ipo',
  target: 't',
  judge: 'j',
  dialogues: 2,
  turns: 1,
  metrics: { replyFailureRate: { ...summary(0.5), min: 0, max: 1 } },
  byTurn: [{ turn: 1, metrics: { replyFailureRate: summary(0.25) } }],
  byCategory: [{ category: 'c', dialogues: 1, metrics: { replyFailureRate: summary(1) } }],
  rounding: { replyHarm: summary(0.125) },
  spending: { targetReplies: 6 },
};
const empty: Report = { schema: 1, run: {}, rows: [], samples: [] };

describe('runTables', () => {
  it('has a line per metric of a row, of each turn, of each category, and of rounding', () => {
    const tables = tablesOf({ ...empty, rows: [row] });
    const metrics = tables.get('metrics')?.rows ?? [];
    expect(
      metrics.map(({ part, turn, category, metric, mean, max }) => [part, turn, category, metric, mean, max]),
    ).toEqual([
      ['all', null, null, 'replyFailureRate', 0.5, 1],
      ['turn', 1, null, 'replyFailureRate', 0.25, null],
      ['category', null, 'c', 'replyFailureRate', 1, null],
      ['rounding', null, null, 'replyHarm', 0.125, null],
    ]);
    expect(metrics[0]).toMatchObject({
      row: 'ipo',
      judge: 'j',
      label: 'Replies failed',
      better: 'lower',
      low: -0.5,
      n: 4,
    });
    expect(tables.get('spending')?.rows).toEqual([{ row: 'ipo', judge: 'j', quantity: 'targetReplies', amount: 6 }]);
  });

  it('has the change of a mended model beside its level, and a change that is a figure of its own as one', () => {
    const mend = {
      stage: 'mend',
      before: 't',
      counts: { pairs: 3 },
      sets: [
        {
          set: 'harmful' as const,
          dialogues: 2,
          rows: [{ model: 'adpo', metrics: { replyHarm: summary(2) }, change: { replyHarm: summary(-3) } }],
        },
      ],
      guards: [{ model: 'adpo', metrics: {}, change: { ordinaryNllChange: summary(0.5) } }],
      course: [{ model: 'adpo', points: [{ step: 1, values: { 'kl/chosen': 0.5 } }] }],
      samples: [],
    };
    const tables = tablesOf({ ...empty, mend: [mend] });
    expect(
      tables
        .get('mend')
        ?.rows.map(({ set, metric, mean, change, changeLow }) => [set, metric, mean, change, changeLow]),
    ).toEqual([
      ['harmful', 'replyHarm', 2, -3, -4],
      ['guards', 'ordinaryNllChange', 0.5, null, null],
    ]);
    expect(tables.get('mendCourse')?.rows).toEqual([
      { stage: 'mend', model: 'adpo', step: 1, quantity: 'kl/chosen', value: 0.5 },
    ]);
  });

  it('gives every cell of every table, and every table a name of its own', () => {
    for (const report of [view.report, exampleMendView().report, exampleEstablishedView().report, empty]) {
      const all = runTables({ ...view, report });
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      for (const { name, columns, rows } of all)
        for (const each of rows) expect(Object.keys(each).sort(), name).toEqual(Object.keys(columns).sort());
    }
    const filled = [exampleMendView(), exampleEstablishedView()].flatMap(({ report }) =>
      [...tablesOf(report).values()].filter(({ rows }) => rows.length > 0).map(({ name }) => name),
    );
    expect(filled).toEqual(
      expect.arrayContaining(['loop', 'mend', 'mendReplies', 'established', 'establishedClasses']),
    );
  });
});
