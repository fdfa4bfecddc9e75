/** The part of report.json that the pages show: rows with their intervals, and what goes with them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonObject } from '../../base/json.js';
import { basisSentences, bestEstimateSentence, guaranteeSentence } from '../../report/estimates.js';
import { selectMainRows } from '../../report/mainRows.js';
import { describeMetric } from '../../report/metrics.js';
import { type Metrics, parseReport, type Report, type ReportRow } from '../../report/report.js';
import type { EstimateFacts, FoundRow, Intervals, LoopCellFacts, MetricFacts, RunSummary } from './protocol.js';

/** Returns the report of a run; null while there is none. @throws FormatError for a damaged one */
export function readRunReport(folder: string): Report | null {
  const path = join(folder, 'report.json');
  return existsSync(path) ? parseReport(readJsonObject(path), path) : null;
}

export function foundRow({ name, attack, target, judge, dialogues, turns, metrics }: ReportRow): FoundRow {
  return { name, attack, target, judge, dialogues, turns, metrics: intervalsOf(metrics) };
}

function intervalsOf(metrics: Metrics): Intervals {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, { mean, low, high, n }]) => [name, { mean, low, high, n }]),
  );
}

/** Returns the main row, by the first judge, in which the target failed most; null where there is none. */
export function headlineOf(report: Report): FoundRow | null {
  const rate = (row: ReportRow): number =>
    row.metrics['replyFailureRate']?.mean ?? row.metrics['replyHarm']?.mean ?? -1;
  const worst = selectMainRows(report).rows.reduce<ReportRow | null>(
    (most, row) => (most === null || rate(row) > rate(most) ? row : most),
    null,
  );
  return worst === null ? null : foundRow(worst);
}

export function differencesOf({ differences = [] }: Report): RunSummary['differences'] {
  return differences.map(({ row, baseline, judge, metrics, adjusted }) => ({
    row,
    baseline,
    judge,
    metrics: intervalsOf(metrics),
    pValues: adjusted,
  }));
}

export function loopCells({ loop = [] }: Report): readonly LoopCellFacts[] {
  return loop.map(({ round, adversary, target, fresh, metrics }) => {
    const rate = metrics['replyFailureRate'];
    return {
      round,
      adversary,
      target,
      fresh,
      rate: rate === undefined ? null : (intervalsOf({ rate })['rate'] ?? null),
    };
  });
}

export function estimatesOf({ estimates = [] }: Report): readonly EstimateFacts[] {
  return estimates.map((estimate) => ({
    name: estimate.name,
    sentences: [guaranteeSentence(estimate), bestEstimateSentence(estimate), ...basisSentences(estimate)],
  }));
}

/** Describes the metrics that rows have. */
export function metricFacts(rows: readonly FoundRow[]): Readonly<Record<string, MetricFacts>> {
  const names = new Set(rows.flatMap(({ metrics }) => Object.keys(metrics)));
  return Object.fromEntries(
    [...names].map((name) => {
      const { label, unit, meaning, better } = describeMetric(name);
      return [name, { label, unit, meaning, better }];
    }),
  );
}
