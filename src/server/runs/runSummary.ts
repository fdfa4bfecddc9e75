/** One run, one sweep, or several runs beside each other, as their pages show them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { selectMainRows } from '../../report/mainRows.js';
import { readSweepFile } from '../../report/sweepFile.js';
import { readManifest } from '../../runs/manifest.js';
import { differenceOfEstimates } from '../../stats/differenceOfEstimates.js';
import { ApiError } from '../apiError.js';
import type { FoundRun } from './findRuns.js';
import { changeOf, readListedRun } from './listedRun.js';
import type {
  ClusterTexts,
  Comparison,
  FoundRow,
  Intervals,
  ListedRun,
  RowDifference,
  RunSummary,
  SweepSummary,
} from './protocol.js';
import { runFolder } from './runId.js';
import type { RunList } from './runList.js';
import {
  differencesOf,
  estimatesOf,
  foundRow,
  headlineOf,
  loopCells,
  metricFacts,
  readRunReport,
} from './runReport.js';

/** @throws ApiError, FormatError, ConfigError where there is no run */
export function runSummary(list: RunList, id: string): RunSummary {
  const folder = runFolder(list.root, id);
  const { configuration, versions, completed } = readManifest(folder);
  const report = readRunReport(folder);
  const rows = report?.rows.map(foundRow) ?? [];
  return {
    run: listedNow(list, id, 'run'),
    folder,
    rows,
    notes: report?.notes ?? [],
    differences: report === null ? [] : differencesOf(report),
    findings: report === null ? [] : selectMainRows(report).findings,
    loop: report === null ? [] : loopCells(report),
    estimates: report === null ? [] : estimatesOf(report),
    points: report?.points ?? [],
    map: report?.clusterMap ?? null,
    clusters: report?.clusters?.map(({ cluster, size, kept }) => ({ cluster, size, kept })) ?? [],
    metrics: metricFacts(rows),
    recipe: stringify(configuration, { lineWidth: 100 }),
    versions,
    units: completed.map(({ unit, step }) => ({ unit, step })),
    labels: countLines(join(folder, 'labels.jsonl')),
  };
}

/** @throws ApiError, FormatError where there is no such cluster */
export function clusterTexts(list: RunList, id: string, cluster: number): ClusterTexts {
  const found = readRunReport(runFolder(list.root, id))?.clusters?.find((each) => each.cluster === cluster);
  if (found === undefined) throw new ApiError(404, `this run has no cluster ${String(cluster)}`, { param: 'cluster' });
  return { words: found.words.map(({ word }) => word), examples: found.examples };
}

/** @throws ApiError, FormatError, ConfigError where there is no sweep */
export function sweepSummary(list: RunList, id: string): SweepSummary {
  const folder = runFolder(list.root, id);
  const { keys, points } = readSweepFile(folder);
  const shown = points.map((point) => ({
    id: id === '.' ? point.folder : `${id}/${point.folder}`,
    name: point.name,
    status: point.status,
    values: Object.fromEntries(keys.map(({ key, label }) => [label, JSON.stringify(point.values[key] ?? null)])),
    rows: existsSync(join(folder, point.folder, 'manifest.json'))
      ? (readRunReport(join(folder, point.folder))?.rows.map(foundRow) ?? [])
      : [],
  }));
  return {
    run: listedNow(list, id, 'sweep'),
    folder,
    keys: keys.map(({ label }) => label),
    points: shown,
    metrics: metricFacts(shown.flatMap(({ rows }) => rows)),
  };
}

/** Compares runs to the first of them: rows of one name under one judge, and the rows in which each target failed most.
 *  @throws ApiError, FormatError */
export function compareRuns(list: RunList, ids: readonly string[]): Comparison {
  const found = ids.map((id) => {
    const report = readRunReport(runFolder(list.root, id));
    return {
      run: id,
      rows: report?.rows.map(foundRow) ?? [],
      headline: report === null ? null : headlineOf(report),
    };
  });
  const [baseline, ...others] = found;
  if (baseline === undefined) throw new ApiError(400, 'at least one run is compared', { param: 'runs' });
  return {
    baseline: baseline.run,
    differences: others.flatMap(({ run, rows, headline }) => [
      ...rows.flatMap((row): readonly RowDifference[] => {
        const before = baseline.rows.find(({ name, judge }) => name === row.name && judge === row.judge);
        return before === undefined ? [] : [differenceOf(run, row.name, before, row)];
      }),
      ...(headline === null || baseline.headline === null || headline.name === baseline.headline.name
        ? []
        : [differenceOf(run, `${baseline.headline.name} → ${headline.name}`, baseline.headline, headline)]),
    ]),
    rows: found.map(({ run, rows }) => ({ run, rows })),
    metrics: metricFacts(found.flatMap(({ rows }) => rows)),
  };
}

function differenceOf(run: string, row: string, before: FoundRow, after: FoundRow): RowDifference {
  const metrics: Intervals = Object.fromEntries(
    Object.entries(after.metrics).flatMap(([name, value]) => {
      const other = before.metrics[name];
      if (other === undefined) return [];
      return [[name, { ...differenceOfEstimates(other, value), n: Math.min(other.n, value.n) }]];
    }),
  );
  return { run, row, judge: after.judge, metrics };
}

/** Returns the line of the list, read now where the list does not have it yet. */
function listedNow(list: RunList, id: string, kind: FoundRun['kind']): ListedRun {
  const found: FoundRun = { id, kind, folder: runFolder(list.root, id), sweep: list.get(id)?.sweep ?? null };
  return readListedRun(found, changeOf(found));
}

function countLines(path: string): number | null {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : null;
}
