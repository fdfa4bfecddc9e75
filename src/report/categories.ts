/** The rows of a report broken down by the category of their prompts, as rows of a table of their own. */
import type { Metrics, ReportRow } from './report.js';

export interface CategoryRow {
  readonly name: string;
  /** Name of the row that it is a part of. */
  readonly row: string;
  readonly metrics: Metrics;
}

/** Figures of a category: few, since its dialogues are few. */
export const categoryMetrics = ['dialogueFailureRate', 'replyFailureRate', 'replyHarm'] as const;

/** Returns one row per category and row of the report: 'untuned, illegal (12)', the number being that of its dialogues. */
export function categoryRows(rows: readonly ReportRow[]): readonly CategoryRow[] {
  return rows.flatMap(({ name, byCategory = [] }) =>
    byCategory.map(({ category, dialogues, metrics }) => ({
      name: `${name}, ${category} (${String(dialogues)})`,
      row: name,
      metrics,
    })),
  );
}
