/** Candidates of a step of Greedy Coordinate Gradient: the suffix with one token swapped for one of those that the
 *  gradient finds best at its position. Pure.
 *  @source arXiv 2307.15043, algorithm 1 */
import { present } from '../../base/invariant.js';
import type { RandomStream } from '../../base/random.js';

/** Positions are spread evenly over the candidates (llm-attacks, HarmBench) or drawn (nanoGCG). */
export const positionRules = ['even', 'random'] as const;
export type PositionRule = (typeof positionRules)[number];

/** Returns the `count` allowed tokens of least value, the least first; equal ones in their order. */
export function leastTokens(values_V: Float32Array, allowed: readonly number[], count: number): readonly number[] {
  const ids: number[] = [];
  const values: number[] = [];
  for (const id of allowed) {
    const value = present(values_V[id], 'a value per token');
    if (ids.length === count && value >= present(values.at(-1), 'the largest that is kept')) continue;
    let [low, high] = [0, values.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (present(values[middle], 'in range') <= value) low = middle + 1;
      else high = middle;
    }
    ids.splice(low, 0, id);
    values.splice(low, 0, value);
    if (ids.length > count) {
      ids.pop();
      values.pop();
    }
  }
  return ids;
}

export interface CandidateOptions {
  /** The best tokens of each position. */
  readonly tops: readonly (readonly number[])[];
  /** Candidates that are wanted. */
  readonly width: number;
  readonly positions: PositionRule;
  readonly stream: RandomStream;
  readonly survives: (suffix: readonly number[]) => boolean;
}

/** Draws of one candidate before its place stays empty. */
const draws = 8;

/** Returns different candidates that survive, at most `width`; fewer where draws find no more.
 *
 *  Differs from the released codes: a draw that is the suffix itself, was drawn before, or does not survive is drawn
 *  anew, where nanoGCG goes on with fewer candidates and llm-attacks with copies of the last one. */
export function drawCandidates(
  suffix: readonly number[],
  { tops, width, positions, stream, survives }: CandidateOptions,
): readonly (readonly number[])[] {
  const tried = new Set<string>();
  const candidates: (readonly number[])[] = [];
  for (let place = 0; place < width; place++) {
    for (let draw = 0; draw < draws; draw++) {
      const at = positions === 'even' ? Math.floor((place * suffix.length) / width) : stream.integer(suffix.length);
      const token = stream.pick(present(tops[at], 'the best tokens of each position'));
      const key = `${String(at)} ${String(token)}`;
      if (token === suffix[at] || tried.has(key)) continue;
      tried.add(key);
      const candidate = suffix.with(at, token);
      if (!survives(candidate)) continue;
      candidates.push(candidate);
      break;
    }
  }
  return candidates;
}
