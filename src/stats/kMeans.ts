/** k-means: Lloyd's iterations from k-means++ starts (Arthur & Vassilvitskii 2007). With `cosine` it is spherical
 *  k-means: vectors and centres have length 1, and the nearest centre is the one at the smallest angle. The same stream
 *  gives the same clusters. */
import { invariant, present } from '../base/invariant.js';
import { openStream, type RandomStream, type StreamKey } from '../base/random.js';
import { squaredEuclidean, type Vector } from './distances.js';

export interface KMeansOptions {
  readonly clusters: number;
  readonly stream: StreamKey;
  /** Default 'euclidean'. */
  readonly metric?: 'euclidean' | 'cosine';
  /** Default 100; it ends earlier when no vector changes its cluster. */
  readonly maxIterations?: number;
}

export interface Clustering {
  /** Cluster of each vector, in order. */
  readonly assignment: readonly number[];
  readonly centres: readonly Float64Array[];
  /** Sum of squared distances to the own centre (of the normalised vectors with `cosine`, where it is 2·Σ(1 − cos)). */
  readonly inertia: number;
  readonly iterations: number;
}

/** @param vectors at least as many as clusters, of equal length */
export function kMeans(vectors: readonly Vector[], options: KMeansOptions): Clustering {
  const { clusters, stream, metric = 'euclidean', maxIterations = 100 } = options;
  invariant(
    Number.isInteger(clusters) && clusters >= 1 && clusters <= vectors.length,
    'between one cluster and one a vector',
  );
  const points = vectors.map((vector) => (metric === 'cosine' ? normalised(vector) : Float64Array.from(vector)));
  let centres = startCentres(points, clusters, openStream(stream));
  let nearest = points.map((point) => nearestCentre(point, centres));
  let iterations = 0;
  for (let changed = true; changed && iterations < maxIterations; iterations++) {
    centres = movedCentres(points, nearest, centres, metric);
    const next = points.map((point) => nearestCentre(point, centres));
    changed = next.some(({ centre }, i) => centre !== nearest[i]?.centre);
    nearest = next;
  }
  return {
    assignment: nearest.map(({ centre }) => centre),
    centres,
    inertia: nearest.reduce((sum, { distance }) => sum + distance, 0),
    iterations,
  };
}

interface Nearest {
  readonly centre: number;
  /** Squared Euclidean. */
  readonly distance: number;
}

/** Returns the first of equally near centres. */
function nearestCentre(point: Float64Array, centres: readonly Float64Array[]): Nearest {
  let best: Nearest = { centre: 0, distance: Infinity };
  for (const [centre, position] of centres.entries()) {
    const distance = squaredEuclidean(point, position);
    if (distance < best.distance) best = { centre, distance };
  }
  return best;
}

/** The first centre by draw, each further one drawn with a chance in proportion to its squared distance to the nearest
 *  so far. */
function startCentres(points: readonly Float64Array[], clusters: number, draw: RandomStream): readonly Float64Array[] {
  const centres = [draw.pick(points)];
  let distances = points.map((point) => squaredEuclidean(point, present(centres[0], 'a first centre')));
  while (centres.length < clusters) {
    const total = distances.reduce((sum, distance) => sum + distance, 0);
    let left = draw.uniform() * total;
    const drawn = distances.findIndex((distance) => distance > 0 && (left -= distance) < 0);
    // −1: rounding at the end of the sum, or every point lies on a centre already.
    const centre = present(drawn === -1 ? points[draw.integer(points.length)] : points[drawn], 'a point');
    centres.push(centre);
    distances = points.map((point, i) =>
      Math.min(present(distances[i], 'a distance for each point'), squaredEuclidean(point, centre)),
    );
  }
  return centres;
}

/** The mean of each cluster; an empty cluster takes the point that is farthest from its centre. */
function movedCentres(
  points: readonly Float64Array[],
  nearest: readonly Nearest[],
  centres: readonly Float64Array[],
  metric: 'euclidean' | 'cosine',
): readonly Float64Array[] {
  const sums = centres.map((centre) => new Float64Array(centre.length));
  const counts = centres.map(() => 0);
  for (const [i, point] of points.entries()) {
    const { centre } = present(nearest[i], 'a centre for each point');
    const sum = present(sums[centre], 'a sum for each centre');
    for (const [k, value] of point.entries()) sum[k] = present(sum[k], 'an element') + value;
    counts[centre] = present(counts[centre], 'a count for each centre') + 1;
  }
  const farthestFirst = nearest
    .map(({ distance }, i) => ({ distance, i }))
    .sort((a, b) => b.distance - a.distance || a.i - b.i);
  let taken = 0;
  return sums.map((sum, centre) => {
    const count = present(counts[centre], 'a count for each centre');
    if (count === 0)
      return present(points[present(farthestFirst[taken++], 'a point for each empty cluster').i], 'a point');
    return metric === 'cosine' ? normalised(sum) : sum.map((value) => value / count);
  });
}

/** Length 1; the zero vector stays as it is. */
function normalised(vector: Vector): Float64Array {
  const values = Float64Array.from(vector);
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm === 0 ? values : values.map((value) => value / norm);
}
