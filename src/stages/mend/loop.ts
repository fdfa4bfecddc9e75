/** Attack, mend, attack again: every round trains fresh adversaries against the target as it is, plays them and all
 *  earlier ones with it, and mends it unless this was the last round. So the target that is left has been attacked
 *  anew, and a failure that comes back after it was mended shows. */
import { present } from '../../base/invariant.js';
import type { LoopOptions } from '../../recipe/plans.js';
import { trainingName } from '../../mending/options.js';
import { evaluatedAdversaries } from '../../recipe/adversaries.js';
import { type RecipeStage, stagesOfKind } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import type { LoopEntry, Metrics, Report, ReportRow } from '../../report/report.js';
import { otherSections, playAndReport } from '../evaluate/evaluate.js';
import { pairingOf, type Pairing, planEvaluation } from '../evaluate/evaluationPlan.js';
import { type AttackStage, exploit } from '../exploit/exploit.js';
import type { StageContext } from '../stageContext.js';
import type { MendedTarget } from '../../models/pool.js';
import { mend } from './mend.js';
import type { MendStage } from './mendContext.js';
import { guardsOf } from './mendReport.js';

/** A row of the report and the round that it belongs to. */
interface PlayedRow {
  readonly round: number;
  readonly fresh: boolean;
  readonly pairing: Pairing;
}

/** Runs a loop. @returns the report over all rounds, which is written anew after each of them */
export async function runLoop(context: StageContext, { rounds, stopWhen }: LoopOptions): Promise<Report> {
  const stages = stagesOf(context);
  const played: PlayedRow[] = [];
  let target: MendedTarget | null = null;
  for (let round = 1; ; round++) {
    await attackTarget(context, stages.exploit, round, target);
    played.push(...playedRows(context, stages, round, target));
    const { loop = [] } = await report(context, stages, played, []);
    let reason =
      round === rounds
        ? `all ${String(rounds)} rounds were played`
        : stopReason(
            stopWhen,
            loop.filter((entry) => entry.round === round),
          );
    if (reason === null) {
      const next: MendedTarget = mendedBy(context, stages.mend, round);
      const isMended: boolean = await mend(context, mendStage(stages.mend, round, target, next, played));
      if (isMended) target = next;
      else reason = 'nothing failed that could be mended';
    }
    if (reason !== null)
      return finish(context, stages, played, `The loop ended after round ${String(round)}: ${reason}.`);
  }
}

interface LoopStages {
  readonly exploit: readonly AttackStage[];
  readonly mend: Extract<RecipeStage, { kind: 'mend' }>;
  readonly evaluate: EvaluateOptions;
}

function stagesOf({ recipe }: StageContext): LoopStages {
  return {
    exploit: stagesOfKind(recipe, 'exploit').map(({ name, traits }) => ({
      name,
      attack: present(traits.attack, 'an exploit stage has an attack'),
    })),
    mend: present(stagesOfKind(recipe, 'mend')[0], 'a loop mends'),
    evaluate: present(stagesOfKind(recipe, 'evaluate')[0], 'a loop evaluates').options,
  };
}

function inRound(name: string, round: number): string {
  return `${name}-${String(round)}`;
}

async function attackTarget(
  context: StageContext,
  stages: LoopStages['exploit'],
  round: number,
  target: MendedTarget | null,
): Promise<void> {
  const pool = target === null ? context.pool : context.pool.withTarget(target);
  try {
    for (const { name, attack } of stages) {
      const { startsFrom = null } = attack;
      // An attack that starts from another stage's adversary takes the one of its own round.
      const fresh = startsFrom === null ? attack : { ...attack, startsFrom: inRound(startsFrom, round) };
      await exploit({ ...context, pool }, { name: inRound(name, round), attack: fresh });
    }
  } finally {
    if (pool !== context.pool) await pool.close();
  }
}

/** Returns the rows of a round: the adversaries that no stage trains and those of all rounds so far, with the round's
 *  target. */
function playedRows(
  { recipe }: StageContext,
  { evaluate }: LoopStages,
  round: number,
  target: MendedTarget | null,
): readonly PlayedRow[] {
  return evaluatedAdversaries(recipe, evaluate).flatMap((each): readonly PlayedRow[] => {
    const { adversary, speaker } = each;
    if (speaker !== null) return [{ round, fresh: false, pairing: pairingOf(each, target) }];
    return Array.from({ length: round }, (_, i) => ({
      round,
      fresh: i + 1 === round,
      pairing: pairingOf({ ...each, adversary: inRound(adversary, i + 1) }, target),
    }));
  });
}

async function report(
  context: StageContext,
  { evaluate }: LoopStages,
  played: readonly PlayedRow[],
  notes: readonly string[],
): Promise<Report> {
  const plan = await planEvaluation(
    context,
    evaluate,
    played.map(({ pairing }) => pairing),
  );
  const guards = guardsOf(context);
  return playAndReport(context, plan, async (rows) => ({
    ...(await otherSections(context)),
    loop: entriesOf(played, rows, guards),
    notes,
  }));
}

/** Returns the entries of the loop, by the first judge of the evaluation. */
function entriesOf(
  played: readonly PlayedRow[],
  rows: readonly ReportRow[],
  guards: ReadonlyMap<string, Metrics>,
): readonly LoopEntry[] {
  return played.map(({ round, fresh, pairing }): LoopEntry => {
    const { target, metrics } = present(
      rows.find(({ name }) => name === pairing.name),
      'a row for each pairing',
    );
    return { round, adversary: pairing.adversary, fresh, target, metrics, guards: guards.get(target) ?? {} };
  });
}

/** Returns why the loop stops after this round; null when it goes on. @param entries those of the round */
function stopReason(
  { replyFailureRate, ordinaryNllRise }: LoopOptions['stopWhen'],
  entries: readonly LoopEntry[],
): string | null {
  const rates = entries.flatMap(({ fresh, metrics }) =>
    fresh && metrics['replyFailureRate'] !== undefined ? [metrics['replyFailureRate'].mean] : [],
  );
  const worst = Math.max(...rates);
  if (replyFailureRate !== undefined && rates.length > 0 && worst <= replyFailureRate) {
    return `a fresh adversary makes ${percent(worst)} of the replies fail, no more than stopWhen.replyFailureRate ${percent(replyFailureRate)}`;
  }
  const rise = entries[0]?.guards['ordinaryNllChange']?.mean ?? 0;
  if (ordinaryNllRise === undefined || rise < ordinaryNllRise) return null;
  return `the negative log-likelihood of ordinary replies rose by ${percent(rise)} against the target before any mending; stopWhen.ordinaryNllRise is ${percent(ordinaryNllRise)}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function mendedBy({ run }: StageContext, { options }: LoopStages['mend'], round: number): MendedTarget {
  const name = inRound(trainingName(present(options.train[0], 'a mend stage trains')), round);
  return { name, folder: run.modelPath(name) };
}

function mendStage(
  { name, options }: LoopStages['mend'],
  round: number,
  before: MendedTarget | null,
  next: MendedTarget,
  played: readonly PlayedRow[],
): MendStage {
  const attacks = played.flatMap(({ fresh, pairing }) => (fresh && !pairing.isFound ? [pairing.adversary] : []));
  return { name: inRound(name, round), options, before, models: [next.name], attacks };
}

async function finish(
  context: StageContext,
  stages: LoopStages,
  played: readonly PlayedRow[],
  note: string,
): Promise<Report> {
  const whole = await report(context, stages, played, [note]);
  if (context.run.completed('evaluate') === null)
    context.run.completeUnit('evaluate', { rows: played.map(({ pairing }) => pairing.name) });
  return whole;
}
