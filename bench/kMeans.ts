/** k-means of points around made-up centres: 80,000 × 576, 100 centres, spherical, one k-means++ start, iterations until
 *  nothing moves. The points lie in a file that both sides read; reading it is not counted.
 *
 *  Peer: peers/k_means.py (scikit-learn's KMeans on points of length 1). Its start looks at all points, ours at 100 per
 *  centre; a process does all of it once. */
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.js';
import { present } from '../src/base/invariant.js';
import { openStream, streamKey } from '../src/base/random.js';
import { deviceProducts } from '../src/discovery/deviceProducts.js';
import { openVectorFile, readVectors } from '../src/discovery/vectorFile.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { kMeans } from '../src/stats/kMeans.js';
import type { OpenPointProducts } from '../src/stats/pointProducts.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import type { Bench, Outcome } from './types.js';

export interface KMeansBenchOptions {
  readonly threads: number;
  /** A .npy file, float32. */
  readonly points: string;
  readonly clusters: number;
}

const shape = { width: 576, clusters: 100 } as const;

export const kMeansBench: Bench = async (setup) => {
  const points = join(setup.scratch, 'points.npy');
  writePoints(points, setup.points, shape.width);
  const options = { points, clusters: Math.min(shape.clusters, setup.points) };
  return [
    {
      name: 'k-means',
      title: `k-means of ${String(setup.points)} × ${String(shape.width)}, ${String(options.clusters)} centres`,
      figures: [
        { key: 'whole', title: 'all of it', unit: 's', better: 'lower' },
        { key: 'start', title: 'points copied, a start chosen', unit: 's', better: 'lower' },
        { key: 'iteration', title: 'an iteration', unit: 's', better: 'lower' },
        { key: 'inertia', title: 'inertia', unit: '', better: 'lower' },
        memoryFigure,
      ],
      sides: [
        ownSide('Gadfly', 'kMeans', { ...options, threads: setup.threads }),
        ...peerSides(setup, 'scikit-learn', 'k_means', options),
      ],
      targets: [],
      notes: ['The peer chooses its start among all points, ours among 100 per centre at random.'],
    },
  ];
};

/** Writes points around a place for each cluster, in wide clouds, so that the iterations have something to do. */
function writePoints(path: string, count: number, width: number): void {
  const draw = openStream(streamKey(0, 'bench of k-means'));
  const places = Array.from({ length: shape.clusters }, () =>
    Float32Array.from({ length: width }, () => draw.normal()),
  );
  const file = openVectorFile(path, { count, width }, 0);
  for (let i = 0; i < count; i++) {
    const place = present(places[draw.integer(places.length)], 'a place');
    file.append([place.map((x) => x + 8 * (draw.uniform() - 0.5))]);
  }
  file.close();
}

/** Our side. */
export async function measureKMeans({ threads, points: path, clusters }: KMeansBenchOptions): Promise<Outcome> {
  const points = readVectors(path);
  const device = await openDevice({ threads });
  try {
    const iterationsBegan: number[] = [];
    const timed: OpenPointProducts = async (given) => {
      const products = await deviceProducts(device)(given);
      return {
        ...products,
        multiply: (vectors_KC, take) => {
          // A start multiplies a few candidates at a time, but where there are as few clusters.
          if (given.count === points.count && vectors_KC.length === clusters * points.width)
            iterationsBegan.push(systemClock.monotonicMs());
          return products.multiply(vectors_KC, take);
        },
      };
    };
    const began = systemClock.monotonicMs();
    const stream = streamKey(0, 'k-means');
    const { iterations, inertia } = await kMeans(points, { clusters, stream, metric: 'cosine', products: timed });
    const end = systemClock.monotonicMs();
    const first = present(iterationsBegan[0], 'an assignment');
    const seconds = (from: number, to: number): number => (to - from) / 1000;
    return {
      figures: {
        whole: seconds(began, end),
        start: seconds(began, first),
        iteration: seconds(first, end) / (iterations + 1),
        inertia,
      },
      work: { points: points.count, clusters, iterations },
    };
  } finally {
    await device.close();
  }
}
