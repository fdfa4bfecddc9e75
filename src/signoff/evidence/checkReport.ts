/** Holds every figure of a report against the same figure made anew from the records, and the page against the report. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject } from '../../base/json.js';
import type { Recipe } from '../../recipe/recipe.js';
import { renderHtml } from '../../render/html/renderHtml.js';
import type { Report } from '../../report/report.js';
import { readReportView } from '../../report/reportView.js';
import { packageVersion } from '../../runs/manifest.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { recomputeReport, type Untold } from '../../stages/evaluate/recomputeReport.js';
import { type Findings, shown } from './problem.js';

/** Figures of two machines may differ in the last digits, for logarithms and exponentials do. */
const tolerance = 1e-9;

export async function checkReport(run: RunRecords, recipe: Recipe, report: Report, findings: Findings): Promise<void> {
  const { report: again, untold } = await recomputeReport({ run, recipe }, report);
  for (const { path, why } of untold) findings.leave(`report.json: ${path}`, why);
  const leavesOut = leftOut(untold);
  compare(JSON.parse(JSON.stringify(again)), report, '', leavesOut, findings);
}

/** Holds report.html against what this version makes of report.json. */
export async function checkPage(run: Pick<RunRecords, 'path' | 'manifest'>, findings: Findings): Promise<void> {
  const path = join(run.path, 'report.html');
  if (!existsSync(path)) {
    findings.leave('report.html', 'there is none');
    return;
  }
  const { gadfly = 'unknown' } = run.manifest.versions;
  if (gadfly !== packageVersion()) {
    findings.leave('report.html', `gadfly ${gadfly} wrote it, this is ${packageVersion()}`);
    return;
  }
  const page = renderHtml(await readReportView(run.path));
  findings.check(page === readFileSync(path, 'utf8'), () => ({
    place: 'report.html',
    expected: 'the page of report.json',
    got: 'another page',
  }));
}

type LeftOut = (path: string) => boolean;

function leftOut(untold: readonly Untold[]): LeftOut {
  const patterns = untold.map(({ path }) => {
    const escaped = path.replace(/[.[\]]/gu, '\\$&').replace(/\*/gu, '\\d+');
    return new RegExp(`^${escaped}(?![A-Za-z0-9])`, 'u');
  });
  return (path) => patterns.some((pattern) => pattern.test(path));
}

/** Compares leaf by leaf: a key that one side lacks is a problem of its own. */
function compare(expected: unknown, got: unknown, path: string, leavesOut: LeftOut, findings: Findings): void {
  if (leavesOut(path)) return;
  if (Array.isArray(expected) && Array.isArray(got)) {
    const [left, right]: readonly (readonly unknown[])[] = [expected, got];
    findings.check(left?.length === right?.length, () => ({
      place: placeOf(`${path}.length`),
      expected: left?.length ?? 0,
      got: right?.length ?? 0,
    }));
    for (let i = 0; i < Math.min(expected.length, got.length); i++)
      compare(left?.[i], right?.[i], `${path}[${String(i)}]`, leavesOut, findings);
    return;
  }
  if (isJsonObject(expected) && isJsonObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)]))
      compare(expected[key], got[key], path === '' ? key : `${path}.${key}`, leavesOut, findings);
    return;
  }
  findings.check(isSame(expected, got), () => ({ place: placeOf(path), expected: shown(expected), got: shown(got) }));
}

function placeOf(path: string): string {
  return `report.json: ${path}`;
}

function isSame(expected: unknown, got: unknown): boolean {
  if (typeof expected !== 'number' || typeof got !== 'number') return expected === got;
  return Math.abs(expected - got) <= tolerance * Math.max(1, Math.abs(expected), Math.abs(got));
}
