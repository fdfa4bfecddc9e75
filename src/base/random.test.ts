import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childKey, openStream, streamKey } from './random.js';

const draws = (count: number, next: () => number): number[] => Array.from({ length: count }, next);

describe('random streams', () => {
  it('the same seed, name and indices give the same draws', () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), fc.array(fc.nat(), { maxLength: 3 }), (seed, name, indices) => {
        const key = streamKey(seed, name, ...indices);
        expect(draws(4, openStream(key).uniform)).toEqual(draws(4, openStream(key).uniform));
      }),
    );
  });

  it('seed 0 is a seed of its own', () => {
    const first = (seed: number): number => openStream(streamKey(seed, 'sampling')).uniform();
    expect(new Set([first(0), first(1), first(-1)]).size).toBe(3);
  });

  it('neighbouring indices, names and seeds give unrelated draws', () => {
    const firsts = Array.from({ length: 2000 }, (_, index) => openStream(streamKey(0, 'row', index)).uniform());
    expect(new Set(firsts).size).toBe(2000);
    const mean = firsts.reduce((sum, value) => sum + value, 0) / firsts.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 2000)); // five standard errors
    const lagged =
      firsts.slice(1).reduce((sum, value, index) => sum + (value - 0.5) * ((firsts[index] ?? 0) - 0.5), 0) / 1999;
    expect(Math.abs(lagged)).toBeLessThan(5 / 12 / Math.sqrt(1999));
  });

  it('a child key is the key with further indices', () => {
    expect(childKey(streamKey(3, 'node', 1), 2, 5)).toEqual(streamKey(3, 'node', 1, 2, 5));
  });

  it('uniform draws fill [0, 1) evenly and normal draws have mean 0 and variance 1', () => {
    const stream = openStream(streamKey(0, 'moments'));
    const uniforms = draws(20_000, stream.uniform);
    const buckets = new Array<number>(10).fill(0);
    for (const value of uniforms) buckets[Math.floor(value * 10)]! += 1; // in range: value < 1
    for (const count of buckets) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(2000));
    const normals = draws(20_000, stream.normal);
    const mean = normals.reduce((sum, value) => sum + value, 0) / normals.length;
    const variance = normals.reduce((sum, value) => sum + value * value, 0) / normals.length;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(20_000));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / 20_000));
  });

  it('a shuffle keeps every item and reaches every order', () => {
    const stream = openStream(streamKey(0, 'shuffle'));
    const orders = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = stream.shuffle(['a', 'b', 'c']).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect([...orders.keys()].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));
  });
});
