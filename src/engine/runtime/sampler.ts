/** Chooses one token from a row of logits: repetition penalty → bans → temperature → top-k → top-p → min-p →
 *  one draw, in the order and with the semantics of transformers 5 (generation/logits_process.py). Differences:
 *  probabilities are summed in double precision, and of tokens tied at the border of top-p those with lower ids are
 *  left out (torch leaves it open). A choice depends on the logits, the options and one uniform number: not on the
 *  batch, not on other rows.
 *
 *  Speed: no pass over the vocabulary in JavaScript. The peaks of its blocks say which blocks hold the likely tokens:
 *  top-k looks into those whose peak is among the k largest, top-p into those near the maximum, ever farther from it
 *  until what is left out is so improbable that all of it together would be cut. Peaks and exponentials are wasm
 *  kernels. */
import { EnvironmentError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { kernelsOver } from './kernels.js';
import { peakBlock } from './samplingKernels.js';
import type { SamplingOptions } from './samplingOptions.js';

export interface SamplingContext {
  readonly options: SamplingOptions;
  /** log Σ exp of the raw logits, which the model's graph gives (many threads, wide vectors). */
  readonly logTotal: number;
  /** Distinct ids of prompt and generated tokens; read only with a repetition penalty. */
  readonly seen: Iterable<number>;
  /** Ids that may not be chosen now; each may come more than once. */
  readonly banned: readonly number[];
  /** Uniform in [0, 1); called once, and not at all when greedy or when the token is known. */
  readonly uniform: () => number;
  /** The token, where it is not to be drawn. */
  readonly known?: number;
  /** The row's name in errors. */
  readonly where: string;
}

export interface Choice {
  readonly id: number;
  /** log p of the token under the model itself, nats. */
  readonly logProb: number;
  /** log p under the distribution that was drawn from, nats; 0 when greedy. −∞ for a known token that would not have
   *  been drawn. */
  readonly samplingLogProb: number;
}

/** Working memory for one vocabulary. */
export interface Sampler {
  /** @param logits_V raw logits, left unchanged
   *  @throws EnvironmentError when a logit is not finite or no token is left to choose */
  readonly choose: (logits_V: Float32Array, context: SamplingContext) => Choice;
}

/** Tokens that may still be chosen, by ascending id, with weights exp((score − max) / temperature). Filters work in
 *  place. */
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

/** Score of the padding behind the vocabulary: finite, and without weight. */
const lowest = Math.fround(-3.4e38);
/** Maximum number of candidates that are sorted without buckets. */
const sortedLength = 512;
/** Depths below the maximum at which top-p looks, in nats of the tempered distribution, before it takes all tokens. */
const topPDepths = [3, 6, 12] as const;

export function createSampler(vocabularySize: number): Sampler {
  const padded = Math.ceil(vocabularySize / peakBlock) * peakBlock;
  const blocks = padded / peakBlock;
  const [lanesAt, scoresAt, weightsAt, listAt] = [0, blocks * 16, blocks * 16 + padded * 4, blocks * 16 + padded * 8];
  const memory = new WebAssembly.Memory({ initial: Math.ceil((listAt + padded * 4) / 65536) });
  const kernels = kernelsOver(memory);
  const lanes = new Float32Array(memory.buffer, lanesAt, blocks * 4);
  const scores = new Float32Array(memory.buffer, scoresAt, padded);
  const weights = new Float32Array(memory.buffer, weightsAt, padded);
  const list = new Float32Array(memory.buffer, listAt, padded);
  const ids = new Int32Array(padded);
  const peaks = new Float32Array(blocks);

  /** Fills `peaks`. */
  const findPeaks = (): { readonly high: number; readonly isFinite: boolean } => {
    const zero = kernels.peaks(scoresAt, padded, lanesAt);
    let high = -Infinity;
    for (let block = 0; block < blocks; block++) {
      let peak = lanes[4 * block] as number;
      for (let lane = 1; lane < 4; lane++) {
        const other = lanes[4 * block + lane] as number;
        if (other > peak) peak = other;
      }
      peaks[block] = peak;
      if (peak > high) high = peak;
    }
    return { high, isFinite: zero === 0 };
  };

  const load = (logits_V: Float32Array): void => {
    scores.set(logits_V);
    scores.fill(lowest, vocabularySize);
  };

  /** Writes the ids whose score is at least `threshold` to `ids`, in order, and their scores to `list`. @returns their
   *  number */
  const gather = (threshold: number): number => {
    let count = 0;
    for (let block = 0; block < blocks; block++) {
      if ((peaks[block] as number) < threshold) continue;
      const end = Math.min((block + 1) * peakBlock, vocabularySize);
      for (let id = block * peakBlock; id < end; id++) {
        const score = scores[id] as number;
        if (score < threshold) continue;
        ids[count] = id;
        list[count] = score;
        count += 1;
      }
    }
    return count;
  };

  /** Keeps the tokens whose score is at least `threshold`, with their weights. */
  const keepAbove = (threshold: number, high: number, scale: number): Candidates => {
    const count = gather(threshold);
    const length = Math.ceil(count / 4) * 4;
    list.fill(lowest, count, length);
    return { ids, weights: list, count, total: kernels.exponentials(listAt, listAt, length, high, scale) };
  };

  /** Keeps the k most probable tokens, more where the last are tied. */
  const keepTopK = (k: number, high: number, scale: number): Candidates => {
    // At least k scores reach the k-th largest peak, so the k-th largest score does.
    const near = gather(k <= blocks ? kthLargest(peaks, k) : -Infinity);
    return keepAbove(kthLargest(list.subarray(0, near), k), high, scale);
  };

  const keepAll = (high: number, scale: number): Candidates => ({
    ids: null,
    weights,
    count: vocabularySize,
    total: kernels.exponentials(scoresAt, weightsAt, padded, high, scale),
  });

  /** Keeps of the whole vocabulary what top-p leaves.
   *  @param total sum of all weights where it is known, which saves the pass over all */
  const keepTopPOfAll = (topP: number, high: number, scale: number, total: number | null): Candidates => {
    const all = total === null ? keepAll(high, scale) : null;
    const sum = all?.total ?? total ?? NaN;
    const cut = (1 - topP) * sum;
    for (const depth of topPDepths) {
      const near = keepAbove(high - depth / scale, high, scale);
      // A little under the cut, since the sums are rounded.
      if (sum - near.total <= cut * (1 - 1e-5)) return keepTopP(near, cut - (sum - near.total), ids);
    }
    return keepTopP(all ?? keepAll(high, scale), cut, ids);
  };

  return {
    choose(logits_V, { options, logTotal, seen, banned, uniform, known, where }) {
      load(logits_V);
      const raw = findPeaks();
      if (!raw.isFinite) {
        throw new EnvironmentError('The model gave a logit that is not a finite number', {
          where,
          got: String(logits_V.find((logit) => !Number.isFinite(logit))),
          remedy:
            'The weights may be damaged or training may have diverged: check them, or go back to an earlier checkpoint.',
        });
      }
      const changed = penalise(scores, seen, options.repetitionPenalty) || banned.length > 0;
      for (const id of banned) if (id < vocabularySize) scores[id] = -Infinity;
      const { high } = changed ? findPeaks() : raw;
      if (high <= lowest) throw new EnvironmentError('No token is left to choose: all are banned', { where });

      const logProbOf = (id: number): number => (logits_V[id] ?? NaN) - logTotal;
      if (options.temperature === 0) {
        const id = scores.indexOf(high);
        if (known !== undefined)
          return { id: known, logProb: logProbOf(known), samplingLogProb: known === id ? 0 : -Infinity };
        return { id, logProb: logProbOf(id), samplingLogProb: 0 };
      }
      const scale = 1 / options.temperature;
      let candidates: Candidates;
      if (options.topK > 0 && options.topK < vocabularySize) {
        candidates = keepTopK(options.topK, high, scale);
        if (options.topP < 1) candidates = keepTopP(candidates, (1 - options.topP) * candidates.total, ids);
      } else if (options.topP < 1) {
        candidates = keepTopPOfAll(
          options.topP,
          high,
          scale,
          changed || scale !== 1 ? null : Math.exp(logTotal - high),
        );
      } else candidates = keepAll(high, scale);
      // The most probable token has weight exactly 1 and is always among the candidates.
      if (options.minP > 0) candidates = keepFrom(candidates, { weight: options.minP, id: 0 }, ids);
      if (known !== undefined && !isCandidate(candidates, known))
        return { id: known, logProb: logProbOf(known), samplingLogProb: -Infinity };
      const id = known ?? draw(candidates, uniform() * candidates.total);
      return {
        id,
        logProb: logProbOf(id),
        samplingLogProb: ((scores[id] ?? NaN) - high) * scale - Math.log(candidates.total),
      };
    },
  };
}

/** Divides positive scores by the penalty and multiplies negative ones. @returns whether there is a penalty, so that
 *  scores may have changed */
function penalise(scores: Float32Array, seen: Iterable<number>, penalty: number): boolean {
  if (penalty === 1) return false;
  for (const id of seen) {
    const score = scores[id] ?? 0;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
  return true;
}

/** Returns the k-th largest value, by a heap of the k largest whose root is the smallest of them. 1 ≤ k ≤ length. */
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

/** Keeps the candidates at the border and above it. */
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

/** Drops the least probable candidates while their sum stays ≤ `cut`; at least one stays. */
function keepTopP(candidates: Candidates, cut: number, ids: Int32Array): Candidates {
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
/** Number of buckets: weight 1, the greatest, lies in the last. */
const bucketCount = (0x3f800000 >> bucketShift) + 1;

/** Returns the indices of the weights among which the ascending sum passes `cut`, and the sum of all smaller ones. */
function crossingBucket(
  weights: Float32Array,
  count: number,
  cut: number,
): { readonly members: Int32Array; readonly sumBelow: number } {
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

/** Whether a token can still be drawn: banned ones may be among the candidates, without weight. */
function isCandidate({ ids, weights, count }: Candidates, token: number): boolean {
  const at = ids === null ? token : ids.subarray(0, count).indexOf(token);
  return at >= 0 && (weights[at] ?? 0) > 0;
}

/** Returns the candidate at which the running sum, by ascending id, passes `target`. */
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
