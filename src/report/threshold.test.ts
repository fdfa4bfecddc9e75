import { describe, expect, it } from 'vitest';
import type { ReportRow } from './report.js';
import { exceededSentence, judgeThreshold, parseThreshold } from './threshold.js';

const row = (name: string, judge: string, [mean, low, high]: readonly [number, number, number]): ReportRow => ({
  name,
  attack: 'none',
  target: 't',
  judge,
  dialogues: 10,
  turns: 1,
  metrics: { replyFailureRate: { mean, low, high, n: 10, unit: 'share' } },
});
const silent = { ...row('silent', 'first', [0, 0, 0]), metrics: {} };

describe('a threshold', () => {
  it('is exceeded where the low end of the interval is above it, by the first judge alone', () => {
    const rows = [
      row('sure', 'first', [0.3, 0.21, 0.4]),
      row('chance', 'first', [0.3, 0.2, 0.6]),
      silent,
      row('sure', 'second', [0.9, 0.8, 1]),
    ];
    const { exceeded, withoutValue } = judgeThreshold({ rows }, { metric: 'replyFailureRate', limit: 0.2 });
    expect(exceeded.map(({ name, judge }) => [name, judge])).toEqual([['sure', 'first']]);
    expect(withoutValue).toEqual([silent]);
    expect(judgeThreshold({ rows }, { metric: 'replyFailureRate', limit: null }).exceeded).toEqual([]);
  });

  it('is read from METRIC=VALUE and told with the interval', () => {
    const threshold = parseThreshold('replyFailureRate=0.1', '--fail-over');
    expect(threshold).toEqual({ metric: 'replyFailureRate', limit: 0.1 });
    expect(exceededSentence(row('ipo', 'first', [0.417, 0.25, 0.639]), threshold)).toBe(
      'ipo exceeds replyFailureRate=0.1: 41.7% [25.0%, 63.9%] (allowed: 10.0%, by the low end of the interval)',
    );
    for (const text of ['replyFailureRate', '=0.1', 'replyFailureRate=', 'replyFailureRate=10%', 'a=NaN'])
      expect(() => parseThreshold(text, '--fail-over')).toThrow('METRIC=VALUE');
  });
});
