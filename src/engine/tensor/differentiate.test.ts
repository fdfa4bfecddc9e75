/** Differentiation promises this beyond each op's own rule. */
import { describe, expect, it } from 'vitest';
import { GadflyError, ShapeError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { differentiate, type Gradient } from './differentiate.js';
import { finishGraph } from './graph.js';
import {
  add,
  cast,
  gatherRows,
  less,
  matmul,
  minimum,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  standardize,
  stopGradient,
  tanh,
  tokenLogProb,
} from './ops/all.js';
import { runGraph, type TestTensor } from './testing/runGraph.js';
import { createTrace } from './trace.js';
import type { Value } from './value.js';
import { gradientOutputs } from './testing/gradientOutputs.js';

const of = (gradients: ReadonlyMap<Value, Gradient>, value: Value): Gradient =>
  present(gradients.get(value), 'it was asked for');
const f32 = (...data: readonly number[]): TestTensor => ({ dtype: 'f32', dims: [data.length], data });

describe('differentiation', () => {
  it('adds the contributions of every use', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N']);
    const loss = reduceSum(add(mul(x, x), mul(x, 3)), [0]);
    const graph = finishGraph(trace, gradientOutputs(differentiate(loss, [x])));
    expect((await runGraph(graph, { x: f32(1, -2) }))['grad:x']?.data).toEqual([5, -1]);
  });

  it('treats a stopped value as a constant', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N']);
    const loss = reduceSum(mul(x, stopGradient(x)), [0]);
    const graph = finishGraph(trace, gradientOutputs(differentiate(loss, [x])));
    expect((await runGraph(graph, { x: f32(1, -2) }))['grad:x']?.data).toEqual([1, -2]);
  });

  it('gives half of the gradient to each of two equal operands of minimum', async () => {
    const trace = createTrace();
    const [a, b] = [trace.input('a', 'f32', ['N']), trace.input('b', 'f32', ['N'])];
    const graph = finishGraph(trace, gradientOutputs(differentiate(reduceSum(minimum(a, b), [0]), [a, b])));
    const { 'grad:a': inA, 'grad:b': inB } = await runGraph(graph, { a: f32(1, 2, 3), b: f32(2, 2, 2) });
    expect([inA?.data, inB?.data]).toEqual([
      [1, 0.5, 0],
      [0, 0.5, 1],
    ]);
  });

  it('of a mean over a symbolic axis divides by its size at run time', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N']);
    const graph = finishGraph(trace, gradientOutputs(differentiate(reduceMean(x, [0]), [x])));
    expect((await runGraph(graph, { x: f32(1, 2, 3, 4) }))['grad:x']?.data).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it('keeps the table of an embedding sparse, and a tied head dense plus sparse', () => {
    const trace = createTrace();
    const ids = trace.input('ids', 'i64', ['B', 'T']);
    const table = trace.parameter('table', [11, 4]);
    const hidden = reshape(gatherRows(table, ids), ['B*T', 4]);
    const embedded = of(differentiate(reduceSum(hidden, [0, 1]), [table]), table);
    expect(embedded.dense).toBeNull();
    expect(embedded.rows.map(({ ids: rowIds, rows }) => [rowIds.dtype, rowIds.shape, rows.shape])).toEqual([
      ['i64', ['B*T'], ['B*T', 4]],
    ]);

    const loss = reduceMean(tokenLogProb(hidden, table, reshape(ids, ['B*T'])), [0]);
    const tied = differentiate(loss, [table]);
    expect([of(tied, table).dense?.shape, of(tied, table).rows.length]).toEqual([[11, 4], 2]);
    expect(Object.keys(gradientOutputs(tied))).toEqual([
      'grad:table',
      'rows:table:0:ids',
      'rows:table:0:rows',
      'rows:table:1:ids',
      'rows:table:1:rows',
    ]);
  });

  it('never builds a one-hot or a dense copy of the sparse rows', () => {
    const trace = createTrace();
    const head = trace.parameter('head', [1000, 4]);
    const loss = reduceMean(tokenLogProb(trace.input('h', 'f32', ['N', 4]), head, trace.input('t', 'i64', ['N'])), [0]);
    const graph = finishGraph(trace, gradientOutputs(differentiate(loss, [head])));
    const wide = graph.nodes.flatMap(({ outputs }) => outputs).filter(({ shape }) => shape.includes(1000));
    // The probabilities [N, 1000] and the dense gradient [1000, 4], nothing else.
    expect(wide.map(({ shape }) => shape)).toEqual([
      ['N', 1000],
      [1000, 4],
    ]);
  });

  it('joins the gradients of slices that tile an axis, and pads those that do not', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N', 6]);
    const parts = [slice(x, 1, 4), slice(x, 1, 0, 1), slice(x, 1, 1, 4)].map((part, index) =>
      reduceSum(mul(part, index + 1), [0, 1]),
    );
    const nodesFor = (loss: Value): string[] =>
      finishGraph(trace, gradientOutputs(differentiate(loss, [x]))).nodes.map(({ op }) => op.name);
    const all = parts.reduce(add);
    expect(nodesFor(all)).toContain('concat');
    expect(nodesFor(all)).not.toContain('pad');
    expect(nodesFor(parts[0] as Value)).toContain('pad');
    const twice = finishGraph(
      trace,
      gradientOutputs(differentiate(add(all, reduceSum(slice(x, 1, 2, 5), [0, 1])), [x])),
    );
    const { 'grad:x': got } = await runGraph(twice, { x: { dtype: 'f32', dims: [1, 6], data: [0, 0, 0, 0, 0, 0] } });
    expect(got?.data).toEqual([2, 3, 4, 4, 2, 1]);
  });

  it('has nothing for values the loss does not depend on', () => {
    const trace = createTrace();
    const [x, other] = [trace.parameter('x', [2]), trace.parameter('other', [2])];
    const gradients = differentiate(reduceSum(tanh(x), [0]), [x, other]);
    expect(of(gradients, other)).toEqual({ dense: null, rows: [] });
    expect(Object.keys(gradientOutputs(gradients))).toEqual(['grad:x']);
  });

  it('stops at what is not asked for: no work below the highest wanted value', () => {
    const trace = createTrace();
    const [frozen, trained] = [trace.parameter('frozen', [4, 4]), trace.parameter('trained', [4, 4])];
    const x = trace.input('x', 'f32', ['N', 4]);
    const loss = reduceSum(matmul(tanh(matmul(x, frozen)), trained), [0, 1]);
    const graph = finishGraph(trace, gradientOutputs(differentiate(loss, [trained])));
    // Forward up to tanh, the gradient of the sum, one product.
    expect(graph.nodes.filter(({ op }) => op.name === 'matmul').length).toBe(2);
  });

  it('can be applied twice', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N']);
    const slope = of(differentiate(reduceSum(mul(mul(x, x), x), [0]), [x]), x).dense;
    const graph = finishGraph(trace, gradientOutputs(differentiate(reduceSum(slope as Value, [0]), [x])));
    expect((await runGraph(graph, { x: f32(1, -2) }))['grad:x']?.data).toEqual([6, -12]);
  });

  it('refuses a loss that is no scalar, and a path through an op without gradient', () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['B', 4]);
    expect(() => differentiate(x, [x])).toThrow(ShapeError);
    const { inverseScale } = standardize(x, 'rms', 1e-5);
    expect(() => differentiate(reduceSum(inverseScale, [0, 1]), [x])).toThrow(GadflyError);
    // Through comparisons nothing flows, silently: they are steps.
    expect(of(differentiate(reduceSum(cast(less(x, 0), 'f32'), [0, 1]), [x]), x).dense).toBeNull();
  });
});
