/** Differences of every row from a baseline row on the same prompts and target, each with an interval, a p-value, and
 *  that p-value corrected for the number of rows that are compared. */
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import type { JudgedDialogue } from '../../dialogue/records.js';
import type { Judge } from '../../dialogue/types.js';
import { reported } from '../../measures/reported.js';
import type { RowDifference } from '../../report/report.js';
import { differencesOf, type ExchangeNumbers } from '../../stats/exchangeMetrics.js';
import { holm } from '../../stats/pairedTest.js';
import type { StageContext } from '../stageContext.js';
import type { EvaluationPlan } from './evaluationPlan.js';
import { groupDialogues } from './groupDialogues.js';
import { bootstrapOf, type EvaluatedRow, numbersOfAll } from './reportRow.js';

/** Returns the differences by every judge; none without a baseline. Rows that were not played on all of its prompts, or
 *  with another target, are left out. */
export function rowDifferences(
  { recipe }: Pick<StageContext, 'recipe'>,
  plan: Pick<EvaluationPlan, 'baseline' | 'groupBy' | 'judges' | 'rows'>,
  rows: readonly EvaluatedRow[],
): readonly RowDifference[] {
  const bases = rows.filter((row) => adversaryOf(plan, row) === plan.baseline);
  return plan.judges.flatMap((judge) =>
    bases.flatMap((base) => {
      const compared = rows.filter((row) => row !== base && row.target === base.target && isAlike(row, base));
      const before = groupsOf(base, plan, judge);
      const found = compared.map((row) => ({
        row,
        ...differencesOf(groupsOf(row, plan, judge), before, {
          bootstrap: bootstrapOf(recipe),
          test: streamKey(recipe.seed, 'evaluate.test'),
        }),
      }));
      const corrected = correct(found.map(({ pValues }) => pValues));
      return found.map(({ row, differences, pValues }, i) => ({
        row: row.name,
        baseline: base.name,
        judge: judge.name,
        metrics: reported(differences),
        pValues: withoutNull(pValues),
        adjusted: withoutNull(present(corrected[i], 'adjusted p-values of each row')),
      }));
    }),
  );
}

function adversaryOf(plan: Pick<EvaluationPlan, 'rows'>, { name }: EvaluatedRow): string | undefined {
  return plan.rows.find((row) => row.name === name)?.adversary;
}

/** Whether both rows played the same prompts in the same order. */
function isAlike(row: EvaluatedRow, base: EvaluatedRow): boolean {
  return (
    row.dialogues.length === base.dialogues.length &&
    row.dialogues.every(({ prompt }, i) => prompt.id === base.dialogues[i]?.prompt.id)
  );
}

function groupsOf(
  { dialogues }: EvaluatedRow,
  { groupBy }: Pick<EvaluationPlan, 'groupBy'>,
  judge: Judge,
): readonly (readonly ExchangeNumbers[])[] {
  return groupDialogues<JudgedDialogue>(dialogues, groupBy, ({ prompt }) => prompt).map((group) =>
    numbersOfAll(group, judge),
  );
}

type PValues = Readonly<Record<string, number | null>>;

/** Corrects each metric over the rows. */
function correct(rows: readonly PValues[]): readonly PValues[] {
  const metrics = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const columns = new Map(metrics.map((metric) => [metric, holm(rows.map((row) => row[metric] ?? null))]));
  return rows.map((_, i) => Object.fromEntries(metrics.map((metric) => [metric, columns.get(metric)?.[i] ?? null])));
}

function withoutNull(values: PValues): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, p]) => (p === null ? [] : [[name, p]])));
}
