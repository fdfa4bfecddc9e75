/** How varied texts are by their embeddings: clusters of those that are near each other, and the Vendi score, an effective
 *  number of different texts. */
import { invariant, present } from '../base/invariant.js';
import { unitLength, type Vector } from './distances.js';
import { symmetricEigenvalues } from './symmetricEigenvalues.js';

/** Cosine from which two texts are one attack, for embeddings of a sentence encoder such as MiniLM. */
const attackCosine = 0.7;

/** Puts vectors into clusters in their order: each joins the first cluster whose first vector has a cosine of `least` or
 *  more, or opens a new one.
 *  @returns the cluster of each, from 0 */
export function clusterByCosine(vectors: readonly Vector[], least = attackCosine): readonly number[] {
  const firsts: Float64Array[] = [];
  const known = new Map<Vector, number>();
  return vectors.map((vector) => {
    const before = known.get(vector);
    if (before !== undefined) return before;
    const unit_C = unitLength(vector);
    const near = firsts.findIndex((first_C) => dot(first_C, unit_C) >= least);
    const cluster = near === -1 ? firsts.push(unit_C) - 1 : near;
    known.set(vector, cluster);
    return cluster;
  });
}

/** The exponential of the entropy of the eigenvalues of K / n, with the cosines of n vectors as K: 1 where all are alike,
 *  n where none has anything in common with another. Null for no vectors.
 *  @param vectors none of them zero; one that occurs as the same object again is read once
 *  @source Friedman and Dieng 2023 (arXiv 2210.02410), eq. 4. Of X Xᵀ / n and Xᵀ X / n, whose eigenvalues above zero are the
 *    same, the smaller is taken. */
export function vendiScore(vectors: readonly Vector[]): number | null {
  const [first] = vectors;
  if (first === undefined) return null;
  const times = new Map<Vector, number>();
  for (const vector of vectors) times.set(vector, (times.get(vector) ?? 0) + 1);
  // Rows of length √(times / n): their products are those of all vectors.
  const rows = [...times].map(([vector, count]) => {
    const unit_C = unitLength(vector);
    invariant(
      unit_C.some((value) => value !== 0),
      'embeddings are not zero',
    );
    return unit_C.map((value) => value * Math.sqrt(count / vectors.length));
  });
  const kernel = rows.length <= first.length ? productsOfRows(rows) : productsOfColumns(rows, first.length);
  const eigenvalues = symmetricEigenvalues(kernel, Math.min(rows.length, first.length));
  const entropy = eigenvalues.reduce((sum, value) => (value > 1e-12 ? sum - value * Math.log(value) : sum), 0);
  return Math.exp(entropy);
}

function productsOfRows(rows: readonly Float64Array[]): Float64Array {
  const size = rows.length;
  const products = new Float64Array(size * size);
  for (const [i, a] of rows.entries()) {
    for (let j = 0; j <= i; j++) {
      products[i * size + j] = products[j * size + i] = dot(a, present(rows[j], 'a row'));
    }
  }
  return products;
}

function productsOfColumns(rows: readonly Float64Array[], width: number): Float64Array {
  const products = new Float64Array(width * width);
  for (const row of rows) {
    for (let i = 0; i < width; i++) {
      const value = row[i] as number; // In range, as all below.
      for (let j = 0; j <= i; j++)
        products[i * width + j] = (products[i * width + j] as number) + value * (row[j] as number);
    }
  }
  for (let i = 0; i < width; i++)
    for (let j = 0; j < i; j++) products[j * width + i] = products[i * width + j] as number;
  return products;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
