/** Arranges the measurements of a mend stage for showing: sets of metrics that make one table each. Page, Markdown and
 *  terminal show the same. */
import type { MendReport, MendRow, MetricSummary } from './report.js';
import { excludesZero, metricOrder } from './metrics.js';

export interface MendTable {
  readonly title: string;
  /** 'harmful', 'ordinary' or 'guards', with the group of metrics: unique within a stage. */
  readonly key: string;
  readonly metrics: readonly string[];
  readonly rows: readonly MendRow[];
}

/** These metrics come first; every other metric of the answers goes to a second table, so that neither is too wide to
 *  read. */
const mainMetrics: readonly string[] = [
  'replyHarm',
  'replyFailureRate',
  'evasiveness',
  'evasivenessJudged',
  'coherence',
  'replyNll',
  'replyKl',
];

const setTitles = {
  harmful: 'Answers to held-out harmful dialogues',
  ordinary: 'Answers to held-out ordinary dialogues',
} as const;

export function mendTables({ sets, guards }: MendReport): readonly MendTable[] {
  const answers = sets.flatMap(({ set, dialogues, rows }) => {
    const metrics = metricsOf(rows);
    const title = `${setTitles[set]} (${dialogues})`;
    return [
      { title, key: `${set}-main`, metrics: metrics.filter((metric) => mainMetrics.includes(metric)), rows },
      {
        title: `${title}: their form`,
        key: `${set}-form`,
        metrics: metrics.filter((metric) => !mainMetrics.includes(metric)),
        rows,
      },
    ];
  });
  return [...answers, { title: 'What guards ability', key: 'guards', metrics: metricsOf(guards), rows: guards }].filter(
    ({ metrics }) => metrics.length > 0,
  );
}

/** The content of a model's cell. */
export interface MendCell {
  readonly value: MetricSummary;
  /** Against the target before; null for that itself, and where the value is a change already. */
  readonly change: MetricSummary | null;
  /** The direction of a change whose interval leaves out zero. */
  readonly direction: 'up' | 'down' | null;
}

/** Returns null where a model has no such value. A metric that exists as a change only, like ordinaryNllChange, is its
 *  own value. */
export function mendCell({ metrics, change = {} }: MendRow, metric: string): MendCell | null {
  const [level, difference] = [metrics[metric], change[metric]];
  const value = level ?? difference;
  if (value === undefined) return null;
  const direction = difference === undefined || !excludesZero(difference) ? null : difference.mean > 0 ? 'up' : 'down';
  return { value, change: level === undefined ? null : (difference ?? null), direction };
}

function metricsOf(rows: readonly MendRow[]): readonly string[] {
  const names = metricOrder(rows.flatMap(({ metrics, change = {} }) => [{ metrics }, { metrics: change }]));
  // That nothing was left unscored needs no column.
  return names.filter((name) => name !== 'replyUnscored' || rows.some(({ metrics }) => (metrics[name]?.mean ?? 0) > 0));
}

/** Models of a stage in order of appearance: the target before, the control-token model, the mended ones. */
export function mendModels({ sets, guards, course, samples }: MendReport): readonly string[] {
  const named = [
    ...sets.flatMap(({ rows }) => rows),
    ...guards,
    ...course,
    ...samples.flatMap(({ replies }) => replies),
  ];
  return [...new Set(named.map(({ model }) => model))];
}

/** Quantities of the course: `moved` are the three kinds of reply, nats each; `others` have units of their own. */
export function courseMetrics({ course }: MendReport): {
  readonly moved: readonly string[];
  readonly others: readonly string[];
} {
  const present = new Set(course.flatMap(({ points }) => points.flatMap(({ values }) => Object.keys(values))));
  const moved = ['kl/chosen', 'kl/rejected', 'kl/toxic'].filter((name) => present.has(name));
  return { moved, others: [...present].filter((name) => !moved.includes(name)).sort() };
}
