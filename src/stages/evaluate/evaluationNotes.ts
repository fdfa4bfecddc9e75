/** What a reader of an evaluation must know to read its figures right. */
import type { EvaluationPlan, Pairing } from './evaluationPlan.js';

interface NotedPlan extends Pick<EvaluationPlan, 'groupBy' | 'judges' | 'trainedJudge'> {
  readonly rows: readonly Pick<Pairing, 'trainedOnJudge'>[];
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
  const trained = estimates.filter(({ name }) => name === plan.trainedJudge).map(({ name }) => name);
  if (trained.length > 0 && plan.rows.some(({ trainedOnJudge }) => trainedOnJudge))
    notes.push(
      `${trained.join(', ')} also trained the attack, so its figures flatter it; compare with the other judges.`,
    );
  if (plan.judges.length === 1 && estimates.length === 1)
    notes.push('Only one judge: part of what it reports may be its own artefact.');
  return notes;
}
