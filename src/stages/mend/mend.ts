/** The mend stage (arXiv 2405.12900): the dialogues in which the target failed become preference examples against its
 *  own control-token (toxic) model; every training of the stage starts from that model and leaves a mended one; all
 *  models answer held-out dialogues. A finished step is kept when the run is resumed, a training in progress goes on from its last
 *  checkpoint. */
import { unitKey } from '../../runs/units.js';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { countSpeaker } from '../../base/spending.js';
import { speakerOptions } from '../../speakers/speakerOptions.js';
import type { StageContext } from '../stageContext.js';
import { measureModels } from './measures.js';
import { type MendContext, type MendStage, namedTrainings } from './mendContext.js';
import { type MendResult, readPairCounts } from './mendRecords.js';
import { collectPairs } from './pairs.js';
import { trainingMaterial, trainMended } from './training.js';
import { collectTurns, type MendTurns } from './turns.js';
import { openStart } from './controlModel.js';

/** Runs a mend stage.
 *  @returns false when the target failed nowhere, so that there is nothing to mend
 *  @throws ConfigError when no dialogue gives an example; InterruptedError, BudgetError: finished steps are kept */
export async function mend(given: StageContext, stage: MendStage): Promise<boolean> {
  const context = withJudge(given, stage);
  const { run, pool } = context;
  const unit = unitKey({ kind: 'mend', stage: stage.name });
  if (run.completed(unit) !== null) return true;
  const around = stage.before === null ? pool : pool.withTarget(stage.before);
  try {
    const target = await around.localTarget();
    const onSpoken = countSpeaker(run.spending, 'target');
    const speaking = { ...speakerOptions(context.recipe.target), name: target.name, onSpoken };
    const own: MendContext = { ...context, stage, unit, around, target, speaking };
    // A stage that is resumed collects them again, which must not count twice.
    const turns = await (run.hasBegun(unit) ? run.spending.uncounted(() => collectTurns(own)) : collectTurns(own));
    if (turns === null) return false;
    await makeModels(own, turns);
    const measured = [target.name, ...(stage.options.twin === null ? [] : ['twin']), ...stage.models];
    await measureModels(
      own,
      turns,
      measured.map((name, i) => ({
        name,
        folder: i === 0 ? null : run.modelPath(name === 'twin' ? `${stage.name}-twin` : name),
      })),
    );
    const result: MendResult = { before: target.name, measured, counts: countsOf(own, turns) };
    run.completeUnit(unit, result);
    return true;
  } finally {
    if (around !== pool) await around.close();
  }
}

/** A stage with a judge of its own works as in a recipe of that judge. */
function withJudge(context: StageContext, { options: { judge } }: MendStage): StageContext {
  return judge === undefined ? context : { ...context, recipe: { ...context.recipe, judge } };
}

async function makeModels(context: MendContext, turns: MendTurns): Promise<void> {
  const { stage, run } = context;
  const opened = await openStart(context, [...turns.harmful.train, ...turns.ordinary.train]);
  const start = opened.value;
  try {
    const pairs = await collectPairs(context, turns, start);
    if (!pairs.some(({ heldOut }) => !heldOut)) {
      throw new ConfigError('no dialogue gave an example', {
        where: `stages.${stage.name}.candidates`,
        expected: 'a reply that passes the judge and a worse one after the same dialogue',
        got: JSON.stringify(run.completed(unitKey({ kind: 'mendPairs', stage: stage.name }))?.['left'] ?? {}),
        remedy: 'Raise candidates.samples, change temperatures, or lower minGap.',
      });
    }
    const material = trainingMaterial(pairs, turns.ordinary.train, start);
    for (const each of namedTrainings(stage)) await trainMended(context, each, material);
  } finally {
    await opened.close();
  }
}

function countsOf({ run, stage }: MendContext, { harmful, ordinary }: MendTurns): Readonly<Record<string, number>> {
  const kept = present(run.completed(unitKey({ kind: 'mendPairs', stage: stage.name })), 'examples were collected');
  const { pairs, heldOut, withoutToxic, left } = readPairCounts(kept, run.path);
  const controlModel = run.completed(unitKey({ kind: 'mendControlModel', stage: stage.name }));
  return {
    failures: harmful.train.length,
    failuresHeldOut: harmful.heldOut.length,
    ordinary: ordinary.train.length,
    ordinaryHeldOut: ordinary.heldOut.length,
    ...(controlModel === null ? {} : { twinExamples: Number(controlModel['examples']) }),
    pairs,
    pairsHeldOut: heldOut,
    pairsWithoutToxic: withoutToxic,
    ...Object.fromEntries(Object.entries(left).map(([reason, count]) => [`leftOut: ${reason}`, count])),
  };
}
