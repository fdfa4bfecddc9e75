import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { closeness, medianDistance } from './closeness.js';

interface Case {
  readonly scale: number;
  readonly points: readonly (readonly number[])[];
  readonly closeness: readonly number[];
  readonly median: number | null;
}

/** Written by tests/golden/closeness.py. */
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../tests/golden/closeness/closeness.json'), 'utf8'),
) as readonly Case[];

describe.each(cases)('closeness at scale $scale', ({ scale, points, closeness: wanted, median }) => {
  const given = points.map((point) => Float32Array.from(point));

  it('is torch’s, without the distance of a point to itself', () => {
    closeness(given, scale).forEach((value, i) => expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 6));
  });

  it('has the median of the distances that are no zero', () => {
    const found = medianDistance(given);
    if (median === null) expect(found).toBeNull();
    else expect(found).toBeCloseTo(median, 4);
  });
});

it('is zero for a point alone, whatever its batch', () => {
  expect(closeness([Float32Array.of(1, 2)], 1)).toEqual([0]);
  expect(medianDistance([Float32Array.of(1, 2)])).toBeNull();
});
