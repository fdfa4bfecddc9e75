/** The estimate stage: how probable a failure is in ordinary use. Dialogues of ordinary users with the target, and among
 *  them dialogues whose users are tilted towards an adversary and count by how ordinary they are; a bound that holds
 *  whatever the tilting reaches, and a practical interval. A run that goes on continues after its last batch. */
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import { dialogueRecord } from '../../dialogue/records.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import type { Handle } from '../../models/handle.js';
import { dialoguesPerBatch } from '../../recipe/stages/estimate.js';
import { unitKey } from '../../runs/units.js';
import type { LanguageModelAdversary } from '../../speakers/adversaries/languageModel.js';
import { mixtureWeight } from '../../stats/estimateProbability.js';
import { judgeRecord } from '../judgeRecord.js';
import type { StageContext } from '../stageContext.js';
import { recordUnit } from '../unitRecorder.js';
import { batchStream, type EstimateCast, type EstimateStage, logRatiosOf, openEstimateCast } from './estimateCast.js';
import { eventOf } from './estimateEvents.js';
import { type EstimateDraw, type EstimateSetting, eventNames } from './estimateRecords.js';
import { settleTilt, type Tilt } from './pilot.js';

/** @throws InterruptedError, BudgetError: finished batches are kept; ConfigError for a proposal or a label that does not
 *    fit; JudgeError for a judge that leaves too much unscored */
export async function estimate(context: StageContext, stage: EstimateStage): Promise<void> {
  const { run, recipe } = context;
  const unit = unitKey({ kind: 'estimate', stage: stage.name });
  if (run.completed(unit) !== null) return;
  const { value: cast, close } = await openEstimateCast(context, stage);
  try {
    const tilt = await settleTilt(context, stage, cast);
    const drawUnit = unitKey({ kind: 'estimateDraw', stage: stage.name });
    if (run.completed(drawUnit) === null) await drawDialogues(context, stage, cast, tilt);
    const { users, proposal, turns, openings, event } = stage.options;
    const setting: EstimateSetting = {
      name: stage.name,
      users,
      target: cast.target,
      judge: cast.judge.name,
      turns,
      mixture: tilt.mixture,
      proposal: tilt.tempering === null ? null : proposal,
      tempering: tilt.tempering,
      openingsAre: openings,
      pilot: tilt.pilot,
      seed: recipe.seed,
    };
    run.completeUnit(unit, { setting, events: eventNames(event) });
  } finally {
    await close();
  }
}

async function drawDialogues(
  context: StageContext,
  stage: EstimateStage,
  cast: EstimateCast,
  tilt: Tilt,
): Promise<void> {
  const tilted = tilt.tempering === null ? null : await cast.openTilted(tilt.tempering);
  try {
    await drawBatches(context, stage, { ...cast, tilt, tilted });
  } finally {
    await tilted?.close();
  }
}

interface Drawing extends EstimateCast {
  readonly tilt: Tilt;
  readonly tilted: Handle<LanguageModelAdversary> | null;
}

async function drawBatches(context: StageContext, stage: EstimateStage, drawing: Drawing): Promise<void> {
  const { run, limits, progress } = context;
  const { name, options } = stage;
  const unit = unitKey({ kind: 'estimateDraw', stage: name });
  const recorder = recordUnit(run, unit);
  let batch = Number(recorder.checkpoints.restored?.state['batches'] ?? 0);
  for (; batch * dialoguesPerBatch < options.dialogues; batch++) {
    const first = batch * dialoguesPerBatch;
    progress({ stage: name, phase: 'draw', done: first, total: options.dialogues, unit: 'dialogues', values: {} });
    limits.mayGoOn();
    const count = Math.min(dialoguesPerBatch, options.dialogues - first);
    const numbers = Array.from({ length: count }, (_, i) => first + i);
    const drawn = await drawBatch(context, stage, drawing, { batch, numbers });
    const origin = recorder.origin({ epoch: 0, step: batch + 1 });
    run
      .log('rollouts')
      .append(
        ...drawn.map(({ dialogue, scores }) =>
          dialogueRecord(dialogue, { [drawing.judge.name]: scores }, { stage: origin.stage }, null),
        ),
      );
    run.log('estimates').append(...drawn.map(({ record }) => record));
    await recorder.checkpoints.save({
      step: batch + 1,
      score: null,
      state: { batches: batch + 1 },
      write: () => Promise.resolve(),
    });
  }
  drawing.judge.check();
  recorder.complete({ dialogues: options.dialogues, judge: judgeRecord(drawing.judge) }, batch);
}

/** A dialogue with its line of estimates.jsonl. */
interface DrawnDialogue extends ScoredDialogue {
  readonly record: EstimateDraw;
}

/** Plays the dialogues of these numbers. Each is ordinary or tilted by a draw of its own. */
async function drawBatch(
  { recipe }: StageContext,
  { name, options }: EstimateStage,
  { openings, judge, users, play, tilt, tilted: handle }: Drawing,
  { batch, numbers }: { readonly batch: number; readonly numbers: readonly number[] },
): Promise<readonly DrawnDialogue[]> {
  const { seed } = recipe;
  const tilted = handle?.value ?? null;
  const isTilted = (draw: number): boolean =>
    tilted !== null && openStream(streamKey(seed, `estimate.${name}.part`, draw)).uniform() >= tilt.mixture;
  const stream = streamKey(seed, `estimate.${name}.draw`);
  const ofPart = async (part: 'users' | 'tilted'): Promise<readonly DrawnDialogue[]> => {
    const own = numbers.filter((draw) => isTilted(draw) === (part === 'tilted'));
    const speaker = part === 'tilted' ? present(tilted, 'a tilted adversary') : users;
    const played = await play(speaker, own, batchStream(stream, batch, part === 'tilted' ? 1 : 0));
    const dialogues = played.map(({ dialogue }) => dialogue);
    const ratios = tilted === null ? null : await logRatiosOf(dialogues, { users, tilted, spoke: part });
    return played.map((each, i) => {
      const draw = present(own[i], 'a number for each dialogue');
      const ratio = ratios === null ? null : present(ratios[i], 'a log-ratio of each dialogue');
      return {
        ...each,
        record: {
          stage: unitKey({ kind: 'estimateDraw', stage: name }),
          draw,
          opening: openings.keyOf(draw),
          tilted: part === 'tilted',
          logRatio: ratio === null || !Number.isFinite(ratio) ? null : ratio,
          weight: ratio === null ? 1 : mixtureWeight(tilt.mixture, [{ share: 1 - tilt.mixture, logRatio: ratio }]),
          events: Object.fromEntries(
            eventNames(options.event).map((event) => [event, eventOf(event, each.scores, judge.name)]),
          ),
        },
      };
    });
  };
  const both = [...(await ofPart('users')), ...(tilted === null ? [] : await ofPart('tilted'))];
  return both.sort((a, b) => a.record.draw - b.record.draw);
}
