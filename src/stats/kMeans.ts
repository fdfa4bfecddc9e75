/** k-means: Lloyd's iterations from greedy k-means++ starts, the start with the smallest inertia kept. With `cosine` it is
 *  spherical k-means: points and centres have length 1 (the reference code of explore–establish–exploit takes plain means
 *  of unnormalised points, which is neither). Points stay float32; sums and distances are float64. The nearest centre is
 *  the one with the largest x·c − |c|²/2: one product, on a device where one is given. The same stream gives the same
 *  clusters. */
import { invariant, present } from '../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../base/random.js';
import { drawStart } from './kMeansStart.js';
import {
  centrePoints,
  normalisePoints,
  plainProducts,
  squaredNorms,
  type OpenPointProducts,
  type PointProducts,
  type Points,
} from './pointProducts.js';

export interface KMeansOptions {
  readonly clusters: number;
  readonly stream: StreamKey;
  /** Default 'euclidean'. */
  readonly metric?: 'euclidean' | 'cosine';
  /** Number of starts; default 1. */
  readonly starts?: number;
  /** Default 300 per start; it ends earlier when no point changes its cluster. */
  readonly maxIterations?: number;
  /** It ends as well when the squared moves of all centres sum to less than this share of the mean square of an
   *  element (centred, or of points of length 1), and no cluster is empty; default 1e-4, as in scikit-learn. */
  readonly tolerance?: number;
  /** Multiplies points and centres; default on the calling thread. */
  readonly products?: OpenPointProducts;
}

export interface Clustering {
  /** Cluster of each point, in order. */
  readonly assignment: Int32Array;
  readonly centres: readonly Float32Array[];
  /** Squared distance of each point to its own centre (of the normalised points with `cosine`, where it is 2·(1 − cos)).
   */
  readonly distances: Float64Array;
  /** Sum of the squared distances. */
  readonly inertia: number;
  /** Iterations of the start that was kept. */
  readonly iterations: number;
}

/** A zero point of `cosine` stays zero: it lies at distance 1 from every centre.
 *  @param points at least as many as clusters, of finite elements */
export async function kMeans(points: Points, options: KMeansOptions): Promise<Clustering> {
  const { clusters, stream, metric = 'euclidean', starts = 1, products: open = plainProducts } = options;
  invariant(
    Number.isInteger(clusters) && clusters >= 1 && clusters <= points.count,
    'between one cluster and as many as points',
  );
  invariant(Number.isInteger(starts) && starts >= 1, 'at least one start');
  const { points: placed, mean_C } =
    metric === 'cosine' ? { points: normalisePoints(points), mean_C: null } : centrePoints(points);
  const products = await open(placed);
  try {
    const squares_N = squaredNorms(placed);
    let best: Fit | null = null;
    for (let start = 0; start < starts; start++) {
      const draw = openStream(childKey(stream, start));
      const centres_KC = await drawStart(placed, clusters, open, draw);
      const fit = await iterate(placed, squares_N, centres_KC, products, options);
      if (best === null || fit.inertia < best.inertia) best = fit;
    }
    const { centres_KC, ...found } = present(best, 'a start');
    const centres = Array.from({ length: clusters }, (_, k) =>
      centres_KC.slice(k * points.width, (k + 1) * points.width).map((value, c) => value + (mean_C?.[c] ?? 0)),
    );
    return { ...found, centres };
  } finally {
    await products.close();
  }
}

interface Fit extends Omit<Clustering, 'centres'> {
  readonly centres_KC: Float32Array;
}

async function iterate(
  points: Points,
  squares_N: Float64Array,
  start_KC: Float32Array,
  products: PointProducts,
  { metric = 'euclidean', maxIterations = 300, tolerance = 1e-4 }: KMeansOptions,
): Promise<Fit> {
  const { count, width } = points;
  const leastMove = (tolerance * squares_N.reduce((sum, square) => sum + square / count, 0)) / width;
  const assignment = new Int32Array(count).fill(-1);
  const sums: ClusterSums = createSums(points, start_KC.length / width, assignment);
  let centres_KC = start_KC;
  await assignPoints(points, centres_KC, products, sums.move);
  let iterations = 0;
  for (let isDone = false; !isDone && iterations < maxIterations; iterations++) {
    fillEmpty(points, squares_N, centres_KC, sums);
    const moved_KC = movedCentres(sums, centres_KC, metric);
    const changed = await assignPoints(points, moved_KC, products, sums.move);
    const isStill = squaredDistance(moved_KC, 0, centres_KC, 0, moved_KC.length) <= leastMove;
    isDone = changed === 0 || (isStill && sums.counts_K.every((size) => size > 0));
    centres_KC = moved_KC;
  }
  const distances = Float64Array.from(assignment, (k, i) => distanceToCentre(points, i, centres_KC, k));
  const inertia = distances.reduce((sum, distance) => sum + distance, 0);
  return { assignment, centres_KC, distances, inertia, iterations };
}

/** The sum of the points of each cluster, kept as points move. */
interface ClusterSums {
  readonly assignment: Int32Array;
  readonly counts_K: Int32Array;
  readonly sums_KC: Float64Array;
  /** Gives a point to a cluster. @returns whether that is another one */
  readonly move: (point: number, cluster: number) => boolean;
}

/** @param assignment −1 for a point that has no cluster yet; changed as points move */
function createSums({ width, values_NC }: Points, clusters: number, assignment: Int32Array): ClusterSums {
  const counts_K = new Int32Array(clusters);
  const sums_KC = new Float64Array(clusters * width);
  const add = (point: number, cluster: number, sign: 1 | -1): void => {
    const [from, to] = [point * width, cluster * width];
    for (let c = 0; c < width; c++) {
      sums_KC[to + c] = (sums_KC[to + c] as number) + sign * (values_NC[from + c] as number);
    }
    counts_K[cluster] = (counts_K[cluster] as number) + sign;
  };
  const move = (point: number, cluster: number): boolean => {
    const before = assignment[point] as number;
    if (before === cluster) return false;
    if (before !== -1) add(point, before, -1);
    add(point, cluster, 1);
    assignment[point] = cluster;
    return true;
  };
  return { assignment, counts_K, sums_KC, move };
}

/** Gives each point to its nearest centre, the first of equally near ones. @returns the number of points that moved */
async function assignPoints(
  { width }: Points,
  centres_KC: Float32Array,
  products: PointProducts,
  move: ClusterSums['move'],
): Promise<number> {
  const clusters = centres_KC.length / width;
  const halves_K = squaredNorms({ count: clusters, width, values_NC: centres_KC }).map((square) => square / 2);
  let changed = 0;
  await products.multiply(centres_KC, (products_RK, first) => {
    for (let at = 0; at < products_RK.length; at += clusters) {
      let [best, highest] = [0, -Infinity];
      for (let k = 0; k < clusters; k++) {
        const score = (products_RK[at + k] as number) - (halves_K[k] as number);
        if (score > highest) {
          highest = score;
          best = k;
        }
      }
      if (move(first + at / clusters, best)) changed += 1;
    }
  });
  return changed;
}

/** Squared distances below this share of the squared length are rounding of float32 elements. */
const roundingShare = 1e-12;

/** Gives each empty cluster the point that is farthest from its centre, of a cluster with others; it stays empty where
 *  all points lie on their centres. */
function fillEmpty(
  points: Points,
  squares_N: Float64Array,
  centres_KC: Float32Array,
  { assignment, counts_K, move }: ClusterSums,
): void {
  const empty = [...counts_K.keys()].filter((k) => counts_K[k] === 0);
  if (empty.length === 0) return;
  const distances = Float64Array.from(assignment, (k, i) => distanceToCentre(points, i, centres_KC, k));
  const farthestFirst = Uint32Array.from(assignment.keys())
    .filter((i) => (distances[i] as number) > roundingShare * (squares_N[i] as number))
    .sort((a, b) => (distances[b] as number) - (distances[a] as number) || a - b);
  let next = 0;
  for (const point of farthestFirst) {
    if (next === empty.length) return;
    if ((counts_K[assignment[point] as number] as number) > 1) move(point, empty[next++] as number);
  }
}

/** The mean of each cluster, of length 1 for `cosine`; the centre of an empty cluster, or of one whose points cancel out,
 *  stays. */
function movedCentres(
  { counts_K, sums_KC }: ClusterSums,
  centres_KC: Float32Array,
  metric: 'euclidean' | 'cosine',
): Float32Array {
  const moved_KC = centres_KC.slice();
  const width = centres_KC.length / counts_K.length;
  for (const [k, size] of counts_K.entries()) {
    const sum_C = sums_KC.subarray(k * width, (k + 1) * width);
    const divisor = metric === 'cosine' ? Math.hypot(...sum_C) : size;
    if (size > 0 && divisor > 1e-6)
      for (let c = 0; c < width; c++) moved_KC[k * width + c] = (sum_C[c] as number) / divisor;
  }
  return moved_KC;
}

function distanceToCentre({ width, values_NC }: Points, point: number, centres_KC: Float32Array, k: number): number {
  return squaredDistance(values_NC, point * width, centres_KC, k * width, width);
}

/** Σ(a − b)² over `length` elements from the two places on. */
function squaredDistance(a: Float32Array, fromA: number, b: Float32Array, fromB: number, length: number): number {
  let sum = 0;
  for (let c = 0; c < length; c++) sum += ((a[fromA + c] as number) - (b[fromB + c] as number)) ** 2;
  return sum;
}
