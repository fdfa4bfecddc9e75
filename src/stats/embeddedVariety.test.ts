import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { clusterByCosine, vendiScore } from './embeddedVariety.js';
import { symmetricEigenvalues } from './symmetricEigenvalues.js';

const golden = join(import.meta.dirname, '../../tests/golden/diversity/vendi.json');
const cases = JSON.parse(readFileSync(golden, 'utf8')) as readonly {
  readonly vectors: readonly (readonly number[])[];
  readonly vendi: number;
}[];

describe('the Vendi score', () => {
  it.each(cases)('is what numpy’s eigenvalues give (case %#)', ({ vectors, vendi }) => {
    // The score is a sum over eigenvalues that both find to 1e-12 or so.
    expect(vendiScore(vectors)).toBeCloseTo(vendi, 9);
  });

  it('is 1 for one text said often, the number of texts that have nothing in common, and null for none', () => {
    const same = [3, 4];
    expect(vendiScore([same, same, same])).toBeCloseTo(1, 12);
    expect(vendiScore([[6, 8], same])).toBeCloseTo(1, 12);
    const apart = Array.from({ length: 5 }, (_, i) => Array.from({ length: 5 }, (__, c) => (c === i ? i + 1 : 0)));
    expect(vendiScore(apart)).toBeCloseTo(5, 12);
    expect(vendiScore([])).toBeNull();
  });

  it('reads a vector that comes again as the same object as if it were another of its values', () => {
    const [a, b] = [
      [1, 0.2, 0],
      [0, 1, 1],
    ];
    expect(vendiScore([a, b, a, a] as number[][])).toBeCloseTo(
      vendiScore([a, b, [...(a ?? [])], [...(a ?? [])]] as number[][]) ?? NaN,
      12,
    );
  });
});

describe('eigenvalues', () => {
  it('of a symmetric matrix have its trace and the sum of its squares, and are those of a known one', () => {
    const draw = openStream(streamKey(0, 'matrix'));
    const size = 30;
    const matrix = new Float64Array(size * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j <= i; j++) matrix[i * size + j] = matrix[j * size + i] = draw.normal();
    const values = symmetricEigenvalues(matrix, size);
    const trace = Array.from({ length: size }, (_, i) => matrix[i * size + i] ?? NaN).reduce(
      (sum, value) => sum + value,
    );
    const squares = matrix.reduce((sum, value) => sum + value * value, 0);
    expect(values.reduce((sum, value) => sum + value)).toBeCloseTo(trace, 9);
    expect(values.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(squares, 8);
    // 2 on the diagonal and −1 beside it: 2 − 2 cos(kπ / (n + 1)).
    const chain = new Float64Array(16);
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 4; j++) chain[4 * i + j] = i === j ? 2 : Math.abs(i - j) === 1 ? -1 : 0;
    const found = [...symmetricEigenvalues(chain, 4)].sort((a, b) => a - b);
    for (const [k, value] of found.entries()) expect(value).toBeCloseTo(2 - 2 * Math.cos(((k + 1) * Math.PI) / 5), 12);
    expect([...symmetricEigenvalues(Float64Array.of(0, 0, 0, 0), 2)]).toEqual([0, 0]);
  });
});

describe('clusters by cosine', () => {
  it('are opened in order; a text joins the first one that is near enough', () => {
    const at = (degrees: number): readonly number[] => [
      2 * Math.cos((degrees * Math.PI) / 180),
      2 * Math.sin((degrees * Math.PI) / 180),
    ];
    // A cosine of 0.7 is 45.6°: 40° joins 0°, 80° does not, though it is near 40°; 120° joins 80°.
    expect(clusterByCosine([at(0), at(40), at(80), at(120), at(10), at(200)])).toEqual([0, 0, 1, 1, 0, 2]);
    expect(clusterByCosine([])).toEqual([]);
  });
});
