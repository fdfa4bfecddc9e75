/** Says what a reader of an evaluation must know to read its figures right. */
import type { Judge } from '../../dialogue/types.js';
import type { EvaluationPlan, PlannedRow } from './evaluationPlan.js';

interface NotedPlan extends Pick<EvaluationPlan, 'groupBy' | 'judges'> {
  readonly rows: readonly Pick<PlannedRow, 'trainedJudge'>[];
}

/** Whether an attack of the evaluation was trained or selected by this judge. */
export function hasTrained({ rows }: Pick<NotedPlan, 'rows'>, { name }: Pick<Judge, 'name'>): boolean {
  return rows.some(({ trainedJudge }) => trainedJudge === name);
}

/** @param mends whether the recipe mends models */
export function notesOf(plan: NotedPlan, mends: boolean): readonly string[] {
  const { groupBy } = plan;
  const notes = [
    `Intervals: 95%, bootstrap by ${groupBy}; Wilson by ${groupBy} where no or every reply failed, or where all ${groupBy}s have the same harm. Equal bounds: no interval can be given. adversaryPerplexity is the mean of each turn’s exp(NLL), not the exp of the mean.`,
  ];
  if (groupBy !== 'prompt' && mends)
    notes.push('Intervals of mended models’ replies and of what mending must not cost are by prompt.');
  const estimates = plan.judges.filter(({ isExact }) => isExact !== true);
  const trained = estimates.filter((judge) => hasTrained(plan, judge)).map(({ name }) => name);
  if (trained.length > 0)
    notes.push(
      `${trained.join(', ')} also trained the attack, so its figures flatter it; compare with the other judges.`,
    );
  if (plan.judges.length === 1 && estimates.length === 1)
    notes.push('Only one judge: part of what it reports may be its own artefact.');
  return notes;
}
