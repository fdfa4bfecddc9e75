/** Samples as points of a plane, so that alike ones lie together: UMAP (McInnes, Healy, Melville 2018) by umap-js, over
 *  exact neighbours that the products of points give. umap-js starts from random places, where the reference starts from
 *  a spectral layout: the place of a group on the map means nothing, what lies near it does. The same stream gives the
 *  same map. */
import { setImmediate } from 'node:timers/promises';
import { invariant, present } from '../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../base/random.js';
import {
  normalisePoints,
  squaredNorms,
  takePoints,
  type OpenPointProducts,
  type Points,
} from '../stats/pointProducts.js';
import { membersByCluster } from './clusterSummaries.js';

/** Neighbours that a place on the map keeps near, the point itself among them; the default of UMAP. */
const neighbours = 15;

/** Points whose neighbours are looked for together. */
const pointsPerQuery = 256;

/** Fewer points than these have no map. */
const leastOnMap = 4;

export type Place = readonly [x: number, y: number];

export interface MapOptions {
  readonly metric: 'euclidean' | 'cosine';
  readonly stream: StreamKey;
  readonly products: OpenPointProducts;
  /** Called between two of UMAP's epochs; throws to end the work. */
  readonly onEpoch?: (epoch: number, epochs: number) => void;
}

/** @param points at least `leastOnMap`
 *  @returns a place in [0, 1]² per point, in order, to four digits; both axes have one scale */
export async function placePoints(points: Points, options: MapOptions): Promise<readonly Place[]> {
  const { metric, stream, products, onEpoch = () => undefined } = options;
  invariant(points.count >= leastOnMap, 'a map has some points');
  const placed = metric === 'cosine' ? normalisePoints(points) : points;
  const nearest = await nearestPoints(placed, Math.min(neighbours, points.count - 1), products);
  const { UMAP } = await import('umap-js'); // Loaded on demand: nothing else needs it.
  const umap = new UMAP({ nNeighbors: Math.min(neighbours, points.count - 1), random: openStream(stream).uniform });
  umap.setPrecomputedKNN(
    nearest.map(({ indices }) => [...indices]),
    nearest.map(({ distances }) => [...distances]),
  );
  // The neighbours are known: of the points themselves only their number is asked.
  const epochs = umap.initializeFit(Array.from({ length: points.count }, () => []));
  for (let epoch = 0; epoch < epochs; epoch++) {
    onEpoch(epoch, epochs);
    umap.step();
    await setImmediate();
  }
  return intoUnitSquare(umap.getEmbedding());
}

interface Nearest {
  /** The nearest points, the point itself first. */
  readonly indices: readonly number[];
  readonly distances: readonly number[];
}

/** Returns the `count` nearest points of each, itself included, by Euclidean distance. */
async function nearestPoints(points: Points, count: number, open: OpenPointProducts): Promise<readonly Nearest[]> {
  const squares_N = squaredNorms(points);
  const products = await open(points);
  const found: Nearest[] = [];
  try {
    for (let first = 0; first < points.count; first += pointsPerQuery) {
      const rows = Math.min(pointsPerQuery, points.count - first);
      const squared_QN = Array.from({ length: rows }, () => new Float64Array(points.count));
      const queries_QC = points.values_NC.slice(first * points.width, (first + rows) * points.width);
      await products.multiply(queries_QC, (products_RQ, from) => {
        for (let at = 0; at < products_RQ.length; at++) {
          const [other, query] = [from + Math.floor(at / rows), at % rows];
          const product = products_RQ[at] as number; // In range, as the squares are.
          const squared = (squares_N[other] as number) + (squares_N[first + query] as number) - 2 * product;
          present(squared_QN[query], 'a row per query')[other] = other === first + query ? -1 : Math.max(0, squared);
        }
      });
      for (const squared_N of squared_QN) found.push(smallest(squared_N, count));
    }
  } finally {
    await products.close();
  }
  return found;
}

/** @param squared_N squared distances; that of the point itself is below zero, so that it comes first */
function smallest(squared_N: Float64Array, count: number): Nearest {
  const distance = (i: number): number => squared_N[i] as number; // Indices of the array.
  const indices = Uint32Array.from(squared_N.keys())
    .sort((a, b) => distance(a) - distance(b) || a - b)
    .slice(0, count);
  return { indices: [...indices], distances: [...indices].map((i) => Math.sqrt(Math.max(0, distance(i)))) };
}

/** Scales places to [0, 1]², the shorter side in the middle. */
function intoUnitSquare(places: readonly (readonly number[])[]): readonly Place[] {
  const extents = [0, 1].map((axis) => {
    const values = places.map((place) => present(place[axis], 'two coordinates'));
    const low = values.reduce((least, value) => Math.min(least, value), Infinity);
    const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
    return { middle: (low + high) / 2, size: high - low };
  });
  const size = Math.max(...extents.map((extent) => extent.size)) || 1;
  const scaled = (place: readonly number[], axis: number): number =>
    Number((0.5 + (present(place[axis], 'a coordinate') - (extents[axis]?.middle ?? 0)) / size).toFixed(4));
  return places.map((place) => [scaled(place, 0), scaled(place, 1)]);
}

/** Samples of a cluster that a map shows at least, where it has them. */
const leastPerCluster = 5;

/** Chooses the samples that a map shows: all, or of each cluster a share at random, so that about `most` are shown and no
 *  cluster is missing.
 *  @returns their indices, in order */
export function chooseForMap(assignment: Int32Array, most: number, stream: StreamKey): readonly number[] {
  if (assignment.length <= most) return [...assignment.keys()];
  return [...membersByCluster(assignment)]
    .flatMap(([cluster, members]) => {
      const share = Math.round((most * members.length) / assignment.length);
      return openStream(childKey(stream, cluster)).shuffle(members).slice(0, Math.max(leastPerCluster, share));
    })
    .sort((a, b) => a - b);
}

/** Returns the places of samples on a map of at most about `most` of them, by index; empty for no map. */
export async function placeSamples(
  points: Points,
  assignment: Int32Array,
  { most, ...options }: MapOptions & { readonly most: number },
): Promise<ReadonlyMap<number, Place>> {
  const shown = most === 0 ? [] : chooseForMap(assignment, most, childKey(options.stream, 0));
  if (shown.length < leastOnMap) return new Map();
  const places = await placePoints(takePoints(points, shown), { ...options, stream: childKey(options.stream, 1) });
  return new Map(shown.map((index, i) => [index, present(places[i], 'a place for each')]));
}
