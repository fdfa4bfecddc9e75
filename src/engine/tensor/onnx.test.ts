/** ONNX models: deterministic bytes, names, external weights, fused kernels, economy. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../../base/errors.js';
import { differentiate } from './differentiate.js';
import { finishGraph } from './graph.js';
import { lowerGraph, toOnnx, type ParameterLayout } from './onnx.js';
import {
  add,
  exp,
  gatherRows,
  layerNorm,
  matmul,
  mul,
  reduceSum,
  reshape,
  stopGradient,
  transpose,
} from './ops/all.js';
import { runGraph } from './testing/runGraph.js';
import { createTrace } from './trace.js';
import type { Graph } from './value.js';
import { gradientOutputs } from './testing/gradientOutputs.js';

function sample(): Graph {
  const trace = createTrace();
  const ids = trace.input('ids', 'i64', ['B', 'T']);
  const table = trace.parameter('table', [7, 4]);
  const [gain, bias, weight] = [
    trace.parameter('gain', [4]),
    trace.parameter('bias', [4]),
    trace.parameter('weight', [4, 4]),
  ];
  const x = layerNorm(gatherRows(table, ids), gain, bias, 1e-5);
  const y = matmul(x, weight, { transposeB: true, scale: 0.5 });
  const loss = reduceSum(exp(y), [0, 1, 2]);
  return finishGraph(trace, { loss, ...gradientOutputs(differentiate(loss, [table, gain, bias, weight])) });
}

const values = (length: number): number[] => Array.from({ length }, (_, i) => Math.fround(Math.sin(i)));
const feeds = {
  ids: { dtype: 'i64', dims: [2, 3], data: [1, 2, 3, 3, 0, 6] },
  table: { dtype: 'f32', dims: [7, 4], data: values(28) },
  gain: { dtype: 'f32', dims: [4], data: values(4) },
  bias: { dtype: 'f32', dims: [4], data: values(4) },
  weight: { dtype: 'f32', dims: [4, 4], data: values(16) },
} as const;

const typesOf = (graph: Graph, provider: 'cpu' | 'webgpu' = 'cpu'): string[] =>
  lowerGraph(graph, { provider }).nodes.map(({ type }) => type);

describe('an ONNX model', () => {
  it('has the same bytes whenever the same computation is traced', () => {
    expect(Buffer.from(toOnnx(sample())).equals(Buffer.from(toOnnx(sample())))).toBe(true);
  });

  it('keeps the names of inputs, parameters and outputs', () => {
    const model = lowerGraph(sample());
    expect(model.inputs.map(({ name }) => name)).toEqual(['ids', 'table', 'gain', 'bias', 'weight']);
    expect(model.outputs.map(({ name }) => name)).toEqual([
      'loss',
      'rows:table:0:ids',
      'rows:table:0:rows',
      'grad:gain',
      'grad:bias',
      'grad:weight',
    ]);
  });

  it('gives the same results with weights fed, external, and on every lowering', async () => {
    const graph = sample();
    const fed = await runGraph(graph, feeds);
    expect(await externalResults(graph)).toEqual(
      Object.fromEntries(Object.entries(fed).map(([name, { data }]) => [name, data])),
    );
    const byParts = await runGraph(graph, feeds, { provider: 'webgpu' });
    for (const [name, { data }] of Object.entries(fed)) {
      data.forEach((each, index) => {
        expect(byParts[name]?.data[index]).toBeCloseTo(each, 4);
      });
    }
  });

  it('refuses external weights that the layout lacks', () => {
    expect(() => toOnnx(sample(), { parametersAs: 'externalInitializers', layout: new Map() })).toThrow(ShapeError);
    expect(() => toOnnx(sample(), { parametersAs: 'externalInitializers' })).toThrow(/table/);
  });

  it('uses fused kernels on cpu only', () => {
    expect(typesOf(sample())).toContain('FusedMatMul');
    expect(typesOf(sample(), 'webgpu')).not.toContain('FusedMatMul');
  });

  it('copies where one value has two names, or an output is an input', async () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['N']);
    const y = mul(x, 2);
    const graph = finishGraph(trace, {
      y,
      again: y,
      stopped: stopGradient(y),
      same: x,
      constant: trace.constant('f32', [1], [3]),
    });
    const results = await runGraph(graph, { x: { dtype: 'f32', dims: [2], data: [1, 2] } });
    expect(Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]))).toEqual({
      y: [2, 4],
      again: [2, 4],
      stopped: [2, 4],
      same: [1, 2],
      constant: [3],
    });
  });

  it('reads symbolic sizes once, and needs none to flatten, split heads and join them', () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['B', 'T', 8]);
    const heads = transpose(reshape(x, ['B', 'T', 2, 4]), [0, 2, 1, 3]);
    const joined = reshape(transpose(exp(heads), [0, 2, 1, 3]), ['B*T', 8]);
    expect(typesOf(finishGraph(trace, { joined }))).toEqual(['Reshape', 'Transpose', 'Exp', 'Transpose', 'Reshape']);
    const split = [joined, add(joined, 1)].map((each) => exp(reshape(each, ['B', 'T', 8])));
    const types = typesOf(
      finishGraph(trace, Object.fromEntries(split.map((each, index) => [`y${String(index)}`, each]))),
    );
    expect(types.filter((type) => type === 'Shape').length).toBe(1);
  });
});

async function externalResults(graph: Graph): Promise<Record<string, number[]>> {
  const flat: number[] = [];
  const layout: ParameterLayout = new Map(
    graph.parameters.map(({ name }) => {
      const { data } = feeds[name as keyof typeof feeds];
      const offset = flat.length;
      flat.push(...data);
      return [name, { offset, length: data.length }];
    }),
  );
  const model = toOnnx(graph, { parametersAs: 'externalInitializers', layout });
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    externalData: [{ path: 'weights', data: new Uint8Array(Float32Array.from(flat).buffer) }],
  });
  const results = await session.run({
    ids: new ort.Tensor('int64', BigInt64Array.from(feeds.ids.data, BigInt), feeds.ids.dims),
  });
  await session.release();
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => [
      name,
      Array.from<number | bigint, number>(tensor.data as Float32Array, Number),
    ]),
  );
}
