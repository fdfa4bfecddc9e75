/** Whatever is measured stands in the report's catalogue of metrics, with the unit that its summaries name. */
import { describe, expect, it } from 'vitest';
import { describeMetric } from '../report/metrics.js';
import { dialogueMetrics, exchangeMetrics } from '../stats/exchangeMetrics.js';
import { replyMetrics } from './summary.js';

describe('the catalogue of metrics', () => {
  it.each(Object.entries({ ...exchangeMetrics, ...dialogueMetrics, ...replyMetrics }))(
    'knows %s and its unit',
    (name, { unit }) => {
      const { unit: known, meaning } = describeMetric(name);
      expect([known, meaning === name]).toEqual([unit, false]);
    },
  );
});
