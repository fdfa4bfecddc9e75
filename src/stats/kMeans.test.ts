import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { cosineDistance } from './distances.js';
import { kMeans } from './kMeans.js';
import type { Points } from './pointProducts.js';

const stream = streamKey(0, 'kMeans');

const pointsOf = (rows: readonly (readonly number[])[]): Points => ({
  count: rows.length,
  width: rows[0]?.length ?? 0,
  values_NC: Float32Array.from(rows.flat()),
});

const squaredEuclidean = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, x, c) => sum + (x - (b[c] ?? NaN)) ** 2, 0);

/** `size` points around each centre. */
function clouds(centres: readonly (readonly number[])[], size: number, spread: number): number[][] {
  const draw = openStream(streamKey(1, 'clouds'));
  return centres.flatMap((centre) => Array.from({ length: size }, () => centre.map((x) => x + spread * draw.normal())));
}

const corners = [
  [0, 0],
  [10, 0],
  [0, 10],
];

describe('distances', () => {
  it('by angle are 0 along, 1 across, 2 against, whatever the lengths; 1 to a zero vector', () => {
    expect(cosineDistance([1, 0], [5, 0])).toBeCloseTo(0, 12);
    expect(cosineDistance([1, 0], [0, 3])).toBeCloseTo(1, 12);
    expect(cosineDistance([1, 0], [-2, 0])).toBeCloseTo(2, 12);
    expect(cosineDistance([0, 0], [1, 1])).toBe(1);
  });

  it('refuse vectors of different lengths', () => {
    expect(() => cosineDistance([1], [1, 2])).toThrow(/equal length/u);
  });
});

describe('k-means', () => {
  it('finds three clouds that lie far apart', async () => {
    const { assignment, centres } = await kMeans(pointsOf(clouds(corners, 20, 0.5)), { clusters: 3, stream });
    for (const cloud of [0, 1, 2]) expect(new Set(assignment.slice(20 * cloud, 20 * cloud + 20)).size).toBe(1);
    expect(new Set(assignment).size).toBe(3);
    expect(centres.map((centre) => Math.round(Math.hypot(...centre)))).toEqual(expect.arrayContaining([0, 10, 10]));
  });

  it('finds the same clouds a million units away, where float32 keeps no more than a sixteenth of a unit', async () => {
    const far = clouds(corners, 20, 0.5).map((point) => point.map((x) => x + 1e6));
    const { assignment } = await kMeans(pointsOf(far), { clusters: 3, stream });
    for (const cloud of [0, 1, 2]) expect(new Set(assignment.slice(20 * cloud, 20 * cloud + 20)).size).toBe(1);
  });

  it('by angle puts vectors of one direction together, however long, around centres of length 1', async () => {
    const points = pointsOf([
      [1, 0.1],
      [100, 9],
      [0.1, 1],
      [8, 100],
    ]);
    const { assignment, centres } = await kMeans(points, { clusters: 2, stream, metric: 'cosine' });
    expect(assignment[0]).toBe(assignment[1]);
    expect(assignment[2]).toBe(assignment[3]);
    expect(assignment[0]).not.toBe(assignment[2]);
    for (const centre of centres) expect(Math.hypot(...centre)).toBeCloseTo(1, 6);
  });

  it('gives each point its nearest centre, uses every cluster of different points, and repeats exactly', async () => {
    const different = fc.uniqueArray(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 2,
      maxLength: 30,
      selector: ([x, y]) => `${String(x)},${String(y)}`,
    });
    await fc.assert(
      fc.asyncProperty(different, fc.integer({ min: 1, max: 6 }), fc.integer(), async (rows, wanted, seed) => {
        const options = { clusters: Math.min(wanted, rows.length), stream: streamKey(seed, 'kMeans') };
        const result = await kMeans(pointsOf(rows), options);
        expect(await kMeans(pointsOf(rows), options)).toEqual(result);
        expect(new Set(result.assignment).size).toBe(options.clusters);
        for (const [i, point] of rows.entries()) {
          const distances = result.centres.map((centre) => squaredEuclidean(point, centre));
          // Products and centres are float32: squared lengths up to 5,000 have an error of some 1e-3.
          expect((distances[result.assignment[i] ?? -1] ?? NaN) - Math.min(...distances)).toBeLessThan(1e-2);
        }
      }),
    );
  });

  it('explains more with more clusters: one per point leaves nothing, one leaves the variance', async () => {
    const rows = clouds(corners.slice(0, 2), 15, 1);
    const fits = await Promise.all([1, 2, 30].map((clusters) => kMeans(pointsOf(rows), { clusters, stream })));
    const inertia = fits.map((fit) => fit.inertia);
    expect(inertia[1]).toBeLessThan(inertia[0] ?? 0);
    expect(inertia[2]).toBeCloseTo(0, 9);
    const mean = [0, 1].map((k) => rows.reduce((sum, point) => sum + (point[k] ?? 0), 0) / rows.length);
    expect(inertia[0]).toBeCloseTo(
      rows.reduce((sum, point) => sum + squaredEuclidean(point, mean), 0),
      3,
    );
  });

  it('of several starts keeps the one with the smallest inertia', async () => {
    const points = pointsOf(clouds(corners, 20, 4));
    const inertia = async (starts: number): Promise<number> =>
      (await kMeans(points, { clusters: 7, stream, starts })).inertia;
    const [one, many] = [await inertia(1), await inertia(10)];
    expect(many).toBeLessThan(one);
  });

  it('gives an empty cluster the point that is farthest from its centre', async () => {
    // A start does not tell the first two apart (their distance is rounding of products of their lengths): it may take
    // one place twice, and the other centre gets no point.
    const points = pointsOf([[1000], [1000.01], [-1000]]);
    for (let seed = 0; seed < 10; seed++) {
      const { assignment } = await kMeans(points, { clusters: 3, stream: streamKey(seed, 'kMeans') });
      expect(new Set(assignment).size).toBe(3);
    }
  });

  it('copes with equal points and with zero points, and refuses what is not a number', async () => {
    expect((await kMeans(pointsOf([[1], [1], [1]]), { clusters: 2, stream })).inertia).toBe(0);
    const zeros = pointsOf([
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
    expect((await kMeans(zeros, { clusters: 2, stream, metric: 'cosine' })).assignment).toHaveLength(4);
    await expect(kMeans(pointsOf([[1], [NaN]]), { clusters: 1, stream })).rejects.toThrow(/finite/u);
  });
});
