/** Finds out by trying how a trainer of the Tinker protocol divides a loss, for servers differ and do not say.
 *
 *  A step with Adam's ε far above every gradient is a step of plain descent, Δθ = −c·g with c = rate / ε. With g the
 *  server's gradient of −s·L, L the sum of some log-probabilities, L then rises by ΔL = c·s·‖∇L‖² while
 *  ‖Δθ‖² = c²·s²·‖∇L‖²: the factor s = ‖Δθ‖² / (c·ΔL) is known without knowing the gradient. Of two sequences of
 *  2 and 5 tokens the second alone is taught, so that every way to divide gives another number. */
import { TargetError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { AdamParams, TinkerDatum, TinkerModel } from '../../remote/tinker/model.js';
import { adapterNumbers } from './adapterArchive.js';

/** By what a sequence's share of the loss is divided: nothing, or its tokens and the sequences of the step. */
export type Normalisation = 'sum' | 'sequenceMean';

export interface Measured {
  readonly normalisation: Normalisation;
  /** Whether grad_clip_norm does anything. */
  readonly clips: boolean;
}

const lengths = [2, 5] as const;
/** The factor that each known way gives the taught sequence. */
const known: Readonly<Record<Normalisation, number>> = { sum: 1, sequenceMean: 1 / (lengths[1] * lengths.length) };
const epsilon = 1e6;
/** L is to rise by so much, nats: clearly more than rounding, and still nearly straight. */
const [leastRise, mostRise, soughtRise] = [0.03, 0.3, 0.1];
const tolerance = 0.2;
const mostTries = 10;

/** Returns the factor of a derivative that makes the server's gradient that of the loss itself. */
export function scaleOf(normalisation: Normalisation, { inputs }: TinkerDatum, sequences: number): number {
  return normalisation === 'sum' ? 1 : inputs.length * sequences;
}

/** Two sequences, whatever their tokens mean. */
export function probeData(vocabularySize: number): readonly TinkerDatum[] {
  return lengths.map((length, i) => {
    const tokens = Array.from({ length: length + 1 }, (_, t) => (37 * i + 101 * t + 11) % vocabularySize);
    return { inputs: tokens.slice(0, -1), targets: tokens.slice(1) };
  });
}

/** Trains the model a little and takes it back to where it was.
 *  @param start its address there
 *  @throws TargetError for a way to divide that is not known, or a server that does not load what it saved */
export async function measureNormalisation(
  model: TinkerModel,
  start: string,
  vocabularySize: number,
  where: string,
): Promise<Measured> {
  const data = probeData(vocabularySize);
  const before = await model.forward(data);
  const weights = await adapterNumbers(await model.adapter('probe'));
  const step = async (rate: number, clip: number): Promise<{ readonly rise: number; readonly moved: number }> => {
    const adam: AdamParams = {
      learning_rate: rate * epsilon,
      beta1: 0.9,
      beta2: 0.999,
      eps: epsilon,
      weight_decay: 0,
      grad_clip_norm: clip,
    };
    await model.train(
      data.map((datum, i) => ({
        ...datum,
        logProbs: present(before[i], 'log-probabilities of each'),
        advantages: datum.targets.map(() => i),
      })),
      adam,
    );
    const after = await model.forward(data);
    const moved = distance(weights, await adapterNumbers(await model.adapter('probe')));
    await model.load(start);
    return { rise: sumOf(after[1]) - sumOf(before[1]), moved };
  };

  let rate = 1e-6;
  let found: { readonly rise: number; readonly moved: number } | null = null;
  for (let tries = 0; tries < mostTries && found === null; tries++) {
    const tried = await step(rate, 0);
    if (tried.rise >= leastRise && tried.rise <= mostRise) found = tried;
    else
      rate *=
        tried.rise > 1e-4 ? Math.min(1e3, Math.max(1e-3, soughtRise / tried.rise)) : tried.moved > 10 ? 1e-3 : 100;
  }
  if (found === null) throw refused(where, 'a step that makes what it teaches likelier', 'none of ten steps did');
  await requireLoaded(model, data, before, where);
  const factor = found.moved ** 2 / (rate * found.rise);
  const normalisation = nameOf(factor);
  if (normalisation === null)
    throw refused(
      where,
      'a sum over tokens (factor 1), or a mean over the tokens of a sequence and the sequences of a step (factor 0.1)',
      `a factor of ${factor.toPrecision(3)}`,
    );
  const clipped = await step(rate, found.moved / rate / 4);
  const ratio = clipped.moved / found.moved;
  if (Math.abs(ratio - 1) > tolerance && Math.abs(ratio - 1 / 4) > tolerance / 4)
    throw refused(
      where,
      'a gradient that is clipped to grad_clip_norm, or not at all',
      `a step of ${ratio.toPrecision(3)} of its length`,
    );
  return { normalisation, clips: ratio < 1 / 2 };
}

function nameOf(factor: number): Normalisation | null {
  for (const [name, expected] of Object.entries(known) as [Normalisation, number][])
    if (Math.abs(factor / expected - 1) < tolerance) return name;
  return null;
}

async function requireLoaded(
  model: TinkerModel,
  data: readonly TinkerDatum[],
  before: readonly (readonly number[])[],
  where: string,
): Promise<void> {
  const again = (await model.forward(data)).flat();
  const off = Math.max(...before.flat().map((logProb, i) => Math.abs(logProb - (again[i] ?? NaN))));
  // Half of the least rise: a server that computes in 16 bits is not exact, but a step that stays is seen.
  if (!(off < leastRise / 2 / lengths[1]))
    throw refused(where, 'the weights that were saved, when they are loaded', 'others');
}

function refused(where: string, expected: string, got: string): TargetError {
  return new TargetError('the trainer computes another gradient than is known here', {
    where,
    expected,
    got,
    remedy: 'Use a server that docs/scale.md names, or report this one.',
  });
}

function sumOf(list: readonly number[] | undefined): number {
  return present(list, 'log-probabilities of each').reduce((sum, each) => sum + each, 0);
}

function distance(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  let sum = 0;
  for (const [name, values] of a) {
    const other = present(b.get(name), 'the same tensors');
    values.forEach((value, i) => (sum += (value - (other[i] ?? NaN)) ** 2));
  }
  return Math.sqrt(sum);
}
