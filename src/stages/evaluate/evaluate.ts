/** The evaluate stage: unpaired dialogues of every adversary (row) with the target on held-out prompts, judged by
 *  several judges; figures with intervals, samples and the words behind verdicts go to report.json. A finished row is
 *  kept when the run is resumed. */
import { BudgetError, InterruptedError } from '../../base/errors.js';
import { streamKey } from '../../base/random.js';
import { keepOrigin } from '../../dialogue/origins.js';
import { dialogueRecord } from '../../dialogue/records.js';
import { judgedAgain } from '../../dialogue/score.js';
import type { LinearJob } from '../../dialogue/rollout/jobs.js';
import type { Adversary, ExchangeScore, Prompt, ScoredDialogue } from '../../dialogue/types.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import { present } from '../../base/invariant.js';
import { type Recipe, recipeSpeakers } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import type { Report, ReportRow } from '../../report/report.js';
import { readRows, unitOf } from './evaluatedRows.js';
import { type EvaluationPlan, type Pairing, planEvaluation } from './evaluationPlan.js';
import { buildReport, describeRun, type ReportContext } from './evaluationReport.js';
import { groupDialogues } from './groupDialogues.js';
import { type Meanings, noMeanings, readMeanings } from './meanings.js';
import { bootstrapOf, type EvaluatedRow, failedOf, repliesOf, utterancesOf } from './reportRow.js';
import { establishSection } from '../establish/establishSection.js';
import { estimateSection } from '../estimate/estimateSection.js';
import { exploreSection } from '../explore/exploreSection.js';
import { mendReports } from '../mend/mendReport.js';
import { judgeRecord } from '../judgeRecord.js';
import { taughtTexts } from '../taughtTexts.js';
import { roundingEffect } from './roundingEffect.js';
import type { StageContext } from '../stageContext.js';

/** The parts of a report beside the rows of an evaluation. Notes are added to those of the evaluation. */
export type BesideRows = Pick<
  Report,
  'loop' | 'mend' | 'clusters' | 'clusterMap' | 'established' | 'estimates' | 'notes'
>;

/** Runs an evaluate stage. @returns the report, which is also written to report.json */
export async function evaluate(context: StageContext, options: EvaluateOptions): Promise<Report> {
  const plan = await planEvaluation(context, options);
  const report = await playAndReport(context, plan, () => otherSections(context));
  if (context.run.completed('evaluate') === null)
    context.run.completeUnit('evaluate', { rows: plan.rows.map(({ name }) => name) });
  return report;
}

/** Plays the rows that no earlier session has played, and writes the report over all of them.
 *  @param beside gives the other parts of the report, called once the rows are known */
export async function playAndReport(
  context: StageContext,
  plan: EvaluationPlan,
  beside: (rows: readonly ReportRow[]) => Promise<BesideRows>,
): Promise<Report> {
  for (const [done, row] of plan.rows.entries()) {
    context.progress({ stage: 'evaluate', phase: row.name, done, total: plan.rows.length, unit: 'rows', values: {} });
    try {
      await evaluateRow(context, plan, row);
    } catch (error) {
      if (error instanceof BudgetError || error instanceof InterruptedError) await reportSoFar(context, plan);
      throw error;
    }
  }
  const rows = await readRows(context.run, plan.rows, (await context.pool.target()).name);
  const report = await buildReport(context, plan, rows, {
    meanings: await meaningsOf(context, plan, rows),
    taught: await taughtTexts(context),
  });
  const { notes = [], ...sections } = await beside(report.rows);
  const whole = { ...report, ...sections, notes: [...notes, ...(report.notes ?? [])] };
  context.run.writeReport(whole);
  return whole;
}

/** Reads what a whole evaluation has heard, as far as its recipe asks for it. */
function meaningsOf(context: StageContext, plan: EvaluationPlan, rows: readonly EvaluatedRow[]): Promise<Meanings> {
  const dialogues = rows.flatMap((row) => row.dialogues);
  return readMeanings(context, plan.embed, {
    rows: rows.length,
    utterances: dialogues.flatMap(utterancesOf),
    failedReplies: dialogues.flatMap((dialogue) =>
      plan.judges.flatMap((judge) => failedOf(repliesOf(dialogue), dialogue, judge)),
    ),
  });
}

/** Writes the report of a run that ends early, which the whole report replaces when the run goes on. */
async function reportSoFar(context: StageContext, plan: EvaluationPlan): Promise<void> {
  const target = (await context.pool.target()).name;
  const rows = (await readRows(context.run, plan.rows, target)).filter(({ dialogues }) => dialogues.length > 0);
  if (rows.length === 0) return;
  // What asks for another model waits for the whole report.
  const report = await buildReport(context, plan, rows, { meanings: noMeanings, taught: await taughtTexts(context) });
  const missing = plan.rows.map(
    ({ name }) => `${name} ${rows.find((row) => row.name === name)?.dialogues.length ?? 0} of ${plan.prompts.length}`,
  );
  const { notes: beside = [], ...sections } = await otherSections(context);
  const early = `This run ended early; dialogues by row: ${missing.join(', ')}.`;
  context.run.writeReport({ ...report, ...sections, notes: [early, ...beside, ...(report.notes ?? [])] });
}

/** Writes a report without an evaluation: what exploring has found, and the measures of mending. */
export async function reportWithoutRows(context: StageContext): Promise<Report> {
  const report = await reportOfOthers(context);
  context.run.writeReport(report);
  return report;
}

/** Makes a report without an evaluation. */
export async function reportOfOthers(context: Pick<ReportContext, 'run' | 'recipe'>): Promise<Report> {
  return { schema: 1, run: describeRun(context), rows: [], samples: [], ...(await otherSections(context)) };
}

/** Returns the parts of the report on exploring, establishing and mending, as far as the run has come. */
export async function otherSections(context: Pick<ReportContext, 'run' | 'recipe'>): Promise<BesideRows> {
  const mend = await mendReports(context);
  const established = establishSection(context);
  const estimates = await estimateSection(context);
  return {
    ...(await exploreSection(context)),
    ...(established.length === 0 ? {} : { established }),
    ...(estimates.length === 0 ? {} : { estimates }),
    ...(mend.length === 0 ? {} : { mend }),
  };
}

const leastPortion = 16;

/** Dialogues of a portion: all of them for local models. A server that takes many questions at once gets as many, and
 *  some more, so that it does not wait for the slowest of each portion. */
function portionSize(recipe: Recipe, isLocal: boolean, prompts: number): number {
  if (isLocal) return Math.max(1, prompts);
  const concurrency = Math.max(0, ...recipeSpeakers(recipe).map(({ speaker }) => speaker.remote?.concurrency ?? 0));
  return concurrency <= leastPortion ? leastPortion : 4 * concurrency;
}

/** Divides prompts into portions that are played and recorded together: one portion for local models, otherwise portions
 *  small enough that an aborted run has recorded most of what it paid for. Draws depend on prompts, not on portions. */
function portions(prompts: readonly Prompt[], size: number): readonly (readonly Prompt[])[] {
  return Array.from({ length: Math.ceil(prompts.length / size) }, (_, i) => prompts.slice(i * size, (i + 1) * size));
}

/** Evaluates one row. Every row draws from the same streams, so that rows differ by their adversary and not by their
 *  draws. */
async function evaluateRow(context: StageContext, plan: EvaluationPlan, row: Pairing): Promise<void> {
  const { run } = context;
  if (run.completed(unitOf(row)) !== null) return;
  const pool = row.target === null ? context.pool : context.pool.withTarget(row.target);
  try {
    await playRow(context, plan, row, pool);
  } finally {
    if (pool !== context.pool) await pool.close();
  }
}

async function playRow(
  context: StageContext,
  plan: EvaluationPlan,
  row: Pairing,
  pool: StageContext['pool'],
): Promise<void> {
  const { run, recipe } = context;
  const target = await pool.target();
  const opened = await pool.openRow({
    name: row.adversary,
    ...(row.speaker === null ? { folder: run.modelPath(row.adversary) } : { speaker: row.speaker }),
  });
  const adversary = opened.value;
  try {
    const judges = plan.judges.map((judge, i) =>
      watchUnscored(judge, present(plan.maxUnscored[i], 'a limit for each judge'), `evaluate, row ${row.name}`),
    );
    const main = present(judges[0], 'an evaluation has a judge');
    const { reward, targetTexts, stopWhen } = plan;
    const cast = { target, judge: main, reward, targetTexts, stopWhen, join: pool.join };
    const stream = streamKey(recipe.seed, 'evaluate');
    const dialogues: ScoredDialogue[] = [];
    const isLocal = pool.targetIsLocal && 'model' in adversary;
    const jobs = portions(plan.prompts, portionSize(recipe, isLocal, plan.prompts.length)).map(
      (prompts): LinearJob => ({
        kind: 'linear',
        prompts,
        turns: plan.turns,
        stream,
      }),
    );
    const speaker: Adversary = {
      ...adversary,
      speak: (requests) => {
        context.limits.mayGoOn();
        return adversary.speak(requests);
      },
    };
    await context.playJobs(jobs, { ...cast, adversary: keepOrigin(speaker, adversary) }, async (played) => {
      const verdicts: Record<string, readonly (readonly ExchangeScore[])[]> = {
        [main.name]: played.map(({ scores }) => scores),
      };
      for (const judge of judges.slice(1))
        verdicts[judge.name] = await judgedAgain(played, { judge, reward: plan.reward, join: pool.join });
      run
        .log('rollouts')
        .append(
          ...played.map(({ dialogue }, i) =>
            dialogueRecord(
              dialogue,
              Object.fromEntries(
                Object.entries(verdicts).map(([judge, scores]) => [
                  judge,
                  present(scores[i], 'scores of each dialogue'),
                ]),
              ),
              { stage: unitOf(row) },
              null,
            ),
          ),
        );
      for (const each of played) dialogues.push(each);
    });
    for (const judge of judges) judge.check();
    const rounded = await pool.rolloutTarget();
    const rounding =
      rounded === target
        ? null
        : await roundingEffect(
            groupDialogues(dialogues, plan.groupBy, ({ dialogue: { prompt } }) => prompt),
            { ...cast, target: rounded },
            stream,
            bootstrapOf(recipe),
          );
    run.completeUnit(unitOf(row), {
      adversary: { ...adversary.counts() },
      target: { ...target.counts() },
      judges: judges.map(judgeRecord),
      ...(rounding === null ? {} : { rounding: rounding }),
    });
  } finally {
    await opened.close();
  }
}
