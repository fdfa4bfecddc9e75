import { describe, expect, it } from 'vitest';
import { differentFailures, differentFailuresSentence } from './differentFailures.js';
import { formatMetric } from './metrics.js';
import type { Metrics } from './report.js';

const counts = (all: number, n: number, fresh?: number): Metrics => {
  const count = (mean: number) => ({ mean, low: mean, high: mean, n, unit: 'findings' });
  return { diversityFindings: count(all), ...(fresh === undefined ? {} : { diversityFindingsNew: count(fresh) }) };
};

describe('different failures in words', () => {
  it('say how many differ, how many of them were not taught, and of how many', () => {
    expect(differentFailures(counts(12, 61, 8))).toBe('12 different (8 new) of 61 that failed');
    expect(differentFailures(counts(12, 61))).toBe('12 different of 61 that failed');
    expect(formatMetric('diversityFindings', 12)).toBe('12');
  });

  it('are left out where nothing failed or nothing was counted', () => {
    expect(differentFailures(counts(0, 0, 0))).toBeNull();
    expect(differentFailures({})).toBeNull();
    expect(differentFailuresSentence([{ name: 'untuned', metrics: counts(0, 0) }])).toBeNull();
  });

  it('are one sentence over the rows that have them, which says what new means where anything was taught', () => {
    const rows = [
      { name: 'untuned', metrics: counts(0, 0, 0) },
      { name: 'sft', metrics: counts(2, 9, 0) },
      { name: 'ipo', metrics: counts(12, 61, 8) },
    ];
    expect(differentFailuresSentence(rows)).toBe(
      'Utterances whose reply failed: sft 2 different (0 new) of 9 that failed; ipo 12 different (8 new) of 61 that failed. Alike ones count once; new ones are near no text that was taught. Alike is by words; with an encoder in evaluate.embed it is by meaning as well.',
    );
    const unique = { mean: 9, low: 9, high: 9, n: 61, unit: 'findings' };
    const byMeaning = { ...counts(12, 61), diversityUniqueAttacks: unique };
    expect(differentFailuresSentence([{ name: 'ipo', metrics: byMeaning }])).not.toContain('evaluate.embed');
    expect(differentFailuresSentence([{ name: 'ipo', metrics: counts(1, 3) }])).not.toContain('new');
  });
});
