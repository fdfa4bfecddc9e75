/** The contract of the op table, over every entry: the value equals plain TypeScript, the gradient equals finite
 *  differences. */
import { describe, expect, it } from 'vitest';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import { differentiate } from './differentiate.js';
import { finishGraph } from './graph.js';
import { mul, ops, reduceSum } from './ops/all.js';
import { opCases, type OpName } from './testing/cases/all.js';
import { gradientOutputs } from './testing/gradientOutputs.js';
import type { OpCase } from './testing/opCase.js';
import { element, type Plain } from './testing/plain.js';
import { runGraph, type TestTensor } from './testing/runGraph.js';
import { createTrace } from './trace.js';
import type { Provider, Trace, Value } from './value.js';

const names = Object.keys(ops) as OpName[];
const casesOf = (name: OpName): readonly OpCase[] => opCases[name];
const list = <T>(one: T | readonly T[]): readonly T[] => (Array.isArray(one) ? (one as readonly T[]) : [one as T]);

/** f32 has 24 bits: sums of tens of terms of size 1 agree to 1e-5; a gradient passes a few such sums. */
const valueTolerance = 1e-5;
const gradientTolerance = 5e-5;
/** Central differences in 64 bits: truncation error ~ step², rounding ~ 1e-16 / step. */
const step = 1e-5;

function declare(trace: Trace, { operands }: OpCase): readonly Value[] {
  return operands.map(({ shape, dims, dtype, isParameter }, index) => {
    const name = `x${String(index)}`;
    return isParameter === true ? trace.parameter(name, dims) : trace.input(name, dtype, shape);
  });
}

const feedsOf = ({ operands }: OpCase): Record<string, TestTensor> =>
  Object.fromEntries(operands.map((operand, index) => [`x${String(index)}`, operand]));

function largestDifference(got: readonly number[], expected: readonly number[]): number {
  const scale = Math.max(1, ...expected.map(Math.abs));
  return Math.max(0, ...expected.map((each, index) => Math.abs(each - element(got, index)) / scale));
}

const differentiableOf = ({ differentiable, operands }: OpCase): readonly number[] =>
  differentiable ?? operands.flatMap(({ dtype }, index) => (dtype === 'f32' ? [index] : []));

/** Fixed random weights make a scalar of the first result, so that every element of the gradient counts. */
function lossWeights(length: number): number[] {
  const stream = openStream(streamKey(3, 'loss weights', length));
  return Array.from({ length }, () => Math.fround(stream.normal()));
}

async function graphGradients(opCase: OpCase, provider: Provider): Promise<readonly number[][]> {
  const trace = createTrace();
  const operands = declare(trace, opCase);
  const [result] = list(opCase.build(operands, trace));
  const first = present(list(opCase.expected(opCase.operands))[0], 'a case has a result');
  const weights = trace.input('weights', 'f32', present(result, 'a case has a result').shape);
  const weighted = mul(result as Value, weights);
  const loss = reduceSum(
    weighted,
    weighted.shape.map((_, axis) => axis),
  );
  const wanted = differentiableOf(opCase).map((index) => operands[index] as Value);
  const graph = finishGraph(trace, { loss, ...gradientOutputs(differentiate(loss, wanted)) });
  const feeds = {
    ...feedsOf(opCase),
    weights: { dtype: 'f32', dims: first.dims, data: lossWeights(first.data.length) },
  } as const;
  const results = await runGraph(graph, feeds, { provider });
  return differentiableOf(opCase).map((index) =>
    denseGradient(results, index, present(opCase.operands[index], 'operand')),
  );
}

/** Dense part plus rows added at their ids. */
function denseGradient(results: Record<string, TestTensor>, index: number, { dims, data }: TestTensor): number[] {
  const dense = [...(results[`grad:x${String(index)}`]?.data ?? new Array<number>(data.length).fill(0))];
  const width = dims[1] ?? 1;
  for (let part = 0; results[`rows:x${String(index)}:${String(part)}:ids`] !== undefined; part++) {
    const rows = present(results[`rows:x${String(index)}:${String(part)}:rows`], 'ids come with rows');
    results[`rows:x${String(index)}:${String(part)}:ids`]?.data.forEach((id, row) => {
      for (let column = 0; column < width; column++) {
        const at = id * width + column;
        dense[at] = element(dense, at) + element(rows.data, row * width + column);
      }
    });
  }
  return dense;
}

function differences(opCase: OpCase): readonly number[][] {
  const first = (operands: readonly Plain[]): readonly number[] =>
    present(list(opCase.expected(operands))[0], 'a case has a result').data;
  const weights = lossWeights(first(opCase.operands).length);
  const loss = (operands: readonly Plain[]): number =>
    first(operands).reduce((sum, each, index) => sum + each * element(weights, index), 0);
  return differentiableOf(opCase).map((which) => {
    const { data } = present(opCase.operands[which], 'operand');
    return data.map((value, position) => {
      const moved = (amount: number): number => {
        const changed = { ...present(opCase.operands[which], 'operand'), data: data.with(position, value + amount) };
        return loss(opCase.operands.with(which, changed));
      };
      return (moved(step) - moved(-step)) / (2 * step);
    });
  });
}

describe('every op of the table', () => {
  it.each(names)('%s stands under its own name and has sample cases', (name) => {
    expect(ops[name].name).toBe(name);
    expect(casesOf(name).length).toBeGreaterThan(0);
  });

  const all = names.flatMap((name) => casesOf(name).map((opCase) => ({ name, opCase, title: opCase.title })));
  const providers = ['cpu', 'webgpu'] as const;

  describe.each(providers)('lowered for %s', (provider) => {
    it.each(all)('$name $title: the value equals plain TypeScript', async ({ opCase }) => {
      const trace = createTrace();
      const results = list(opCase.build(declare(trace, opCase), trace));
      const graph = finishGraph(trace, Object.fromEntries(results.map((value, index) => [`y${String(index)}`, value])));
      const got = await runGraph(graph, feedsOf(opCase), { provider });
      list(opCase.expected(opCase.operands)).forEach(({ dims, data }, index) => {
        const result = present(got[`y${String(index)}`], 'every result is returned');
        expect(result.dims).toEqual(dims);
        expect(largestDifference(result.data, data)).toBeLessThan(valueTolerance);
      });
    });

    it.each(all.filter(({ opCase }) => differentiableOf(opCase).length > 0))(
      '$name $title: the gradient equals finite differences',
      async ({ opCase }) => {
        const got = await graphGradients(opCase, provider);
        differences(opCase).forEach((expected, index) => {
          expect(largestDifference(present(got[index], 'a gradient for each'), expected)).toBeLessThan(
            gradientTolerance,
          );
        });
      },
    );
  });

  it('an op without a gradient says why, or has differentiable cases', () => {
    const unproven = names.filter(
      (name) =>
        typeof ops[name].vjp === 'function' &&
        name !== 'stopGradient' &&
        casesOf(name).every((opCase) => differentiableOf(opCase).length === 0),
    );
    expect(unproven).toEqual([]);
  });
});
