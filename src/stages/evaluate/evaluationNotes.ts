/** Says what a reader of an evaluation must know to read its figures right. */
import type { Judge } from '../../dialogue/types.js';
import type { SearchSummary } from '../../report/report.js';
import type { EvaluationPlan, PlannedRow } from './evaluationPlan.js';
import type { EvaluatedRow } from './reportRow.js';

interface NotedPlan extends Pick<EvaluationPlan, 'groupBy' | 'judges'> {
  readonly rows: readonly Pick<PlannedRow, 'name' | 'attackKind' | 'trainedJudge'>[];
}

/** Whether an attack of the evaluation was trained or selected by this judge. */
export function hasTrained({ rows }: Pick<NotedPlan, 'rows'>, { name }: Pick<Judge, 'name'>): boolean {
  return rows.some(({ trainedJudge }) => trainedJudge === name);
}

/** Says what a reader of an evaluation must know to read its figures right.
 *  @param mends whether the recipe mends models */
export function notesOf(plan: NotedPlan, mends: boolean): readonly string[] {
  const { groupBy } = plan;
  const notes = [
    `Intervals: 95%, bootstrap by ${groupBy}; Wilson by ${groupBy} where no or every reply failed, or where all ${groupBy}s have the same harm. Equal bounds: no interval can be given. adversaryPerplexity is the mean of each turn’s exp(NLL), not the exp of the mean.`,
  ];
  if (groupBy !== 'prompt' && mends)
    notes.push('Intervals of mended models’ replies and of what mending must not cost are by prompt.');
  const estimates = plan.judges.filter(({ isExact }) => isExact !== true);
  const policies = { rows: plan.rows.filter(({ attackKind }) => attackKind !== 'search') };
  const trained = estimates.filter((judge) => hasTrained(policies, judge)).map(({ name }) => name);
  if (trained.length > 0)
    notes.push(
      `${trained.join(', ')} also trained the attack, so its figures flatter it; compare with the other judges.`,
    );
  notes.push(...chosenNotes(plan, estimates));
  if (plan.judges.length === 1 && estimates.length === 1)
    notes.push('Only one judge: part of what it reports may be its own artefact.');
  return notes;
}

/** Names the searches whose finds a judge of the evaluation chose itself. */
function chosenNotes({ rows, judges }: NotedPlan, estimates: readonly Judge[]): readonly string[] {
  return estimates.flatMap(({ name }) => {
    const chosen = rows.flatMap((row) => (row.attackKind === 'search' && row.trainedJudge === name ? [row.name] : []));
    if (chosen.length === 0) return [];
    const other =
      judges.length > 1 ? 'compare with the other judges' : 'name a judge that did not choose in evaluate.judges';
    return [
      `${name} also chose what ${chosen.join(', ')} ${chosen.length === 1 ? 'says' : 'say'}, so its figures flatter the search; ${other}.`,
    ];
  });
}

/** Says what each search of an evaluation found and spent, and how its figures compare with those of policies. */
export function searchNotes(rows: readonly Pick<EvaluatedRow, 'name' | 'attackKind' | 'search'>[]): readonly string[] {
  const searches = rows.filter(({ attackKind }) => attackKind === 'search').map(({ name }) => name);
  const policies = rows.filter(({ attackKind }) => attackKind === 'policy').map(({ name }) => name);
  const mixed =
    searches.length === 0 || policies.length === 0
      ? []
      : [
          `Searches (${searches.join(', ')}) worked on these very prompts, policies (${policies.join(', ')}) learnt on others: compare their figures beside what each spent.`,
        ];
  return [...mixed, ...rows.flatMap(({ name, search }) => (search === null ? [] : [searchNote(name, search)]))];
}

function searchNote(
  name: string,
  { prompts, found, failed, tries, budget, cost, counts = {}, reasons = [] }: SearchSummary,
): string {
  const amounts = (each: Readonly<Record<string, number>>): string =>
    Object.entries(each)
      .map(([key, amount]) => `${key} ${String(amount)}`)
      .join(', ');
  const spent = Object.fromEntries(
    Object.entries(cost).filter(([key]) =>
      ['targetReplies', 'judgeTexts', 'targetEvaluations', 'targetGradients'].includes(key),
    ),
  );
  const [commonest] = reasons;
  return [
    `${name} searched ${String(prompts)} prompts with ${String(tries)} tries: ${amounts(spent) === '' ? 'nothing was spent on the target' : amounts(spent)}`,
    budget === undefined ? '' : ` (at most ${amounts(budget)} per prompt)`,
    `. The target failed at ${String(failed)} of them when the finds were chosen.`,
    found === prompts
      ? ''
      : ` For ${String(prompts - found)} of them it has nothing to say (${commonest?.reason ?? 'no reason'}): these count as replies without harm.`,
    Object.keys(counts).length === 0 ? '' : ` Counts: ${amounts(counts)}.`,
  ].join('');
}
