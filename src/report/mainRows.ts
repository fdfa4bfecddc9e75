/** Which rows are a report's results: all of them, or, after a loop, those about what the last round made of the
 *  target. Terminal, Markdown and page show the same. */
import { findings } from './findings.js';
import type { Report, ReportRow } from './report.js';

export interface MainRows {
  /** 'Results', or 'Results of the last round: adpo-2'. */
  readonly title: string;
  /** Whether a row of this name is among them. */
  readonly includes: (name: string) => boolean;
  /** By the first judge: those that findings, charts and thresholds are about. */
  readonly rows: readonly ReportRow[];
  /** By every judge, in order of appearance. */
  readonly byJudge: readonly JudgedRows[];
  /** The findings of the rows in words. */
  readonly findings: readonly string[];
}

export interface JudgedRows {
  readonly judge: string;
  /** The main rows. */
  readonly rows: readonly ReportRow[];
  /** Rows about the targets of earlier rounds. */
  readonly earlier: readonly ReportRow[];
}

/** Returns the judges of a report in order of appearance: the first one decides. */
export function judgesOf({ rows }: Pick<Report, 'rows'>): readonly string[] {
  return [...new Set(rows.map(({ judge }) => judge))];
}

export function selectMainRows(report: Pick<Report, 'loop' | 'rows'>): MainRows {
  const names = lastRoundRows(report);
  const includes = (name: string): boolean => names?.has(name) ?? true;
  const byJudge = judgesOf(report).map((judge) => {
    const own = report.rows.filter((row) => row.judge === judge);
    return {
      judge,
      rows: own.filter(({ name }) => includes(name)),
      earlier: own.filter(({ name }) => !includes(name)),
    };
  });
  const rows = byJudge[0]?.rows ?? [];
  return {
    title: names === null ? 'Results' : `Results of the last round: ${report.loop?.at(-1)?.target ?? ''}`,
    includes,
    rows,
    byJudge,
    findings: findings(rows),
  };
}

/** Names of the rows that are about the target of the last round; null where there is no loop, or its rows are not told
 *  apart. */
function lastRoundRows({ loop, rows }: Pick<Report, 'loop' | 'rows'>): ReadonlySet<string> | null {
  const last = loop?.at(-1);
  if (last === undefined) return null;
  const names = new Set(rows.filter((row) => row.target === last.target).map(({ name }) => name));
  return names.size === 0 ? null : names;
}
