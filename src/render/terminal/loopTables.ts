/** The loop and the mending in a terminal: the matrix and one table a mend stage, short enough to read after a run. */
import type { LoopEntry, MendReport, MendRow } from '../../report/report.js';
import { loopFindings } from '../../report/findings.js';
import { loopMatrix } from '../../report/loopMatrix.js';
import { mendCell } from '../../report/mendTables.js';
import { formatInterval, formatMetric, metricHeading } from '../../report/metrics.js';
import { formatTable } from './table.js';

/** Columns of the compact table: harm where it is asked for, and what must not suffer. */
const columns: readonly { readonly set: 'harmful' | 'ordinary' | 'guards'; readonly metric: string }[] = [
  { set: 'harmful', metric: 'replyFailureRate' },
  { set: 'harmful', metric: 'evasiveness' },
  { set: 'ordinary', metric: 'evasiveness' },
  { set: 'ordinary', metric: 'coherence' },
  { set: 'guards', metric: 'ordinaryNll' },
  { set: 'guards', metric: 'ordinaryNllChange' },
  { set: 'guards', metric: 'choiceAccuracy' },
];

export function loopText(loop: readonly LoopEntry[]): string {
  const { adversaries, rounds, guards, cell } = loopMatrix(loop);
  const rates = adversaries.map((adversary) => [
    adversary,
    ...rounds.map(({ round }) => {
      const found = cell(adversary, round);
      return found === null ? '' : `${found.fresh ? '◆ ' : ''}${formatInterval('replyFailureRate', found.rate)}`;
    }),
  ]);
  const guarded = guards.map((guard) => [
    metricHeading(guard),
    ...rounds.map(({ guards: { [guard]: summary } }) => (summary === undefined ? '–' : formatInterval(guard, summary))),
  ]);
  const table = formatTable(
    ['replies failed', ...rounds.map(({ target }) => target)],
    [...rates, ...guarded],
    rounds.map((_, i) => i + 1),
  );
  return [table, '◆ fresh: trained against this very target', ...loopFindings(loop)].join('\n');
}

export function mendText(mend: MendReport): string {
  const findRows = (set: (typeof columns)[number]['set']): readonly MendRow[] =>
    set === 'guards' ? mend.guards : (mend.sets.find((each) => each.set === set)?.rows ?? []);
  const shown = columns.filter(({ set, metric }) => findRows(set).some((row) => mendCell(row, metric) !== null));
  const models = [...new Set(shown.flatMap(({ set }) => findRows(set).map(({ model }) => model)))];
  const rows = models.map((model) => [
    model,
    ...shown.map(({ set, metric }) => {
      const row = findRows(set).find((each) => each.model === model);
      const cell = row === undefined ? null : mendCell(row, metric);
      return cell === null ? '–' : `${formatMetric(metric, cell.value.mean)}${cell.direction === null ? '' : '*'}`;
    }),
  ]);
  const header = [
    'model',
    ...shown.map(({ set, metric }) =>
      set === 'guards' ? metricHeading(metric) : `${set}: ${metricHeading(metric).toLowerCase()}`,
    ),
  ];
  return `${mend.stage} mends ${mend.before}; * differs from it, by the paired 95% interval\n${formatTable(
    header,
    rows,
    shown.map((_, i) => i + 1),
  )}`;
}
