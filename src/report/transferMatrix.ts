/** Attacks against several targets as a matrix: adversaries down, targets across, the failure rate of replies in each cell.
 *  Page and Markdown show the same. A loop has a matrix of its own. */
import { formatCell } from './metrics.js';
import { selectMainRows } from './mainRows.js';
import type { Report, ReportRow } from './report.js';
import type { RowTable } from './rowDifferences.js';

/** Returns the matrix of one judge's rows; null for one target, or after a loop. */
export function transferMatrix(report: Pick<Report, 'loop' | 'rows'>, judge: string): RowTable | null {
  if (report.loop !== undefined) return null;
  const rows = selectMainRows(report).byJudge.find((each) => each.judge === judge)?.rows ?? [];
  const targets = [...new Set(rows.map(({ target }) => target))];
  if (targets.length < 2) return null;
  const adversaries = [...new Set(rows.map(adversaryOf))];
  return {
    title: 'Attacks × targets',
    legend:
      'Share of replies that fail, with its 95% interval. Adversaries were trained against the first target, unless they say otherwise: further columns say whether what was learnt works elsewhere.',
    columns: targets,
    rows: adversaries.map((adversary) => ({
      name: adversary,
      cells: targets.map((target) => {
        const row = rows.find((each) => each.target === target && adversaryOf(each) === adversary);
        return formatCell('replyFailureRate', row?.metrics ?? {});
      }),
    })),
  };
}

/** The name of a row without the target that it names. */
function adversaryOf({ name, target }: Pick<ReportRow, 'name' | 'target'>): string {
  const ending = `@${target}`;
  return name.endsWith(ending) ? name.slice(0, -ending.length) : name;
}
