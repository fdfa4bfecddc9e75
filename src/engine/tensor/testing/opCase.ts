/** A sample use of an op: operands, how the graph is built, and the same in plain TypeScript. */
import { openStream, streamKey } from '../../../base/random.js';
import type { Shape } from '../dimension.js';
import type { Trace, Value } from '../value.js';
import { build, type Plain } from './plain.js';
import type { TestTensor } from './runGraph.js';

export interface OpCase {
  readonly title: string;
  readonly operands: readonly CaseOperand[];
  /** Applies the op. The first result is the one that is differentiated. */
  readonly build: (operands: readonly Value[], trace: Trace) => Value | readonly Value[];
  readonly expected: (operands: readonly Plain[]) => Plain | readonly Plain[];
  /** Indices of operands whose gradient is compared with differences of `expected`; default all f32 operands. Empty
   *  where there is none. */
  readonly differentiable?: readonly number[];
}

export interface CaseOperand extends TestTensor {
  /** The declared shape: symbols where the case is to be symbolic. */
  readonly shape: Shape;
  /** Declared as a parameter instead of an input. */
  readonly isParameter?: boolean;
}

/** Standard normal numbers, rounded to f32 so that both sides compute from the same ones. */
export function real(
  shape: Shape,
  dims: readonly number[] = shape.map(Number),
  { scale = 1, shift = 0, isParameter = false } = {},
): CaseOperand {
  const stream = openStream(
    streamKey(
      7,
      'op case',
      shape.length,
      ...dims,
      Math.round(scale * 100),
      Math.round(shift * 100),
      Number(isParameter),
    ),
  );
  return {
    shape,
    dims,
    dtype: 'f32',
    data: build(dims, () => Math.fround(shift + scale * stream.normal())).data,
    isParameter,
  };
}

/** Numbers in [low, high]. */
export function between(
  low: number,
  high: number,
  shape: Shape,
  dims: readonly number[] = shape.map(Number),
): CaseOperand {
  const stream = openStream(streamKey(11, 'op case', Math.round(low * 10), Math.round(high * 10), ...dims));
  return {
    shape,
    dims,
    dtype: 'f32',
    data: build(dims, () => Math.fround(low + (high - low) * stream.uniform())).data,
  };
}

export function exact(
  dtype: TestTensor['dtype'],
  shape: Shape,
  dims: readonly number[],
  data: readonly number[],
): CaseOperand {
  return { shape, dims, dtype, data };
}

export const parameter = (
  dims: readonly number[],
  options: { readonly scale?: number; readonly shift?: number } = {},
): CaseOperand => real(dims, dims, { ...options, isParameter: true });
