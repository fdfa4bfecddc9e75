/** Points of a clustering, and the product of all of them with a few vectors: the one heavy part of k-means. It is an
 *  interface, so that a device may compute it (`discovery/deviceProducts.ts`); the plain form here is the definition. */
import { invariant } from '../base/invariant.js';

export interface Points {
  readonly count: number;
  /** Elements per point. */
  readonly width: number;
  /** Point by point. Shape [N, C] */
  readonly values_NC: Float32Array;
}

export interface PointProducts {
  /** Multiplies every point with every vector.
   *  @param vectors_KC shape [K, C]
   *  @param take is called with the products of the points from `first` on, shape [R, K], once for each point, in
   *    order; the array is its own */
  readonly multiply: (
    vectors_KC: Float32Array,
    take: (products_RK: Float32Array, first: number) => void,
  ) => Promise<void>;
  /** Frees what the products are computed with. */
  readonly close: () => Promise<void>;
}

export type OpenPointProducts = (points: Points) => Promise<PointProducts>;

/** Number of points whose products are made together. */
const chunkPoints = 1024;

/** Products on the calling thread: for small sets, and what a device is tested against. */
export function plainProducts({ count, width, values_NC }: Points): Promise<PointProducts> {
  return Promise.resolve({
    multiply: (vectors_KC, take) => {
      const k = vectors_KC.length / width;
      for (let first = 0; first < count; first += chunkPoints) {
        const rows = Math.min(chunkPoints, count - first);
        const products_RK = new Float32Array(rows * k);
        for (let i = 0; i < products_RK.length; i++) {
          const [point, vector] = [(first + Math.floor(i / k)) * width, (i % k) * width];
          let sum = 0;
          for (let c = 0; c < width; c++) sum += (values_NC[point + c] as number) * (vectors_KC[vector + c] as number);
          products_RK[i] = sum;
        }
        take(products_RK, first);
      }
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
}

/** Returns Σ x² of each point.
 *  @throws invariant error for elements that are not finite, or of another number */
export function squaredNorms({ count, width, values_NC }: Points): Float64Array {
  invariant(width >= 1 && values_NC.length === count * width, 'every point has `width` elements');
  const squares = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let c = i * width; c < (i + 1) * width; c++) sum += (values_NC[c] as number) ** 2;
    squares[i] = sum;
  }
  invariant(squares.every(Number.isFinite), 'elements of points are finite');
  return squares;
}

/** Returns the points scaled to length 1; a zero point stays. */
export function normalisePoints(points: Points): Points {
  const { count, width } = points;
  const squares_N = squaredNorms(points);
  const values_NC = points.values_NC.slice();
  for (let i = 0; i < count; i++) {
    const norm = Math.sqrt(squares_N[i] as number) || 1;
    for (let c = i * width; c < (i + 1) * width; c++) values_NC[c] = (values_NC[c] as number) / norm;
  }
  return { ...points, values_NC };
}

/** Returns the points less their mean, and the mean: distances keep their digits where all points lie far out. */
export function centrePoints(points: Points): { readonly points: Points; readonly mean_C: Float64Array } {
  const { count, width } = points;
  const values_NC = points.values_NC.slice();
  const mean_C = new Float64Array(width);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < width; c++) mean_C[c] = (mean_C[c] as number) + (values_NC[i * width + c] as number) / count;
  }
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < width; c++) {
      values_NC[i * width + c] = (values_NC[i * width + c] as number) - (mean_C[c] as number);
    }
  }
  return { points: { ...points, values_NC }, mean_C };
}

/** Returns those points, in the given order. */
export function takePoints({ width, values_NC }: Points, indices: readonly number[]): Points {
  const taken_NC = new Float32Array(indices.length * width);
  for (const [to, from] of indices.entries()) {
    taken_NC.set(values_NC.subarray(from * width, (from + 1) * width), to * width);
  }
  return { count: indices.length, width, values_NC: taken_NC };
}
