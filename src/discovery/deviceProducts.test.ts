import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { openDevice, type Device } from '../engine/runtime/device.js';
import { kMeans } from '../stats/kMeans.js';
import { plainProducts, type OpenPointProducts, type Points } from '../stats/pointProducts.js';
import { deviceProducts } from './deviceProducts.js';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.close());

/** Points around `centres` places. */
function clouds(centres: number, size: number, width: number): Points {
  const draw = openStream(streamKey(0, 'clouds'));
  const places = Array.from({ length: centres }, () => Array.from({ length: width }, () => 5 * draw.normal()));
  const rows = Array.from({ length: centres * size }, (_, i) =>
    (places[i % centres] ?? []).map((x) => x + draw.normal()),
  );
  return { count: rows.length, width, values_NC: Float32Array.from(rows.flat()) };
}

async function allProducts(open: OpenPointProducts, points: Points, vectors: Float32Array): Promise<readonly number[]> {
  const products = await open(points);
  const all: number[] = [];
  await products.multiply(vectors, (part, first) => {
    expect(first * (vectors.length / points.width)).toBe(all.length);
    all.push(...part);
  });
  await products.close();
  return all;
}

describe('k-means on a device', () => {
  it('multiplies as the definition does, over several chunks', async () => {
    // 4,200 points of 1,000 elements: two chunks.
    const points = clouds(42, 100, 1000);
    const vectors = points.values_NC.slice(0, 3000);
    const [ours, plain] = [
      await allProducts(deviceProducts(device), points, vectors),
      await allProducts(plainProducts, points, vectors),
    ];
    expect(ours).toHaveLength(3 * points.count);
    // Sums of 1,000 float32 products of about 25 in another order.
    const worst = Math.max(...ours.map((value, i) => Math.abs(value - (plain[i] ?? NaN))));
    expect(worst).toBeLessThan(0.05);
  });

  it.each(['euclidean', 'cosine'] as const)('finds the clusters of the definition (%s)', async (metric) => {
    const points = clouds(8, 40, 24);
    const options = { clusters: 8, stream: streamKey(0, 'kMeans'), metric, starts: 2 };
    const plain = await kMeans(points, options);
    const ours = await kMeans(points, { ...options, products: deviceProducts(device) });
    expect(ours.assignment).toEqual(plain.assignment);
    expect(ours.inertia).toBeCloseTo(plain.inertia, 3);
  });
});
