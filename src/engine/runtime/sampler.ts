/** Chooses one token from a row of logits: repetition penalty → ban of stop ids → temperature → top-k → top-p → min-p → one draw,
 *  in the order and with the semantics of transformers 5 (generation/logits_process.py). Differences: probabilities are summed in
 *  double precision, and of tokens tied at the border of top-p those with lower ids are left out (torch leaves it open).
 *  A choice depends on the logits, the options and one uniform number: not on the batch, not on other rows.
 *
 *  Speed: no sort of the vocabulary. A bound leaves top-p a short list (tokens so improbable that all of them together would still be
 *  cut), which is sorted if short and histogrammed first if not; exponentials are a wasm kernel. */
import { EnvironmentError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { kernelsOver } from './kernels.js';
import type { SamplingOptions } from './samplingOptions.js';

export interface SamplingContext {
  readonly options: SamplingOptions;
  /** Distinct ids of prompt and generated tokens; read only with a repetition penalty. */
  readonly seen: Iterable<number>;
  /** Whether stop ids are banned now. */
  readonly banStops: boolean;
  /** Uniform in [0, 1); called once, and not at all when greedy. */
  readonly uniform: () => number;
  /** What errors call the row. */
  readonly where: string;
}

export interface Choice {
  readonly id: number;
  /** log p of the token under the model itself, nats. */
  readonly logProb: number;
  /** log p under the distribution that was drawn from, nats; 0 when greedy. */
  readonly samplingLogProb: number;
}

/** Working memory for one vocabulary. */
export interface Sampler {
  /** @param logits_V raw logits, left unchanged
   *  @throws EnvironmentError when a logit is not finite or no token is left to choose */
  readonly choose: (logits_V: Float32Array, context: SamplingContext) => Choice;
}

/** Tokens that may still be chosen, by ascending id, with weights exp((score − max) / temperature). Filters work in place. */
interface Candidates {
  /** null = every id in order. */
  readonly ids: Int32Array | null;
  readonly weights: Float32Array;
  readonly count: number;
  /** Sum of the weights. */
  readonly total: number;
}

/** The least probable candidate that stays, in ascending order of (weight, id). */
interface Border {
  readonly weight: number;
  readonly id: number;
}

/** Short enough to sort outright. */
const sortedLength = 512;
const extremesBytes = 32;

export function createSampler(vocabularySize: number): Sampler {
  const padded = Math.ceil(vocabularySize / 4) * 4;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((extremesBytes + padded * 8) / 65536) });
  const kernels = kernelsOver(memory);
  const lanes = new Float32Array(memory.buffer, 0, 8);
  const scoresAt = extremesBytes;
  const weightsAt = extremesBytes + padded * 4;
  const scores = new Float32Array(memory.buffer, scoresAt, padded);
  const weights = new Float32Array(memory.buffer, weightsAt, padded);
  const ids = new Int32Array(vocabularySize);

  /** Largest and smallest score; NaN when there is one. */
  const findExtremes = (): { readonly high: number; readonly low: number } => {
    const whole = vocabularySize - (vocabularySize % 4);
    if (whole > 0) kernels.extremes(scoresAt, whole, 0);
    const rest = scores.subarray(whole, vocabularySize);
    return {
      high: Math.max(...(whole > 0 ? lanes.subarray(0, 4) : []), ...rest),
      low: Math.min(...(whole > 0 ? lanes.subarray(4, 8) : []), ...rest),
    };
  };

  const load = (logits_V: Float32Array): void => {
    scores.set(logits_V);
    scores.fill(-Infinity, vocabularySize);
  };

  /** Weights of the tokens whose score is at least `threshold`, gathered to the front. */
  const gatherAbove = (threshold: number, shift: number, scale: number): Candidates => {
    let count = 0;
    for (let id = 0; id < vocabularySize; id++) {
      const score = scores[id] ?? 0;
      if (score >= threshold) {
        ids[count] = id;
        weights[count] = score;
        count += 1;
      }
    }
    const length = Math.ceil(count / 4) * 4;
    weights.fill(-Infinity, count, length);
    const total = kernels.exponentials(weightsAt, weightsAt, length, shift, scale);
    return { ids, weights, count, total };
  };

  return {
    choose(logits_V, { options, seen, banStops, uniform, where }) {
      load(logits_V);
      const raw = findExtremes();
      if (!Number.isFinite(raw.high) || !Number.isFinite(raw.low)) {
        throw new EnvironmentError('The model gave a logit that is not a finite number', {
          where, got: String(Number.isFinite(raw.high) ? raw.low : raw.high),
          remedy: 'The weights may be damaged or training may have diverged: check them, or go back to an earlier checkpoint.',
        });
      }
      const rawTotal = kernels.exponentials(scoresAt, weightsAt, padded, raw.high, 1);
      const logTotal = raw.high + Math.log(rawTotal);

      const changed = penalise(scores, seen, options.repetitionPenalty) || (banStops && options.stopIds.length > 0);
      if (banStops) for (const id of options.stopIds) if (id < vocabularySize) scores[id] = -Infinity;
      const high = changed ? findExtremes().high : raw.high;
      if (high === -Infinity) throw new EnvironmentError('No token is left to choose: all are banned', { where });

      if (options.temperature === 0) {
        const id = scores.indexOf(high);
        return { id, logProb: (logits_V[id] ?? NaN) - logTotal, samplingLogProb: 0 };
      }
      const scale = 1 / options.temperature;
      let candidates: Candidates = { ids: null, weights, count: vocabularySize, total: rawTotal };
      if (options.topK > 0 && options.topK < vocabularySize) {
        candidates = gatherAbove(kthLargest(scores.subarray(0, vocabularySize), options.topK), high, scale);
      } else if (changed || scale !== 1) {
        candidates = { ...candidates, total: kernels.exponentials(scoresAt, weightsAt, padded, high, scale) };
      }
      if (options.topP < 1) candidates = keepTopP(candidates, options.topP, ids);
      // The most probable token has weight exactly 1 and is always among the candidates.
      if (options.minP > 0) candidates = keepFrom(candidates, { weight: options.minP, id: 0 }, ids);
      const id = draw(candidates, uniform() * candidates.total);
      return { id, logProb: (logits_V[id] ?? NaN) - logTotal, samplingLogProb: ((scores[id] ?? NaN) - high) * scale - Math.log(candidates.total) };
    },
  };
}

/** Positive scores are divided, negative ones multiplied. @returns whether anything changed */
function penalise(scores: Float32Array, seen: Iterable<number>, penalty: number): boolean {
  if (penalty === 1) return false;
  for (const id of seen) {
    const score = scores[id] ?? 0;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
  return true;
}

/** The k-th largest value, by a heap of the k largest whose root is the smallest of them. 1 ≤ k ≤ length. */
export function kthLargest(values: Float32Array, k: number): number {
  const heap = values.slice(0, k).sort();
  for (let i = k; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value > (heap[0] ?? 0)) sink(heap, value);
  }
  return heap[0] ?? NaN;
}

/** Replaces the root of a min-heap. */
function sink(heap: Float32Array, value: number): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && (heap[child + 1] ?? 0) < (heap[child] ?? 0)) child += 1;
    if ((heap[child] ?? 0) >= value) break;
    heap[at] = heap[child] ?? 0;
    at = child;
  }
  heap[at] = value;
}

/** Candidates at the border and above it. */
function keepFrom({ weights, ids: before, count: length }: Candidates, border: Border, ids: Int32Array): Candidates {
  let count = 0;
  let total = 0;
  for (let i = 0; i < length; i++) {
    const weight = weights[i] ?? 0;
    if (weight < border.weight) continue;
    const id = before === null ? i : (before[i] ?? 0);
    if (weight === border.weight && id < border.id) continue;
    ids[count] = id;
    weights[count] = weight;
    count += 1;
    total += weight;
  }
  return { ids, weights, count, total };
}

/** Drops the least probable candidates while their sum stays ≤ 1 − topP; at least one stays. */
function keepTopP(candidates: Candidates, topP: number, ids: Int32Array): Candidates {
  const cut = (1 - topP) * candidates.total;
  // Weights below this sum to at most `cut` all together, and they are the smallest: none of them stays.
  // (A little below the mean, for topP 0 and equal weights.)
  const bound = (cut / candidates.count) * (1 - 1e-6);
  const short = keepFrom(candidates, { weight: bound, id: 0 }, ids);
  return keepFrom(short, topPBorder(short, cut - (candidates.total - short.total)), ids);
}

function topPBorder({ weights, ids, count }: Candidates, cut: number): Border {
  let order: Int32Array = Int32Array.from({ length: count }, (_, index) => index);
  let sum = 0;
  if (count > sortedLength) {
    const crossing = crossingBucket(weights, count, cut);
    order = crossing.members;
    sum = crossing.sumBelow;
  }
  order.sort((a, b) => (weights[a] ?? 0) - (weights[b] ?? 0) || a - b);
  const at = order.find((index) => {
    sum += weights[index] ?? 0;
    return sum > cut;
  });
  const border = present(at ?? order.at(-1), 'the most probable token is a candidate');
  return { weight: weights[border] ?? 0, id: ids?.[border] ?? border };
}

/** A float's bits from here up are its exponent and 5 bits of its fraction: monotone for weights in [0, 1]. */
const bucketShift = 18;
/** The bucket of weight 1, and one. */
const bucketCount = (0x3f800000 >> bucketShift) + 1;

/** The indices of the weights among which the ascending sum passes `cut`, and the sum of all smaller ones. */
function crossingBucket(weights: Float32Array, count: number, cut: number): { readonly members: Int32Array; readonly sumBelow: number } {
  const bits = new Int32Array(weights.buffer, weights.byteOffset, count);
  const sums = new Float64Array(bucketCount);
  for (let i = 0; i < count; i++) {
    const bucket = (bits[i] ?? 0) >> bucketShift;
    sums[bucket] = (sums[bucket] ?? 0) + (weights[i] ?? 0);
  }
  const highest = sums.findLastIndex((sum) => sum > 0);
  let sumBelow = 0;
  let crossing = 0;
  while (crossing < highest && sumBelow + (sums[crossing] ?? 0) <= cut) {
    sumBelow += sums[crossing] ?? 0;
    crossing += 1;
  }
  const members = new Int32Array(count);
  let found = 0;
  for (let i = 0; i < count; i++) {
    if ((bits[i] ?? 0) >> bucketShift === crossing) {
      members[found] = i;
      found += 1;
    }
  }
  return { members: members.subarray(0, found), sumBelow };
}

/** The candidate at which the running sum, by ascending id, passes `target`. */
function draw({ weights, ids, count }: Candidates, target: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const weight = weights[i] ?? 0;
    if (weight > 0) last = i;
    sum += weight;
    if (sum > target) break;
  }
  return ids === null ? last : (ids[last] ?? last);
}
