/** Thresholds: which rows have more of a metric than a user allows. A row is over where the low end of its 95% interval
 *  is, so that chance alone does not fail a pipeline. */
import { ConfigError } from '../base/errors.js';
import { formatInterval, formatMetric } from './metrics.js';
import { selectMainRows } from './mainRows.js';
import type { Report, ReportRow } from './report.js';

export interface Threshold {
  readonly metric: string;
  /** Rows may have this much; null for no limit. */
  readonly limit: number | null;
}

/** How the main rows of a report stand to a threshold. */
export interface ThresholdResult extends Threshold {
  /** Rows that exceed it. */
  readonly exceeded: readonly ReportRow[];
  /** Rows without the metric, such as those without a single scored reply: no value is no pass. */
  readonly withoutValue: readonly ReportRow[];
}

/** Judges the rows of the first judge, after a loop those about the target of the last round. */
export function judgeThreshold(report: Pick<Report, 'loop' | 'rows'>, threshold: Threshold): ThresholdResult {
  const { metric, limit } = threshold;
  const { rows } = selectMainRows(report);
  return {
    ...threshold,
    exceeded: limit === null ? [] : rows.filter(({ metrics }) => (metrics[metric]?.low ?? -Infinity) > limit),
    withoutValue: rows.filter(({ metrics }) => metrics[metric] === undefined),
  };
}

/** Reads 'METRIC=VALUE'. @throws ConfigError */
export function parseThreshold(text: string, where: string): Threshold & { readonly limit: number } {
  const [, metric = '', value = ''] = /^([^=]+)=(.+)$/u.exec(text) ?? [];
  const limit = value.trim() === '' ? NaN : Number(value);
  if (metric === '' || !Number.isFinite(limit))
    throw new ConfigError('this is no threshold', {
      where,
      expected: 'METRIC=VALUE, such as replyFailureRate=0.1',
      got: text,
    });
  return { metric, limit };
}

/** Returns 'ipo exceeds replyFailureRate=0.1: 41.7% [25.0%, 63.9%]'. */
export function exceededSentence(row: ReportRow, { metric, limit }: Threshold): string {
  const found = row.metrics[metric];
  const shown = found === undefined ? '–' : formatInterval(metric, found);
  const allowed = limit === null ? '' : ` (allowed: ${formatMetric(metric, limit)}, by the low end of the interval)`;
  return `${row.name} exceeds ${metric}=${String(limit)}: ${shown}${allowed}`;
}
