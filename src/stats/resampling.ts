/** Which items each resample of a bootstrap takes, drawn once and shared by every figure over as many items.
 *
 *  Up to `maxUnits` items each is a unit of its own. Beyond that, items are put at random into that many blocks of
 *  equal size (give or take one) and whole blocks are drawn: the spread of a mean or a ratio of sums is the same in
 *  expectation, the standard error itself is known to 1/√(2 · 4,000), 1.1%, far below what 1000 resamples leave open,
 *  and the work no longer grows with the number of items.
 *  @source grouping before resampling: Davison & Hinkley 1997, section 3.8; A. B. Owen, Monte Carlo theory 10.6 (batches) */
import { openStream, type StreamKey } from '../base/random.js';

/** Number of units above which items are resampled in blocks. */
const maxUnits = 4_000;

export interface Resamples {
  /** Number of units that a resample draws. */
  readonly units: number;
  /** Unit of each item; null where each item is its own. Shape [items] */
  readonly unitOf: Int32Array | null;
  /** Units that the resamples take, `units` for each resample. Shape [resamples × units] */
  readonly draws: Int32Array;
}

/** Tables of the last few calls: every figure of a report asks for the same ones. */
const recent = new Map<string, Resamples>();
const recentCount = 4;

/** Draws depend on (stream, number of items, number of resamples) alone. */
export function resamplesOf(stream: StreamKey, items: number, resamples: number): Resamples {
  const key = JSON.stringify([stream, items, resamples]);
  const known = recent.get(key) ?? drawResamples(stream, items, resamples);
  recent.delete(key);
  recent.set(key, known);
  const [oldest] = recent.keys();
  if (recent.size > recentCount && oldest !== undefined) recent.delete(oldest);
  return known;
}

function drawResamples(stream: StreamKey, items: number, resamples: number): Resamples {
  const units = Math.min(items, maxUnits);
  const draw = openStream(stream);
  const draws = new Int32Array(resamples * units);
  for (let i = 0; i < draws.length; i++) draws[i] = draw.integer(units);
  return { units, unitOf: units === items ? null : blocksOf(stream, items, units), draws };
}

function blocksOf(stream: StreamKey, items: number, units: number): Int32Array {
  const order = openStream({ ...stream, name: `${stream.name}, blocks` }).shuffle(
    Array.from({ length: items }, (_, i) => i),
  );
  const unitOf = new Int32Array(items);
  for (const [place, item] of order.entries()) unitOf[item] = place % units;
  return unitOf;
}

/** Adds up the values of the items of each unit. */
export function sumsByUnit(values: Float64Array, { units, unitOf }: Resamples): Float64Array {
  if (unitOf === null) return values;
  const sums = new Float64Array(units);
  for (let i = 0; i < values.length; i++)
    sums[unitOf[i] as number] = (sums[unitOf[i] as number] as number) + (values[i] as number); // In range.
  return sums;
}
