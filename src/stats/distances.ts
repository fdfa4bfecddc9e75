/** Lengths of vectors, and the distance by angle between two of equal length. */
import { invariant, present } from '../base/invariant.js';

export type Vector = Float32Array | Float64Array | readonly number[];

/** 1 − cosine similarity, in [0, 2]; a zero vector has distance 1 to every vector. */
export function cosineDistance(a: Vector, b: Vector): number {
  const norms = Math.sqrt(product(a, a) * product(b, b));
  return norms === 0 ? 1 : 1 - Math.min(1, Math.max(-1, product(a, b) / norms));
}

/** Σ(a − b)² */
export function squaredDistance(a: Vector, b: Vector): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (present(a[i], 'an element') - present(b[i], 'an element')) ** 2;
  return sum;
}

/** Returns the vector scaled to length 1; one of zeros stays. */
export function unitLength(vector: Vector): Float64Array {
  const norm = Math.sqrt(product(vector, vector)) || 1;
  return Float64Array.from(vector, (value) => value / norm);
}

function product(a: Vector, b: Vector): number {
  invariant(a.length === b.length, `vectors of equal length (${a.length} and ${b.length})`);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += present(a[i], 'an element') * present(b[i], 'an element');
  return sum;
}
