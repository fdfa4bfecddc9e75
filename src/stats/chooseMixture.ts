/** Chooses how dialogues are tilted, from a pilot: which tilted model, and which share of ordinary dialogues beside it,
 *  makes the estimate of an event's probability least uncertain. */
import { invariant } from '../base/invariant.js';
import { sumOf } from '../base/sums.js';
import { mixtureWeight } from './estimateProbability.js';

/** A dialogue of a pilot that has the event, with a share of it in (0, 1]. Dialogues without it say nothing here. */
export interface PilotEvent {
  readonly event: number;
  /** log of the tilted density minus log of the ordinary one, nats. */
  readonly logRatio: number;
}

/** Dialogues of one tilted model, and the ordinary ones of the pilot, read by the same model. */
export interface PilotPart<Model> {
  readonly model: Model;
  /** Numbers of dialogues that were drawn, with the event or without. */
  readonly ordinary: number;
  readonly tilted: number;
  /** Those with the event, from both. */
  readonly events: readonly PilotEvent[];
}

export interface MixtureChoice<Model> {
  /** It is null where ordinary dialogues alone are as good. */
  readonly model: Model | null;
  /** α; 1 where ordinary dialogues alone are as good. */
  readonly plainShare: number;
  /** The number of ordinary dialogues that are worth one of the mixture, as far as the pilot can tell. */
  readonly gain: number;
}

/** A mixture must be worth this many ordinary dialogues: the pilot is small, and the mixture costs a reading more. */
const leastGain = 1.5;
/** Fewer dialogues with the event say nothing of a model. */
const leastEvents = 10;

/** The second moment of w·h in a mixture is the ordinary mean of w·h²; it is estimated from all dialogues of the part,
 *  each with its weight in the pilot's own mixture.
 *  @param plainShares α to choose from, in (0, 1) */
export function chooseMixture<Model>(
  parts: readonly PilotPart<Model>[],
  plainShares: readonly number[],
): MixtureChoice<Model> {
  let best: MixtureChoice<Model> = { model: null, plainShare: 1, gain: 1 };
  for (const { model, ordinary, tilted, events } of parts) {
    invariant(ordinary > 0 && tilted > 0, 'a pilot has dialogues of both kinds');
    if (events.length < leastEvents) continue;
    const drawn = ordinary + tilted;
    const ownShare = ordinary / drawn;
    const meanOf = (value: (each: PilotEvent) => number): number =>
      sumOf(events.map((each) => weightAt(ownShare, each) * value(each))) / drawn;
    const probability = meanOf(({ event }) => event);
    const plainSpread = meanOf(({ event }) => event ** 2) - probability ** 2;
    for (const plainShare of plainShares) {
      const spread = meanOf((each) => weightAt(plainShare, each) * each.event ** 2) - probability ** 2;
      if (spread <= 0 || plainSpread <= 0) continue;
      const gain = plainSpread / spread;
      if (gain >= leastGain && gain > best.gain) best = { model, plainShare, gain };
    }
  }
  return best;
}

function weightAt(plainShare: number, { logRatio }: PilotEvent): number {
  return mixtureWeight(plainShare, [{ share: 1 - plainShare, logRatio }]);
}
