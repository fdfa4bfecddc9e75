/** The pilot of an estimate: a few dialogues, which are thrown away, tell how far to tilt the others, how many to leave
 *  ordinary, and whether tilting is worth anything. */
import { z } from 'zod';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import type { ScoredDialogue } from '../../dialogue/types.js';
import { hasPilot, pilotMixtures, pilotTemperings } from '../../recipe/stages/estimate.js';
import { unitKey } from '../../runs/units.js';
import { chooseMixture, type PilotEvent, type PilotPart } from '../../stats/chooseMixture.js';
import type { StageContext } from '../stageContext.js';
import { batchStream, type EstimateCast, type EstimateStage, logRatiosOf } from './estimateCast.js';
import { eventOf } from './estimateEvents.js';
import { eventNames } from './estimateRecords.js';

const tiltSchema = z.object({
  /** λ; null where dialogues are ordinary. */
  tempering: z.number().nullable(),
  mixture: z.number(),
  pilot: z.object({ dialogues: z.int(), gain: z.number() }).nullable(),
});

/** How the dialogues of an estimate are tilted. */
export type Tilt = z.output<typeof tiltSchema>;

/** Settles how dialogues are tilted. The choice of a finished pilot is kept when the run is resumed. */
export async function settleTilt(context: StageContext, stage: EstimateStage, cast: EstimateCast): Promise<Tilt> {
  const { run } = context;
  const { mixture, tempering, proposal } = stage.options;
  if (proposal === null || mixture === 1) return { tempering: null, mixture: 1, pilot: null };
  if (!hasPilot(stage.options))
    return {
      tempering: present(tempering, 'a tempering without a pilot'),
      mixture: present(mixture, 'a mixture without a pilot'),
      pilot: null,
    };
  const unit = unitKey({ kind: 'estimatePilot', stage: stage.name });
  const known = run.completed(unit);
  if (known !== null) return readAs(tiltSchema, known, `${run.path}/manifest.json: ${unit}`);
  const tilt = await playPilot(context, stage, cast);
  run.completeUnit(unit, tilt);
  return tilt;
}

async function playPilot(context: StageContext, { name, options }: EstimateStage, cast: EstimateCast): Promise<Tilt> {
  const temperings = options.tempering === null ? pilotTemperings : [options.tempering];
  const each = Math.max(1, Math.floor(options.pilot / (temperings.length + 1)));
  const draws = Array.from({ length: each }, (_, i) => i);
  const stream = streamKey(context.recipe.seed, `estimate.${name}.pilot`);
  const note = (done: number): void => {
    context.progress({ stage: name, phase: 'pilot', done, total: options.pilot, unit: 'dialogues', values: {} });
  };
  note(0);
  const event = present(eventNames(options.event)[0], 'an estimate has an event');
  const withEvent = (played: readonly ScoredDialogue[]): readonly Seen[] =>
    played.flatMap(({ dialogue, scores }) => {
      const value = eventOf(event, scores, cast.judge.name) ?? 0;
      return value > 0 ? [{ dialogue, event: value }] : [];
    });
  const ordinary = withEvent(await cast.play(cast.users, draws, batchStream(stream, 0, 0)));
  const parts: PilotPart<number>[] = [];
  for (const [i, tempering] of temperings.entries()) {
    note((i + 1) * each);
    const { value: tilted, close } = await cast.openTilted(tempering);
    try {
      const seen = withEvent(await cast.play(tilted, draws, batchStream(stream, i + 1, 0)));
      const speakers = { users: cast.users, tilted };
      const events = [
        ...(await readEvents(ordinary, { ...speakers, spoke: 'users' })),
        ...(await readEvents(seen, { ...speakers, spoke: 'tilted' })),
      ];
      parts.push({ model: tempering, ordinary: each, tilted: each, events });
    } finally {
      await close();
    }
  }
  const choice = chooseMixture(parts, options.mixture === null ? pilotMixtures : [options.mixture]);
  return {
    tempering: choice.model,
    mixture: choice.plainShare,
    pilot: { dialogues: each * (temperings.length + 1), gain: choice.gain },
  };
}

/** A dialogue with the event. */
interface Seen extends Pick<ScoredDialogue, 'dialogue'> {
  readonly event: number;
}

async function readEvents(
  seen: readonly Seen[],
  speakers: Parameters<typeof logRatiosOf>[1],
): Promise<readonly PilotEvent[]> {
  const ratios = await logRatiosOf(
    seen.map(({ dialogue }) => dialogue),
    speakers,
  );
  return seen.map(({ event }, i) => ({ event, logRatio: present(ratios[i], 'a log-ratio of each dialogue') }));
}
