/** Makes the report of an evaluation once more from the records of its run alone, without a model: by the very code that
 *  made it, with a plan that is read from recipe and manifest. What records alone do not tell is named, and left to the
 *  reader. */
import { z } from 'zod';
import { ConfigError, FormatError } from '../../base/errors.js';
import { firstDifference } from '../../base/json.js';
import { present } from '../../base/invariant.js';
import { readAs } from '../../base/readAs.js';
import { defaultTargetTexts } from '../../dialogue/targetText.js';
import type { JudgedDialogue } from '../../dialogue/records.js';
import type { Judge } from '../../dialogue/types.js';
import type { MendedTarget } from '../../models/pool.js';
import { type EvaluatedAdversary, evaluatedAdversaries } from '../../recipe/adversaries.js';
import { type Recipe, recipeStages, stagesOfKind, trainedReward, untunedRow } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import type { LoopEntry, Report, ReportRow } from '../../report/report.js';
import { parseUnit, unitKey } from '../../runs/units.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { isExactJudge } from '../../speakers/judges/all.js';
import { guardsOf } from '../mend/mendReport.js';
import { otherSections, reportOfOthers } from './evaluate.js';
import { readRows } from './evaluatedRows.js';
import { type EvaluationPlan, type Pairing, pairingOf, type PlannedRow } from './evaluationPlan.js';
import { buildReport, type ReportContext } from './evaluationReport.js';
import { noMeanings } from './meanings.js';

export interface Recomputed {
  readonly report: Report;
  /** Parts of the report that records alone do not tell, by their path ('rows[0].metrics.diversityVendi', where [*] is any
   *  place), and why. */
  readonly untold: readonly Untold[];
}

export interface Untold {
  readonly path: string;
  readonly why: string;
}

type Context = Pick<ReportContext, 'recipe' | 'run'>;

/** @param was the report that the run has: what no record tells is taken from it
 *  @throws ConfigError for a run whose evaluation is not finished; FormatError for a damaged record or manifest, and for
 *    a row that the recipe does not name */
export async function recomputeReport({ run, recipe }: Context, was: Report): Promise<Recomputed> {
  const [evaluation] = stagesOfKind(recipe, 'evaluate');
  if (evaluation === undefined) return { report: await reportOfOthers({ run, recipe }), untold: [elapsed] };
  if (run.completed(unitKey({ kind: 'evaluate' })) === null)
    throw new ConfigError('the evaluation of this run is not finished', {
      where: run.path,
      remedy: 'Continue it with `gadfly run --resume DIR`.',
    });
  const { options } = evaluation;
  const finished = finishedRows({ run, recipe }, options);
  const planned = finished.map(({ row }) => row);
  const rows = await readRows(run, planned, recipe.target.model);
  const judges = finished[0] === undefined ? [] : judgesOf(finished[0], options.judges ?? [recipe.judge]);
  const plan = planOf({ recipe, options, judges, was, rows: planned }, rows[0]?.dialogues ?? []);
  const context = { run, recipe, progress: (): void => undefined };
  const report = await buildReport(context, plan, rows, { meanings: noMeanings, taught: null });
  const { notes = [], ...sections } = await otherSections(context);
  const loop = was.loop === undefined ? null : loopAgain(context, was.loop, report.rows);
  return {
    report: {
      ...report,
      ...sections,
      ...(loop === null ? {} : { loop }),
      // A loop says first why it ended.
      notes: [...(loop === null ? notes : (was.notes ?? []).slice(0, 1)), ...(report.notes ?? [])],
    },
    untold: untoldBy(recipe, options),
  };
}

/** Fills the entries of a loop from rows and guards. */
function loopAgain({ run, recipe }: Context, was: readonly LoopEntry[], rows: readonly ReportRow[]): LoopEntry[] {
  const guards = guardsOf({ run, recipe });
  return was.map((entry) => {
    const name = entry.target === recipe.target.model ? entry.adversary : `${entry.adversary}@${entry.target}`;
    const metrics = rows.find((row) => row.name === name)?.metrics ?? {};
    return { ...entry, metrics, guards: guards.get(entry.target) ?? {} };
  });
}

/** Returns the rows that are finished as they were played, with the folder of an adversary that was trained. */
export function finishedPairings(
  context: Context,
  options: EvaluateOptions,
): readonly (Pairing & { readonly folder: string })[] {
  return finishedRows(context, options).map(({ row: { trainedJudge: _, ...pairing } }) => ({
    ...pairing,
    folder: context.run.modelPath(pairing.adversary),
  }));
}

interface FinishedRow {
  readonly row: PlannedRow;
  readonly judges: readonly { readonly name: string; readonly threshold: number }[];
}

const rowResult = z.object({ judges: z.array(z.object({ name: z.string(), threshold: z.number() })).min(1) });
const attackResult = z.object({ judge: z.object({ name: z.string() }) });

/** Returns the rows that are finished, in the order in which they were played. */
function finishedRows({ run, recipe }: Context, options: EvaluateOptions): readonly FinishedRow[] {
  const known = evaluatedAdversaries(recipe, options);
  return run.manifest.completed.flatMap(({ unit, result }): readonly FinishedRow[] => {
    const parsed = parseUnit(unit);
    if (parsed?.kind !== 'evaluateRow') return [];
    const where = `${run.path}/manifest.json: ${unit}`;
    const { adversary, target } = partsOf(run, options, parsed.row);
    const each = adversaryOf(known, recipe, adversary);
    if (each === null)
      throw new FormatError('this row is of no adversary that the recipe names', {
        where,
        expected: known.map(({ adversary: name }) => name).join(', '),
        got: parsed.row,
      });
    const { judges } = readAs(rowResult, result, where);
    return [{ row: { ...pairingOf(each, target), trainedJudge: trainedJudgeOf(run, each) }, judges }];
  });
}

/** 'ipo-2@adpo-1' is the adversary ipo-2 with the mended target adpo-1, or with a further target of that name. */
function partsOf(
  run: Pick<RunRecords, 'modelPath'>,
  { furtherTargets = {} }: Pick<EvaluateOptions, 'furtherTargets'>,
  row: string,
): { readonly adversary: string; readonly target: MendedTarget | null } {
  const [adversary = row, name] = row.split('@');
  return {
    adversary,
    target: name === undefined ? null : { name, folder: furtherTargets[name] ?? run.modelPath(name) },
  };
}

/** Finds an adversary by its name; in a loop it is named with its round. */
function adversaryOf(known: readonly EvaluatedAdversary[], { loop }: Recipe, name: string): EvaluatedAdversary | null {
  const found = known.find(({ adversary }) => adversary === name);
  if (found !== undefined) return found;
  const inRound = loop === null ? undefined : known.find((each) => each.adversary === name.replace(/-\d+$/u, ''));
  return inRound === undefined ? null : { ...inRound, adversary: name };
}

function trainedJudgeOf(run: RunRecords, { adversary, trainedOn }: EvaluatedAdversary): string | null {
  if (trainedOn === null) return null;
  const unit = unitKey({ kind: 'exploit', stage: adversary });
  return readAs(attackResult, run.completed(unit), `${run.path}/manifest.json: ${unit}`).judge.name;
}

/** Judges that are known by what the manifest says of them: they are asked nothing. */
function judgesOf({ judges }: FinishedRow, wanted: readonly { readonly model: string }[]): readonly Judge[] {
  return judges.map(({ name, threshold }, i) => ({
    name,
    threshold,
    ...(isExactJudge(wanted[i]?.model ?? '') ? { isExact: true as const } : {}),
    judge: () => Promise.reject(new Error('a judge that is known by its name alone judges nothing')),
  }));
}

interface KnownParts {
  readonly recipe: Recipe;
  readonly options: EvaluateOptions;
  readonly judges: readonly Judge[];
  readonly rows: readonly PlannedRow[];
  readonly was: Report;
}

/** Returns the reward by which an evaluation scored: the recipe's, or the default that the report says, which depends on
 *  what the target gives. */
export function rewardOfEvaluation(
  recipe: Recipe,
  options: Pick<EvaluateOptions, 'reward' | 'targetTexts'>,
  was: Pick<Report, 'run'>,
): Pick<EvaluationPlan, 'reward' | 'targetTexts'> {
  const trained = trainedReward(recipe);
  return {
    reward: options.reward ?? trained?.reward ?? (was.run['reward'] as EvaluationPlan['reward'] | undefined) ?? {},
    targetTexts: options.targetTexts ?? trained?.targetTexts ?? defaultTargetTexts,
  };
}

function planOf(
  { recipe, options, judges, rows, was }: KnownParts,
  dialogues: readonly JudgedDialogue[],
): EvaluationPlan {
  const wanted = options.judges ?? [recipe.judge];
  const own = wanted.findIndex((judge) => firstDifference(judge, recipe.judge) === null);
  return {
    rows,
    baseline: options.baseline ?? (rows.some(({ adversary }) => adversary === untunedRow) ? untunedRow : null),
    turns: options.turns,
    prompts: dialogues.map(({ prompt }) => ({ ...prompt, conversationId: prompt.conversationId ?? prompt.id })),
    stopWhen: options.stopWhen,
    categories: null,
    groupBy: options.groupBy,
    judges,
    maxUnscored: wanted.map(({ maxUnscored }) => maxUnscored),
    recipeJudge: own < 0 ? textOf(was.run['judge']) : present(judges[own], 'a judge in range').name,
    ...rewardOfEvaluation(recipe, options, was),
    embed: options.embed,
    samples: options.samples,
  };
}

const elapsed: Untold = { path: 'run.elapsedSeconds', why: 'it was read from a clock' };

function untoldBy(recipe: Recipe, { categories, embed }: EvaluateOptions): readonly Untold[] {
  const explores = stagesOfKind(recipe, 'explore').length > 0;
  const teaches = recipeStages(recipe).some(({ traits }) => (traits.attack?.texts?.data ?? null) !== null);
  const metric = (name: string, why: string): readonly Untold[] =>
    ['rows[*]', 'loop[*]'].map((place) => ({ path: `${place}.metrics.${name}`, why }));
  const encoder = 'it needs the encoder of evaluate.embed';
  return [
    elapsed,
    ...(recipe.loop === null ? [] : [{ path: 'notes[0]', why: 'a loop says there why it ended' }]),
    ...(categories === null
      ? []
      : [{ path: 'rows[*].byCategory', why: 'the categories stand in the file of prompts' }]),
    ...(embed === null
      ? []
      : ['diversityUniqueAttacks', 'diversityVendi', 'diversityVendiOfFailures'].flatMap((name) =>
          metric(name, encoder),
        )),
    ...(explores ? metric('diversityClustersHit', 'it needs the encoder of the stage explore') : []),
    ...(teaches ? metric('diversityFindingsNew', 'it needs the texts that the attacks have learnt from') : []),
  ];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
