/** Starts of k-means: greedy k-means++ (Arthur & Vassilvitskii 2007, section 5; as in scikit-learn). The first centre is
 *  a point at random; for each further one 2 + ⌊ln k⌋ points are drawn with a chance in proportion to their squared
 *  distance to the nearest centre so far, and the one that leaves the smallest sum of such distances is taken. Of many
 *  points, 100 per centre at random stand for all: a pass over all of them per centre took most of the time. */
import type { RandomStream } from '../base/random.js';
import { squaredNorms, takePoints, type OpenPointProducts, type PointProducts, type Points } from './pointProducts.js';

/** Number of points per centre that a start looks at. */
const pointsPerCentre = 100;

/** Squared distances below this share of the squared lengths are rounding of float32 products. */
const roundingShare = 1e-6;

/** @returns the centres. Shape [K, C] */
export async function drawStart(
  all: Points,
  clusters: number,
  open: OpenPointProducts,
  draw: RandomStream,
): Promise<Float32Array> {
  const wanted = pointsPerCentre * clusters;
  const indices = [...Array(all.count).keys()];
  const points = all.count <= wanted ? all : takePoints(all, draw.shuffle(indices).slice(0, wanted));
  const products = await open(points);
  try {
    return await chooseCentres(points, clusters, products, draw);
  } finally {
    await products.close();
  }
}

async function chooseCentres(
  points: Points,
  clusters: number,
  products: PointProducts,
  draw: RandomStream,
): Promise<Float32Array> {
  const { count, width, values_NC } = points;
  const squares_N = squaredNorms(points);
  const centres_KC = new Float32Array(clusters * width);
  const rowOf = (point: number): Float32Array => values_NC.subarray(point * width, (point + 1) * width);
  const nearest_N = new Float64Array(count).fill(Infinity);
  const trials = 2 + Math.floor(Math.log(clusters));
  for (let centre = 0; centre < clusters; centre++) {
    const candidates = centre === 0 ? [draw.integer(count)] : drawCandidates(nearest_N, trials, draw);
    const vectors = new Float32Array(candidates.length * width);
    candidates.forEach((point, t) => {
      vectors.set(rowOf(point), t * width);
    });
    const distances = candidates.map(() => new Float64Array(count));
    const sums = candidates.map(() => 0);
    await products.multiply(vectors, (products_RT, first) => {
      const rows = products_RT.length / candidates.length;
      candidates.forEach((point, t) => {
        const ownSquare = squares_N[point] as number;
        const own = distances[t] as Float64Array;
        let sum = 0;
        for (let r = 0; r < rows; r++) {
          const lengths = (squares_N[first + r] as number) + ownSquare;
          const distance = lengths - 2 * (products_RT[r * candidates.length + t] as number);
          const before = nearest_N[first + r] as number;
          const now = distance <= roundingShare * lengths ? 0 : distance < before ? distance : before;
          own[first + r] = now;
          sum += now;
        }
        sums[t] = (sums[t] as number) + sum;
      });
    });
    const best = sums.indexOf(Math.min(...sums));
    centres_KC.set(rowOf(candidates[best] as number), centre * width);
    nearest_N.set(distances[best] as Float64Array);
  }
  return centres_KC;
}

/** Draws points in proportion to their weights; at random where all weights are 0. */
function drawCandidates(weights_N: Float64Array, trials: number, draw: RandomStream): readonly number[] {
  let total = 0;
  const running_N = weights_N.map((weight) => (total += weight));
  return Array.from({ length: trials }, () => {
    const target = draw.uniform() * total;
    return total === 0 ? draw.integer(weights_N.length) : firstAbove(running_N, target);
  });
}

/** Returns the first index whose value is above the target, by bisection of an ascending list. */
function firstAbove(ascending: Float64Array, target: number): number {
  let [low, high] = [0, ascending.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] as number) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
