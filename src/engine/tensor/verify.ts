/** The rules a graph must keep before it is lowered; the last guard against a defect in a shape rule, a vjp or a graph
 *  transformation. */
import { formatShape, sameShape } from './dimension.js';
import type { Graph, Node, Trace, Value } from './value.js';

/** Every broken rule, in words; empty for a sound graph. Single assignment · operands before users · types and shapes
 *  as the op's rule infers them · unique names · one trace. */
export function verify(graph: Graph, trace: Trace): readonly string[] {
  const defined = new Map<number, Value>();
  return [
    ...nameFaults(graph),
    ...[...graph.inputs, ...graph.parameters].flatMap(({ name, value }) => defineOnce(value, `'${name}'`, defined)),
    ...graph.inputs.flatMap(({ name, value }) =>
      value.origin.kind === 'input' ? [] : [`input '${name}' is a ${value.origin.kind}`],
    ),
    ...graph.parameters.flatMap(({ name, value }) => parameterFaults(name, value)),
    ...graph.constants.flatMap((value) => [...defineOnce(value, 'a constant', defined), ...constantFaults(value)]),
    ...graph.nodes.flatMap((node) => nodeFaults(node, defined, trace)),
    ...graph.outputs.flatMap(({ name, value, dtype, shape }) => [
      ...(defined.get(value.id) === value ? [] : [`output '${name}' is never computed`]),
      ...(dtype === value.dtype && sameShape(shape, value.shape)
        ? []
        : [`output '${name}' has another type than its value`]),
    ]),
    ...[...defined.values()].flatMap((value) =>
      value.trace === trace ? [] : [`value ${String(value.id)} belongs to another trace`],
    ),
  ];
}

function nameFaults({ inputs, parameters, outputs }: Graph): readonly string[] {
  const names = [...inputs, ...parameters, ...outputs].map(({ name }) => name);
  const repeated = names.filter((name, index) => names.indexOf(name) !== index);
  return [
    ...repeated.map((name) => `the name '${name}' is used twice`),
    ...names.flatMap((name) => (name === '' ? ['a name is empty'] : [])),
    ...(outputs.length === 0 ? ['there is no output'] : []),
  ];
}

function parameterFaults(name: string, { origin, dtype, shape }: Value): readonly string[] {
  const isSound = origin.kind === 'parameter' && dtype === 'f32' && shape.every((dim) => typeof dim === 'number');
  return isSound
    ? []
    : [`parameter '${name}' is ${origin.kind} ${dtype} ${formatShape(shape)}, not an f32 parameter of fixed shape`];
}

function constantFaults({ id, origin, shape }: Value): readonly string[] {
  const length = shape.reduce<number>((product, dim) => product * Number(dim), 1);
  return origin.kind === 'constant' && origin.data.length === length
    ? []
    : [`constant ${String(id)} does not fill ${formatShape(shape)}`];
}

function nodeFaults(node: Node, defined: Map<number, Value>, trace: Trace): readonly string[] {
  const where = `node ${String(node.id)} (${node.op.name})`;
  return [
    ...node.inputs.flatMap((input) =>
      defined.get(input.id) === input ? [] : [`${where} reads value ${String(input.id)} before it is computed`],
    ),
    ...node.outputs.flatMap((output, index) => {
      const isResult = output.origin.kind === 'result' && output.origin.index === index;
      return [
        ...defineOnce(output, where, defined),
        ...(isResult ? [] : [`${where}: output ${String(index)} has another origin`]),
      ];
    }),
    ...typeFaults(node, where),
    ...(node.inputs.every((input) => input.trace === trace) ? [] : [`${where} reads a value of another trace`]),
  ];
}

function typeFaults({ op, inputs, outputs, attributes }: Node, where: string): readonly string[] {
  try {
    const types = op.infer(inputs, attributes);
    if (types.length !== outputs.length)
      return [`${where} has ${String(outputs.length)} outputs, its rule gives ${String(types.length)}`];
    return outputs.flatMap(({ dtype, shape }, index) => {
      const type = types[index];
      const isSame = type !== undefined && type.dtype === dtype && sameShape(type.shape, shape);
      return isSame
        ? []
        : [
            `${where}: output ${String(index)} is ${dtype} ${formatShape(shape)}, its rule gives ${type?.dtype ?? '?'} ${formatShape(type?.shape ?? [])}`,
          ];
    });
  } catch (error) {
    // A rule that refuses its operands is a fault of the graph like the others, reported with them.
    return [`${where}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

function defineOnce(value: Value, where: string, defined: Map<number, Value>): readonly string[] {
  if (defined.has(value.id)) return [`value ${String(value.id)} is assigned twice (${where})`];
  defined.set(value.id, value);
  return [];
}
