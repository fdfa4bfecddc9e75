/** How close points lie to the others of a batch, for a reward that keeps an attack's prompts apart.
 *  @source Explore, Establish, Exploit (arXiv 2306.09442), its diversity term: the mean over the others of
 *    exp(−‖e_i − e_j‖₁ / scale). The released code counts each point itself as well, which makes the term depend on the
 *    size of the batch. */
import { invariant, present } from '../base/invariant.js';
import { quantile } from './bootstrap.js';

/** Returns for each point the mean over the other points of exp(−L1 distance / scale), in [0, 1]; zero for a point alone.
 *  @param points of one width
 *  @param scale > 0, in units of the L1 distance */
export function closeness(points: readonly Float32Array[], scale: number): readonly number[] {
  invariant(scale > 0, 'a scale is above zero');
  const sums = new Float64Array(points.length);
  forEachPair(points, (i, j, distance) => {
    const near = Math.exp(-distance / scale);
    sums[i] = (sums[i] as number) + near; // In range.
    sums[j] = (sums[j] as number) + near;
  });
  return Array.from(sums, (sum) => sum / Math.max(1, points.length - 1));
}

/** Returns the median L1 distance of pairs that differ; null where no two points do. */
export function medianDistance(points: readonly Float32Array[]): number | null {
  const distances: number[] = [];
  forEachPair(points, (_i, _j, distance) => {
    if (distance > 0) distances.push(distance);
  });
  distances.sort((a, b) => a - b);
  return distances.length === 0 ? null : quantile(distances, 0.5);
}

function forEachPair(points: readonly Float32Array[], visit: (i: number, j: number, distance: number) => void): void {
  points.forEach((point, i) => {
    for (let j = 0; j < i; j++) visit(i, j, manhattan(point, present(points[j], 'an earlier point')));
  });
}

function manhattan(a: Float32Array, b: Float32Array): number {
  invariant(a.length === b.length, `points of one width (${String(a.length)} and ${String(b.length)})`);
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += Math.abs((a[k] as number) - (b[k] as number)); // In range.
  return sum;
}
