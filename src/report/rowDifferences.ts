/** Differences of rows from the baseline row, as a table: page, Markdown and terminal show the same. */
import { formatChange, metricHeading } from './metrics.js';
import type { Report, RowDifference } from './report.js';

/** A table of rows and what is said of each, for page, Markdown and terminal alike. */
export interface RowTable {
  /** 'Difference from untuned' */
  readonly title: string;
  /** Says in a sentence what the columns mean. */
  readonly legend: string;
  readonly columns: readonly string[];
  /** One cell per column. */
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[];
}

/** Returns the table of one judge's main rows; null where nothing is compared.
 *  @param includes whether a row of this name is among the main ones */
export function differenceTable(
  { differences = [], groupBy }: Pick<Report, 'differences' | 'groupBy'>,
  judge: string,
  includes: (row: string) => boolean,
): RowTable | null {
  const own = differences.filter((each) => each.judge === judge && includes(each.row));
  const [first] = own;
  if (first === undefined) return null;
  const names = order.filter((name) => own.some(({ metrics }) => metrics[name] !== undefined));
  return {
    title: `Difference from ${first.baseline}`,
    legend: `On the same prompts. p is of a paired permutation test by ${groupBy ?? 'prompt'}, corrected by Holm’s rule for ${String(own.length)} ${own.length === 1 ? 'row' : 'rows'}.`,
    columns: names.map(metricHeading),
    rows: own.map((each) => ({ name: each.row, cells: names.map((name) => cellOf(each, name)) })),
  };
}

const order = ['replyFailureRate', 'dialogueFailureRate', 'replyHarm', 'adversaryNll'];

/** '+24.0 pp [18.0, 30.1], p 0.002'; a dash where either row lacks the figure. */
function cellOf({ metrics, adjusted }: RowDifference, name: string): string {
  const summary = metrics[name];
  if (summary === undefined) return '–';
  const p = adjusted[name];
  return `${formatChange(name, summary)}${p === undefined ? '' : `, p ${formatP(p)}`}`;
}

/** '0.002', '< 0.001' */
export function formatP(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(p < 0.1 ? 3 : 2);
}
