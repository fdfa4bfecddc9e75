import { expect, it } from 'vitest';
import { around, exampleRow } from '../render/testing/exampleView.js';
import { frontierOf, frontierSentence } from './frontier.js';
import type { ReportRow } from './report.js';
import { differenceTable, formatP } from './rowDifferences.js';

const row = (name: string, rate: number, nll: number): ReportRow => ({
  ...exampleRow(name, 'ipo', 'j', 0),
  metrics: { replyFailureRate: around(rate, 0.01, 'share'), adversaryNll: around(nll, 0.1, 'nats/token') },
});

it('a row is on the frontier unless another fails as often in words as likely', () => {
  const points = frontierOf([row('untuned', 0.01, 2), row('ipo', 0.3, 1.5), row('gcg', 0.6, 7), row('sft', 0.2, 2.5)]);
  expect(points.filter(({ isOnFrontier }) => isOnFrontier).map(({ name }) => name)).toEqual(['ipo', 'gcg']);
  expect(frontierSentence(points)).toContain('ipo, gcg');
});

it('rows that are equal do not push each other off, and one row alone is no comparison', () => {
  expect(frontierOf([row('a', 0.2, 2), row('b', 0.2, 2)]).every(({ isOnFrontier }) => isOnFrontier)).toBe(true);
  expect(frontierOf([row('a', 0.2, 2)])).toEqual([]);
  expect(frontierSentence([])).toBeNull();
});

it('differences are shown with their corrected p-values, for the rows that are shown', () => {
  const difference = (name: string, judge: string) => ({
    row: name,
    baseline: 'untuned',
    judge,
    metrics: { replyFailureRate: { mean: 0.24, low: 0.18, high: 0.3, n: 40, unit: 'share' } },
    pValues: { replyFailureRate: 0.0004 },
    adjusted: { replyFailureRate: 0.0008 },
  });
  const report = { differences: [difference('ipo', 'j'), difference('old', 'j'), difference('ipo', 'other')] };
  const table = differenceTable(report, 'j', (name) => name !== 'old');
  expect(table?.title).toBe('Difference from untuned');
  expect(table?.rows).toEqual([{ name: 'ipo', cells: ['+24.0 pp [+18.0, +30.0], p < 0.001'] }]);
  expect(differenceTable({}, 'j', () => true)).toBeNull();
  expect([0.00099, 0.012, 0.5].map(formatP)).toEqual(['< 0.001', '0.012', '0.50']);
});
