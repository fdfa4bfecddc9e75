/** Times k-means on the device: points around made-up centres, one start. Usage: npx tsx bench/kMeans.ts [points,
 *  default 80000] [width, default 576] [clusters, default 100] [threads, default 2]. Prints seconds of the products'
 *  setup, of the start and of an iteration; asserts nothing. */
import { systemClock } from '../src/base/clock.js';
import { present } from '../src/base/invariant.js';
import { openStream, streamKey } from '../src/base/random.js';
import { deviceProducts } from '../src/discovery/deviceProducts.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { kMeans } from '../src/stats/kMeans.js';
import type { OpenPointProducts } from '../src/stats/pointProducts.js';

const [count = 80_000, width = 576, clusters = 100, threads = 2] = process.argv.slice(2).map(Number);
const draw = openStream(streamKey(0, 'bench of k-means'));
// As many places as clusters, with wide clouds: the iterations have something to do.
const places_KC = Float32Array.from({ length: clusters * width }, () => draw.normal());
const values_NC = new Float32Array(count * width);
for (let i = 0; i < count; i++) {
  const place = draw.integer(clusters) * width;
  for (let c = 0; c < width; c++) values_NC[i * width + c] = (places_KC[place + c] ?? 0) + 8 * (draw.uniform() - 0.5);
}

/** Wall and CPU time of all threads, ms. */
const now = (): { readonly wall: number; readonly cpu: number } => {
  const { user, system } = process.cpuUsage();
  return { wall: systemClock.monotonicMs(), cpu: (user + system) / 1000 };
};
type Moment = ReturnType<typeof now>;
const text = (from: Moment, to: Moment, times = 1): string =>
  `${((to.wall - from.wall) / 1000 / times).toFixed(2)} s (CPU ${((to.cpu - from.cpu) / 1000 / times).toFixed(2)})`;

const device = await openDevice({ threads });
/** When the points were there, and when each product with all centres began. */
let ready: Moment | null = null;
const iterationsBegan: Moment[] = [];
const timed: OpenPointProducts = async (points) => {
  const products = await deviceProducts(device)(points);
  ready ??= now();
  return {
    ...products,
    multiply: (vectors_KC, take) => {
      if (vectors_KC.length === clusters * width) iterationsBegan.push(now());
      return products.multiply(vectors_KC, take);
    },
  };
};
const begin = now();
const { iterations, inertia } = await kMeans(
  { count, width, values_NC },
  { clusters, stream: streamKey(0, 'k-means'), metric: 'cosine', products: timed },
);
const end = now();
await device.close();
const first = present(iterationsBegan[0], 'an assignment');
process.stdout.write(
  [
    `k-means of ${String(count)} × ${String(width)}, ${String(clusters)} centres, ${String(threads)} threads: ${text(begin, end)}`,
    `setup ${text(begin, ready ?? begin)}, start ${text(ready ?? begin, first)}`,
    `${String(iterations)} iterations of ${text(first, present(iterationsBegan.at(-1), 'an iteration'), iterations)}`,
    `inertia ${inertia.toFixed(1)}`,
    '',
  ].join('\n'),
);
