import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { cosineDistance, squaredEuclidean } from './distances.js';
import { kMeans } from './kMeans.js';

const stream = streamKey(0, 'kMeans');

/** `size` points around each centre. */
function clouds(centres: readonly (readonly number[])[], size: number, spread: number): number[][] {
  const draw = openStream(streamKey(1, 'clouds'));
  return centres.flatMap((centre) => Array.from({ length: size }, () => centre.map((x) => x + spread * draw.normal())));
}

describe('distances', () => {
  it('squared, of (1, 2) and (4, −2): 9 + 16 = 25', () => {
    expect(squaredEuclidean([1, 2], [4, -2])).toBe(25);
  });

  it('by angle are 0 along, 1 across, 2 against, whatever the lengths; 1 to a zero vector', () => {
    expect(cosineDistance([1, 0], [5, 0])).toBeCloseTo(0, 12);
    expect(cosineDistance([1, 0], [0, 3])).toBeCloseTo(1, 12);
    expect(cosineDistance([1, 0], [-2, 0])).toBeCloseTo(2, 12);
    expect(cosineDistance([0, 0], [1, 1])).toBe(1);
  });

  it('refuse vectors of different lengths', () => {
    expect(() => squaredEuclidean([1], [1, 2])).toThrow(/equal length/u);
  });
});

describe('k-means', () => {
  it('finds three clouds that lie far apart', () => {
    const points = clouds(
      [
        [0, 0],
        [10, 0],
        [0, 10],
      ],
      20,
      0.5,
    );
    const { assignment, centres } = kMeans(points, { clusters: 3, stream });
    for (const cloud of [0, 1, 2]) expect(new Set(assignment.slice(20 * cloud, 20 * cloud + 20)).size).toBe(1);
    expect(new Set(assignment).size).toBe(3);
    expect(centres.map((centre) => Math.round(Math.hypot(...centre)))).toEqual(expect.arrayContaining([0, 10, 10]));
  });

  it('by angle puts vectors of one direction together, however long', () => {
    const { assignment } = kMeans(
      [
        [1, 0.1],
        [100, 9],
        [0.1, 1],
        [8, 100],
      ],
      { clusters: 2, stream, metric: 'cosine' },
    );
    expect(assignment[0]).toBe(assignment[1]);
    expect(assignment[2]).toBe(assignment[3]);
    expect(assignment[0]).not.toBe(assignment[2]);
  });

  it('gives each vector its nearest centre, uses every cluster of different vectors, and repeats exactly', () => {
    const different = fc.uniqueArray(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), {
      minLength: 2,
      maxLength: 30,
      selector: ([x, y]) => `${x},${y}`,
    });
    fc.assert(
      fc.property(different, fc.integer({ min: 1, max: 6 }), fc.integer(), (points, wanted, seed) => {
        const options = { clusters: Math.min(wanted, points.length), stream: streamKey(seed, 'kMeans') };
        const result = kMeans(points, options);
        expect(kMeans(points, options)).toEqual(result);
        expect(new Set(result.assignment).size).toBe(options.clusters);
        for (const [i, point] of points.entries()) {
          const distances = result.centres.map((centre) => squaredEuclidean(point, centre));
          expect(distances[result.assignment[i] ?? -1]).toBe(Math.min(...distances));
        }
      }),
    );
  });

  it('explains more with more clusters: one a vector leaves nothing', () => {
    const points = clouds(
      [
        [0, 0],
        [3, 3],
      ],
      15,
      1,
    );
    const inertia = [1, 2, 30].map((clusters) => kMeans(points, { clusters, stream }).inertia);
    expect(inertia[1]).toBeLessThan(inertia[0] ?? 0);
    expect(inertia[2]).toBe(0);
    const mean = [0, 1].map((k) => points.reduce((sum, point) => sum + (point[k] ?? 0), 0) / points.length);
    expect(inertia[0]).toBeCloseTo(
      points.reduce((sum, point) => sum + squaredEuclidean(point, mean), 0),
      9,
    );
  });

  it('copes with equal vectors', () => {
    expect(kMeans([[1], [1], [1]], { clusters: 2, stream }).inertia).toBe(0);
  });
});
