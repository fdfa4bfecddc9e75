/** Traces, shape checks, finished graphs and their verification. */
import { describe, expect, it } from 'vitest';
import { GadflyError, ShapeError } from '../../base/errors.js';
import { finishGraph } from './graph.js';
import {
  add,
  concat,
  exp,
  gatherLast,
  layerNorm,
  matmul,
  mul,
  reshape,
  slice,
  tokenLogProb,
  transpose,
  where,
} from './ops/all.js';
import { createTrace } from './trace.js';
import type { Graph, Node, Trace, Value } from './value.js';
import { verify } from './verify.js';

const sample = (): { trace: Trace; x: Value; graph: Graph } => {
  const trace = createTrace();
  const x = trace.input('x', 'f32', ['B', 4]);
  const y = add(matmul(x, trace.parameter('w', [4, 3])), 1);
  return { trace, x, graph: finishGraph(trace, { y, z: exp(y) }) };
};

describe('a trace', () => {
  it('records equal applications once, and merges reshapes and transposes', () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['B', 'T', 4]);
    expect(exp(x)).toBe(exp(x));
    expect(add(x, 1)).toBe(add(x, 1));
    expect(add(x, 0)).not.toBe(add(x, -0));
    expect(reshape(reshape(x, ['B*T', 4]), ['B', 'T', 4])).toBe(x);
    expect(transpose(transpose(x, [1, 2, 0]), [2, 0, 1])).toBe(x);
    expect(trace.input('x', 'f32', ['B', 'T', 4])).toBe(x);
  });

  it('refuses a name with two types, and values of another trace', () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['B']);
    expect(() => trace.input('x', 'i64', ['B'])).toThrow(ShapeError);
    expect(() => trace.parameter('x', [3])).toThrow(ShapeError);
    expect(() => add(x, createTrace().input('y', 'f32', ['B']))).toThrow(/one trace/);
  });

  it('does not print its whole computation with a value', () => {
    expect(JSON.parse(JSON.stringify(sample().x))).toEqual({ id: 0, dtype: 'f32', shape: ['B', 4] });
  });
});

describe('builders refuse with the op, what was expected and what was found', () => {
  const trace = createTrace();
  const x = trace.input('x', 'f32', ['B', 'T', 4]);
  const ids = trace.input('ids', 'i64', ['B', 'T']);
  const flags = trace.input('flags', 'bool', ['B', 'T']);
  it.each<[string, () => Value, RegExp]>([
    [
      'inner sizes of matmul',
      () => matmul(x, trace.parameter('w', [3, 4])),
      /matmul[^]*4 = 3[^]*\[B, T, 4\] × \[3, 4\]/,
    ],
    ['rank of matmul', () => matmul(x, trace.parameter('v', [4])), /rank 2 or more/],
    ['broadcasting', () => add(x, trace.input('s', 'f32', ['S', 4])), /do not broadcast[^]*\[B, T, 4\] and \[S, 4\]/],
    ['element types', () => add(x, ids), /expected: f32[^]*got: {6}i64/],
    ['element counts', () => reshape(x, ['B', 4]), /4\*B\*T elements/],
    ['unknown sizes', () => reshape(x, ['B', 'T', 4, 'Q', 'R']), /Q: unknown size/],
    ['off-axis sizes of concat', () => concat([x, trace.input('c', 'f32', ['B', 'T', 5])], 1), /off the joined axis/],
    ['bounds of slice', () => slice(x, 2, 1, 5), /0 ≤ start ≤ end ≤ 4/],
    ['axes', () => slice(x, 3, 0, 1), /no such axis/],
    ['permutations', () => transpose(x, [0, 1, 1]), /not a permutation/],
    [
      'gain of layerNorm',
      () => layerNorm(x, trace.parameter('g', [5]), trace.parameter('b', [4]), 1e-5),
      /gain[^]*\[4\][^]*\[5\]/,
    ],
    ['condition of where', () => where(ids, x, 0), /condition[^]*bool/],
    ['index of gatherLast', () => gatherLast(x, flags), /i64 or i32/],
    [
      'targets of tokenLogProb',
      () => tokenLogProb(reshape(x, ['B*T', 4]), trace.parameter('e', [9, 4]), ids),
      /targets[^]*\[B\*T\][^]*\[B, T\]/,
    ],
  ])('%s', (_, faulty, message) => {
    expect(faulty).toThrow(ShapeError);
    expect(faulty).toThrow(message);
  });

  it('sizes that no input has', () => {
    const other = createTrace();
    const flat = other.input('flat', 'f32', ['B*T', 4]);
    expect(() => reshape(flat, ['B', 'T', 4])).toThrow(/unknown size[^]*input that has this size/);
  });
});

describe('a finished graph', () => {
  it('leaves out what no output needs', () => {
    const trace = createTrace();
    const x = trace.input('x', 'f32', ['B', 4]);
    const unused = trace.input('unused', 'f32', ['B']);
    const kept = mul(x, 2);
    exp(unused);
    matmul(kept, trace.parameter('idle', [4, 4]));
    const graph = finishGraph(trace, { kept });
    expect(graph.inputs.map(({ name }) => name)).toEqual(['x']);
    expect(graph.parameters).toEqual([]);
    expect(graph.nodes.map(({ op }) => op.name)).toEqual(['mul']);
    expect(Object.isFrozen(graph) && Object.isFrozen(graph.nodes) && Object.isFrozen(graph.nodes[0]?.inputs)).toBe(
      true,
    );
  });

  it('keeps an input from which only a size is read', () => {
    const trace = createTrace();
    const flat = trace.input('flat', 'f32', ['B*T', 4]);
    trace.input('ids', 'i64', ['B', 'T']);
    const graph = finishGraph(trace, { y: reshape(flat, ['B', 'T', 4]) });
    expect(graph.inputs.map(({ name }) => name)).toEqual(['flat', 'ids']);
  });

  it('without fault passes verification; outputs of another trace or with the name of an input do not', () => {
    const { trace, graph, x } = sample();
    expect(verify(graph, trace)).toEqual([]);
    expect(() => finishGraph(trace, { x: exp(x) })).toThrow(GadflyError);
    expect(() => finishGraph(createTrace(), { y: x })).toThrow(/another trace/);
    expect(() => finishGraph(trace, {})).toThrow(/no output/);
  });

  it.each<[string, (graph: Graph) => Graph, RegExp]>([
    [
      'a use before its definition',
      (graph) => ({ ...graph, nodes: [...graph.nodes].reverse() }),
      /before it is computed/,
    ],
    ['a node dropped', (graph) => ({ ...graph, nodes: graph.nodes.slice(1) }), /before it is computed/],
    ['a node twice', (graph) => ({ ...graph, nodes: [...graph.nodes, ...graph.nodes.slice(-1)] }), /assigned twice/],
    ['a missing input', (graph) => ({ ...graph, inputs: [] }), /before it is computed/],
    [
      'a name used twice',
      (graph) => ({ ...graph, outputs: graph.outputs.map((output) => ({ ...output, name: 'same' })) }),
      /'same' is used twice/,
    ],
    [
      'an output of another type',
      (graph) => ({ ...graph, outputs: graph.outputs.map((output) => ({ ...output, shape: [7] })) }),
      /another type than its value/,
    ],
    [
      'an input as parameter',
      (graph) => ({ ...graph, inputs: [], parameters: [...graph.inputs, ...graph.parameters] }),
      /not an f32 parameter of fixed shape/,
    ],
    ['a constant dropped', (graph) => ({ ...graph, constants: [] }), /before it is computed/],
    [
      'a result with a wrong shape',
      (graph) => ({ ...graph, nodes: graph.nodes.map((node, i) => (i === 0 ? withWrongShape(node) : node)) }),
      /its rule gives f32 \[B, 3\]/,
    ],
    [
      'operands that the op refuses',
      (graph) => ({
        ...graph,
        nodes: graph.nodes.map((node, i) => (i === 0 ? { ...node, inputs: [...node.inputs].reverse() } : node)),
      }),
      /inner sizes differ/,
    ],
  ])('with %s is refused', (_, plant, message) => {
    const { trace, graph } = sample();
    expect(verify(plant(graph), trace).join('\n')).toMatch(message);
  });
});

function withWrongShape(node: Node): Node {
  const [output] = node.outputs;
  return {
    ...node,
    outputs: [
      {
        ...(output as Value),
        shape: ['B', 5],
        origin: { kind: 'result', node, index: 0 },
        trace: (output as Value).trace,
      },
    ],
  };
}
