/** A finished computation: what a trace holds that the named outputs need, in the order it was recorded. Immutable and
 *  verified. */
import { GadflyError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Graph, NamedValue, Trace, Value } from './value.js';
import { verify } from './verify.js';

export type { Graph, NamedValue } from './value.js';

/** The graph of the named outputs. Inputs and parameters that no output needs are left out.
 *  @throws GadflyError 'graph' when the graph breaks a rule of verify.ts */
export function finishGraph(trace: Trace, outputs: Readonly<Record<string, Value>>): Graph {
  const values = liveValues(Object.values(outputs));
  const sorted = [...values].sort((a, b) => a.id - b.id);
  const named = (kind: 'input' | 'parameter'): readonly NamedValue[] =>
    sorted.flatMap((value) => (value.origin.kind === kind ? [nameValue(value.origin.name, value)] : []));
  const nodes = new Map(
    sorted.flatMap(({ origin }) => (origin.kind === 'result' ? [[origin.node.id, origin.node]] : [])),
  );
  const graph: Graph = Object.freeze({
    inputs: Object.freeze(named('input')),
    parameters: Object.freeze(named('parameter')),
    constants: Object.freeze(sorted.filter(({ origin }) => origin.kind === 'constant')),
    nodes: Object.freeze([...nodes.values()].sort((a, b) => a.id - b.id)),
    outputs: Object.freeze(Object.entries(outputs).map(([name, value]) => nameValue(name, value))),
  });
  const faults = verify(graph, trace);
  if (faults.length > 0) throw new GadflyError('graph', 'The graph is not well formed', { got: faults.join('; ') });
  return graph;
}

function nameValue(name: string, value: Value): NamedValue {
  return Object.freeze({ name, dtype: value.dtype, shape: value.shape, value });
}

/** The outputs and everything they are computed from. */
function liveValues(outputs: readonly Value[]): ReadonlySet<Value> {
  const live = new Set<Value>();
  const queue = [...outputs];
  while (queue.length > 0) {
    const value = present(queue.pop(), 'the queue is not empty');
    if (live.has(value)) continue;
    live.add(value);
    if (value.origin.kind === 'result') queue.push(...value.origin.node.inputs);
  }
  return live;
}
