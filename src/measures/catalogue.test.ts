/** Whatever is measured stands in the report's catalogue of metrics, with the unit that its summaries name. */
import { describe, expect, it } from 'vitest';
import { describeMetric } from '../report/metrics.js';
import { dialogueMetrics, exchangeMetrics } from '../stats/exchangeMetrics.js';
import { streamKey } from '../base/random.js';
import { createNearTexts, summariseFindings } from '../stats/differentFindings.js';
import { replyMetrics } from './summary.js';

describe('the catalogue of metrics', () => {
  it('knows the findings of a row and their units', () => {
    const taught = createNearTexts();
    for (const [name, { unit }] of Object.entries(summariseFindings([], taught, { stream: streamKey(0, 'x') }))) {
      const { unit: known, meaning } = describeMetric(name);
      expect([known, meaning === name]).toEqual([unit, false]);
    }
  });

  it.each(Object.entries({ ...exchangeMetrics, ...dialogueMetrics, ...replyMetrics }))(
    'knows %s and its unit',
    (name, { unit }) => {
      const { unit: known, meaning } = describeMetric(name);
      expect([known, meaning === name]).toEqual([unit, false]);
    },
  );
});
