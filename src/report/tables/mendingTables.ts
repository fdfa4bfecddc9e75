/** Tables of mending, and of rounds of attack and mending. */
import type { LoopEntry, MendReport, MendRow } from '../report.js';
import { changeCells, changeColumns, metricCells, metricColumns, type Table, table } from './table.js';

export function loopTable(loop: readonly LoopEntry[]): Table {
  return table(
    'loop',
    { round: 'count', adversary: 'text', fresh: 'flag', target: 'text', part: 'text', ...metricColumns },
    loop.flatMap(({ round, adversary, fresh, target, metrics, guards }) =>
      [
        { part: 'metrics', own: metrics },
        { part: 'guards', own: guards },
      ].flatMap(({ part, own }) =>
        metricCells(own).map((cells) => ({ round, adversary, fresh, target, part, ...cells })),
      ),
    ),
  );
}

export function mendStageTables(mend: readonly MendReport[]): readonly Table[] {
  return [
    table(
      'mend',
      { stage: 'text', before: 'text', set: 'text', model: 'text', ...metricColumns, ...changeColumns },
      mend.flatMap(({ stage, before, sets, guards }) =>
        [...sets, { set: 'guards', rows: guards }].flatMap(({ set, rows }) =>
          rows.flatMap((row) => figures(row).map((cells) => ({ stage, before, set, ...cells }))),
        ),
      ),
    ),
    table(
      'mendCounts',
      { stage: 'text', quantity: 'text', count: 'count' },
      mend.flatMap(({ stage, counts }) =>
        Object.entries(counts).map(([quantity, count]) => ({ stage, quantity, count })),
      ),
    ),
    table(
      'mendCourse',
      { stage: 'text', model: 'text', step: 'count', quantity: 'text', value: 'number' },
      mend.flatMap(({ stage, course }) =>
        course.flatMap(({ model, points }) =>
          points.flatMap(({ step, values }) =>
            Object.entries(values).map(([quantity, value]) => ({ stage, model, step, quantity, value })),
          ),
        ),
      ),
    ),
    table(
      'mendReplies',
      {
        stage: 'text',
        sample: 'count',
        set: 'text',
        context: 'text',
        model: 'text',
        text: 'text',
        harm: 'number',
        failed: 'flag',
        evasive: 'flag',
      },
      mend.flatMap(({ stage, samples }) =>
        samples.flatMap(({ set, context, replies }, i) =>
          replies.map((reply) => ({ stage, sample: i + 1, set, context: context.join('\n'), ...reply })),
        ),
      ),
    ),
  ];
}

function figures({ model, metrics, change = {} }: MendRow) {
  // A relative change is a figure of its own, which no level stands beside.
  const alone = Object.keys(change).filter((name) => metrics[name] === undefined);
  const own = { ...metrics, ...Object.fromEntries(Object.entries(change).filter(([name]) => alone.includes(name))) };
  return metricCells(own).map((cells) => {
    const name = String(cells.metric);
    return { model, ...cells, ...changeCells(alone.includes(name) ? undefined : change[name]) };
  });
}
