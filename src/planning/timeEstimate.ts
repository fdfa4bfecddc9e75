/** From counted work to seconds, at the rates that were measured on this machine. Pure. What it leaves out: loading
 *  models, the judge, checkpoints, reports. */
import { present } from '../base/invariant.js';
import type { ModelRates, SpeakingRates } from './rates.js';
import type { SpeakerCall } from '../speakers/calls.js';
import type { SpeakerWork } from '../speakers/work.js';
import type { StageWork } from './workload.js';

export interface RunRates {
  readonly adversary: ModelRates;
  readonly target: ModelRates;
  readonly reference: ModelRates;
  /** Rates of the evaluation's own adversaries, by model. */
  readonly otherAdversaries: ReadonlyMap<string, ModelRates>;
}

export interface StageSeconds {
  readonly adversary: number;
  readonly target: number;
  readonly reference: number;
  readonly training: number;
  readonly total: number;
}

/** A gradient takes about as long as this many passes that only read: one forward, and two to go back. */
const gradientPasses = 3;

/** @returns null where the stage trains a model that this machine could not train when it was measured */
export function stageSeconds(work: StageWork, rates: RunRates): StageSeconds | null {
  const { frozen, trainable } = rates.adversary;
  if (work.trainsAdversary && trainable === null) return null;
  const own = speakingSeconds(
    work.adversary,
    work.trainsAdversary && trainable !== null ? inTraining(frozen, trainable) : frozen,
  );
  const others = work.otherAdversaries
    .filter(({ work: { calls } }) => calls.length > 0)
    .map(({ speaker: { model }, work: spoken }) =>
      speakingSeconds(spoken, present(rates.otherAdversaries.get(model), 'rates of each adversary').frozen),
    );
  const adversary = others.reduce((sum, seconds) => sum + seconds, own);
  const { reading } = rates.target.frozen;
  const passes = work.targetTexts.readTokens + gradientPasses * work.targetGradients.readTokens;
  const target = speakingSeconds(work.target, rates.target.frozen) + passes / reading;
  const reference = work.reference.readTokens / rates.reference.frozen.reading;
  const training = trainable === null ? 0 : work.trainedTokens / trainable.training;
  return { adversary, target, reference, training, total: adversary + target + reference + training };
}

/** Returns tokens per second at a batch size: interpolated along the logarithm of the batch between two measured
 *  sizes, the nearest measured rate beyond them. */
export function generatingRate({ generating }: SpeakingRates, rows: number): number {
  const above = generating.findIndex(({ batch }) => batch >= rows);
  if (above <= 0)
    return present(above === 0 ? generating[0] : generating.at(-1), 'rates hold at least one batch').tokensPerSecond;
  const [low, high] = [present(generating[above - 1], 'a batch below'), present(generating[above], 'a batch above')];
  const share = Math.log(rows / low.batch) / Math.log(high.batch / low.batch);
  return low.tokensPerSecond + share * (high.tokensPerSecond - low.tokensPerSecond);
}

function speakingSeconds({ calls }: SpeakerWork, rates: SpeakingRates): number {
  const seconds = ({ rows, readTokens, newTokens }: SpeakerCall): number =>
    readTokens / rates.reading + newTokens / generatingRate(rates, rows);
  return calls.reduce((sum, call) => sum + call.times * seconds(call), 0);
}

/** Weights in training are measured at few batches only: the others are slower by the same share. */
function inTraining(frozen: SpeakingRates, trainable: SpeakingRates): SpeakingRates {
  const measured = present(trainable.generating.at(-1), 'rates hold at least one batch');
  const slower = measured.tokensPerSecond / generatingRate(frozen, measured.batch);
  const generating = frozen.generating.map(({ batch, tokensPerSecond }) => ({
    batch,
    tokensPerSecond: tokensPerSecond * slower,
  }));
  return { reading: trainable.reading, generating };
}

/** Mean length of an utterance that may not grow beyond `limit`, from measured ones; those that the measurement cut are
 *  taken to fill the limit. Null without any. */
export function expectedLength(lengths: readonly number[], measuredLimit: number, limit: number): number | null {
  if (lengths.length === 0) return null;
  return (
    lengths.reduce((sum, length) => sum + (length >= measuredLimit ? limit : Math.min(length, limit)), 0) /
    lengths.length
  );
}
