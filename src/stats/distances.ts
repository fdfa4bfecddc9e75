/** Distances between vectors of equal length. */
import { invariant, present } from '../base/invariant.js';

export type Vector = Float32Array | Float64Array | readonly number[];

/** Σ(a_i − b_i)² */
export function squaredEuclidean(a: Vector, b: Vector): number {
  return sumOver(a, b, (x, y) => (x - y) * (x - y));
}

/** 1 − cosine similarity, in [0, 2]; a zero vector has distance 1 to every vector. */
export function cosineDistance(a: Vector, b: Vector): number {
  const norms = Math.sqrt(sumOver(a, a, (x, y) => x * y) * sumOver(b, b, (x, y) => x * y));
  return norms === 0 ? 1 : 1 - Math.min(1, Math.max(-1, sumOver(a, b, (x, y) => x * y) / norms));
}

function sumOver(a: Vector, b: Vector, term: (x: number, y: number) => number): number {
  invariant(a.length === b.length, `vectors of equal length (${a.length} and ${b.length})`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += term(present(a[i], 'an element'), present(b[i], 'an element'));
  return sum;
}
