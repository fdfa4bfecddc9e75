import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { plainProducts, type Points } from '../stats/pointProducts.js';
import { chooseForMap, placePoints, placeSamples } from './sampleMap.js';

/** Points around the corners of a simplex, `each` per corner in turn. */
function groups(corners: number, each: number): { readonly points: Points; readonly assignment: Int32Array } {
  const draw = openStream(streamKey(1, 'groups'));
  const [count, width] = [corners * each, corners + 4];
  const values_NC = Float32Array.from({ length: count * width }, (_, i) => {
    const [point, c] = [Math.floor(i / width), i % width];
    return (c === point % corners ? 1 : 0) + 0.1 * draw.normal();
  });
  return { points: { count, width, values_NC }, assignment: Int32Array.from({ length: count }, (_, i) => i % corners) };
}

const options = { metric: 'cosine', stream: streamKey(3, 'map'), products: plainProducts } as const;

describe('the map of samples', () => {
  it('puts alike ones near each other', async () => {
    const { points, assignment } = groups(3, 18);
    const places = await placePoints(points, options);
    const apart = (a: number, b: number): number => {
      const [[ax, ay], [bx, by]] = [places[a] ?? [0, 0], places[b] ?? [0, 0]];
      return Math.hypot(ax - bx, ay - by);
    };
    // Of each point the nearest on the map is one of its own group.
    const wrong = places.filter((_, i) => {
      const others = [...places.keys()].filter((j) => j !== i).sort((a, b) => apart(i, a) - apart(i, b));
      return assignment[others[0] ?? -1] !== assignment[i];
    });
    expect(wrong).toEqual([]);
    const flat = places.flat();
    expect([Math.min(...flat), Math.max(...flat)]).toEqual([0, 1]);
  });

  it('is the same for the same stream, and another for another', async () => {
    const { points } = groups(2, 5);
    const first = await placePoints(points, options);
    expect(await placePoints(points, options)).toEqual(first);
    expect(await placePoints(points, { ...options, stream: streamKey(4, 'map') })).not.toEqual(first);
  });

  it('shows few points, equal ones too, and none where there are too few or none is wanted', async () => {
    const equal = { count: 5, width: 2, values_NC: new Float32Array(10).fill(1) };
    const places = await placePoints(equal, options);
    expect(places.flat().every((value) => value >= 0 && value <= 1)).toBe(true);
    const three = { count: 3, width: 2, values_NC: new Float32Array(6).fill(1) };
    expect((await placeSamples(three, new Int32Array(3), { ...options, most: 100 })).size).toBe(0);
    expect((await placeSamples(equal, new Int32Array(5), { ...options, most: 0 })).size).toBe(0);
  });

  it('shows a share of every cluster, and no small cluster is missing', () => {
    // 900 samples in cluster 0, 90 in 1, 10 in 2.
    const assignment = Int32Array.from({ length: 1000 }, (_, i) => (i < 900 ? 0 : i < 990 ? 1 : 2));
    const shown = chooseForMap(assignment, 200, streamKey(1, 'shown'));
    const counts = [0, 1, 2].map((k) => shown.filter((i) => assignment[i] === k).length);
    expect(counts).toEqual([180, 18, 5]);
    expect(shown).toEqual([...new Set(shown)].sort((a, b) => a - b));
    expect(chooseForMap(assignment, 1000, streamKey(1, 'shown'))).toHaveLength(1000);
  });

  it('can be broken off between two epochs', async () => {
    const stop = (epoch: number): void => {
      if (epoch === 3) throw new Error('stopped');
    };
    await expect(placePoints(groups(3, 10).points, { ...options, onEpoch: stop })).rejects.toThrow('stopped');
  });
});
