import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../base/errors.js';
import { addDims, canonicalDim, evaluateDim, multiplyDims, subtractDims, symbolsOf, termsOf } from './dimension.js';

const sizes = { B: 3, T: 5, P: 7 };
const dims = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constantFrom('B', 'T', 'P', 'B*T', 'P+T', '2*T-1', 'B*T+3*P'));

describe('symbolic dimensions', () => {
  it('have one written form', () => {
    expect(canonicalDim('T*B')).toBe('B*T');
    expect(canonicalDim('T + P')).toBe('P+T');
    expect(canonicalDim('T*2 - 1')).toBe('2*T-1');
    expect(canonicalDim('T-T')).toBe(0);
    expect(canonicalDim('2*3')).toBe(6);
    expect(multiplyDims(4, 'B', 'T')).toBe('4*B*T');
    expect(addDims('P', 'T', 1)).toBe('P+T+1');
    expect(subtractDims('P+T', 'P')).toBe('T');
    expect(symbolsOf('P+2*B*T')).toEqual(['B', 'P', 'T']);
    expect(termsOf('2*T-1')).toEqual([
      { coefficient: 2, symbols: ['T'] },
      { coefficient: -1, symbols: [] },
    ]);
  });

  it('compute as their values do', () => {
    fc.assert(
      fc.property(dims, dims, dims, (a, b, c) => {
        const value = (dim: number | string): number => evaluateDim(dim, sizes);
        expect(value(addDims(a, b))).toBe(value(a) + value(b));
        expect(value(multiplyDims(a, b))).toBe(value(a) * value(b));
        expect(value(subtractDims(a, b))).toBe(value(a) - value(b));
        expect(multiplyDims(a, addDims(b, c))).toBe(addDims(multiplyDims(a, b), multiplyDims(a, c)));
        expect(canonicalDim(addDims(a, b))).toBe(addDims(b, a));
      }),
    );
  });

  it('that cannot be read are refused with the text', () => {
    expect(() => canonicalDim('B//T')).toThrow(ShapeError);
    expect(() => canonicalDim('')).toThrow(ShapeError);
    expect(() => canonicalDim(1.5)).toThrow(/integer ≥ 0/);
    expect(() => canonicalDim(-1)).toThrow(ShapeError);
  });
});
