/** Summaries as a report keeps them. */
import type { MetricSummary, Metrics } from '../report/report.js';
import type { Summary } from '../stats/bootstrap.js';

/** Figures without a value are left out; a share of the whole set has no interval and is reported as its own bounds. */
export function reported(summaries: Readonly<Record<string, Summary>>): Metrics {
  const out: Record<string, MetricSummary> = {};
  for (const [name, { mean, low, high, n, unit, min, max }] of Object.entries(summaries)) {
    if (mean === null) continue;
    out[name] = {
      mean,
      low: low ?? mean,
      high: high ?? mean,
      n,
      unit,
      ...(min === null || max === null ? {} : { min, max }),
    };
  }
  return out;
}
