/** Recording a computation. Builder functions (ops/) append nodes to a trace; equal nodes are recorded once, so a trace
 *  is free of common subexpressions. A trace is the only mutable state of the room, and it only grows. */
import { ShapeError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import { canonicalShape, formatShape, sameShape, type Shape } from './dimension.js';
import { packData, type DType, type TensorData } from './dtype.js';
import type { Attributes, Node, OpDefinition, Origin, TensorType, Trace, Value } from './value.js';

/** Constants up to this many elements are recorded once. */
const sharedConstantLength = 64;

export function createTrace(): Trace {
  let nextValue = 0;
  let nextNode = 0;
  const named = new Map<string, Value>();
  const sources = new Map<string, Value>();
  const constants = new Map<string, Value>();
  const nodes = new Map<string, Node>();

  const create = (dtype: DType, shape: Shape, origin: Origin): Value => {
    // The trace is not enumerable: printing a value must not print the whole computation.
    const value = Object.defineProperties({ id: nextValue, dtype, shape } as Value, {
      origin: { value: origin, enumerable: false },
      trace: { value: trace, enumerable: false },
    });
    nextValue += 1;
    return Object.freeze(value);
  };

  const declare = (name: string, dtype: DType, shape: Shape, kind: 'input' | 'parameter'): Value => {
    const canonical = canonicalShape(shape);
    const before = named.get(name);
    if (before !== undefined) {
      if (before.origin.kind === kind && before.dtype === dtype && sameShape(before.shape, canonical)) return before;
      throw new ShapeError('name declared twice', {
        where: name,
        expected: `${before.origin.kind} ${before.dtype} ${formatShape(before.shape)}`,
        got: `${kind} ${dtype} ${formatShape(canonical)}`,
      });
    }
    const value = create(dtype, canonical, Object.freeze({ kind, name }));
    named.set(name, value);
    for (const dim of canonical) {
      if (typeof dim === 'string' && /^\w+$/.test(dim) && !sources.has(dim)) sources.set(dim, value);
    }
    return value;
  };

  const trace: Trace = Object.freeze({
    input: (name: string, dtype: DType, shape: Shape) => declare(name, dtype, shape, 'input'),
    parameter: (name: string, shape: readonly number[]) => declare(name, 'f32', shape, 'parameter'),
    constant(dtype: DType, shape: readonly number[], data: readonly (number | bigint | boolean)[] | TensorData): Value {
      const canonical = canonicalShape(shape);
      const length = shape.reduce((product, size) => product * size, 1);
      if (data.length !== length) {
        throw new ShapeError('constant of another length', {
          where: formatShape(shape),
          expected: `${String(length)} elements`,
          got: String(data.length),
        });
      }
      const packed = packData(dtype, data);
      if (length > sharedConstantLength)
        return create(dtype, canonical, Object.freeze({ kind: 'constant', data: packed }));
      // -0 and 0 differ, hence the explicit sign.
      const key = `${dtype} ${formatShape(canonical)} ${Array.from<number | bigint, string>(packed, (each) => (Object.is(each, -0) ? '-0' : String(each))).join()}`;
      const before = constants.get(key);
      if (before !== undefined) return before;
      const value = create(dtype, canonical, Object.freeze({ kind: 'constant', data: packed }));
      constants.set(key, value);
      return value;
    },
    emit(op: OpDefinition, inputs: readonly Value[], attributes: Attributes): readonly Value[] {
      for (const input of inputs) invariant(input.trace === trace, `${op.name}: operands belong to one trace`);
      const key = `${op.name} ${JSON.stringify(attributes)} ${inputs.map(({ id }) => id).join()}`;
      const before = nodes.get(key);
      if (before !== undefined) return before.outputs;
      const types = op.infer(inputs, attributes);
      const outputs: Value[] = [];
      const node: Node = Object.freeze({
        id: nextNode,
        op,
        attributes: Object.freeze(attributes),
        inputs: Object.freeze([...inputs]),
        outputs,
      });
      nextNode += 1;
      types.forEach(({ dtype, shape }: TensorType, index) => {
        outputs.push(create(dtype, canonicalShape(shape), Object.freeze({ kind: 'result', node, index })));
      });
      Object.freeze(outputs);
      nodes.set(key, node);
      return outputs;
    },
    sizeSource(symbol: string): Value {
      const source = sources.get(symbol);
      if (source === undefined) {
        throw new ShapeError('unknown size', {
          where: symbol,
          expected: `one of ${[...sources.keys()].join(', ') || '(no symbolic size is known)'}`,
          remedy: 'Declare an input that has this size as a dimension of its own.',
        });
      }
      return source;
    },
  });
  return trace;
}

/** The single result of an op with one output. */
export function emitOne(op: OpDefinition, inputs: readonly [Value, ...Value[]], attributes: Attributes = {}): Value {
  return present(inputs[0].trace.emit(op, inputs, attributes)[0], `${op.name} has an output`);
}
