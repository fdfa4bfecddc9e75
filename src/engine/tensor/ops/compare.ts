/** Comparisons, logic and casts. Their results are not differentiable. */
import { broadcastShapes, at, expectSameDType } from '../shapeRules.js';
import { dtypes, expectDType, type DType } from '../dtype.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';
import { operands, type Operand } from './operand.js';

const truthValue = { none: 'its result is a truth value' } as const;

function comparison(name: string, type: string): OpDefinition {
  return {
    name,
    infer(inputs) {
      expectSameDType(name, inputs, ['f32', 'i64', 'i32']);
      return [{ dtype: 'bool', shape: broadcastShapes(name, ...inputs.map(({ shape }) => shape)) }];
    },
    lower: (onnx, { inputs }) => [
      onnx.node(
        type,
        inputs.map((input) => onnx.name(input)),
      ),
    ],
    vjp: truthValue,
  };
}

export const equalOp = comparison('equal', 'Equal');
export const lessOp = comparison('less', 'Less');
export const lessOrEqualOp = comparison('lessOrEqual', 'LessOrEqual');
export const greaterOp = comparison('greater', 'Greater');

export const equal = (a: Operand, b: Operand): Value => emitOne(equalOp, operands(a, b));
export const less = (a: Operand, b: Operand): Value => emitOne(lessOp, operands(a, b));
export const lessOrEqual = (a: Operand, b: Operand): Value => emitOne(lessOrEqualOp, operands(a, b));
export const greater = (a: Operand, b: Operand): Value => emitOne(greaterOp, operands(a, b));

export const logicalAndOp: OpDefinition = {
  name: 'logicalAnd',
  infer(inputs) {
    expectSameDType('logicalAnd', inputs, ['bool']);
    return [{ dtype: 'bool', shape: broadcastShapes('logicalAnd', ...inputs.map(({ shape }) => shape)) }];
  },
  lower: (onnx, { inputs }) => [
    onnx.node(
      'And',
      inputs.map((input) => onnx.name(input)),
    ),
  ],
  vjp: truthValue,
};

export const logicalAnd = (a: Value, b: Value): Value => emitOne(logicalAndOp, [a, b]);

export const logicalNotOp: OpDefinition = {
  name: 'logicalNot',
  infer(inputs) {
    expectDType('logicalNot', at(inputs, 0).dtype, ['bool']);
    return [at(inputs, 0)];
  },
  lower: (onnx, { inputs }) => [onnx.node('Not', [onnx.name(at(inputs, 0))])],
  vjp: truthValue,
};

export const logicalNot = (a: Value): Value => emitOne(logicalNotOp, [a]);

type CastAttributes = { readonly to: DType };

export const castOp: OpDefinition<CastAttributes> = {
  name: 'cast',
  infer: (inputs, { to }) => [{ dtype: to, shape: at(inputs, 0).shape }],
  lower: (onnx, { inputs, attributes: { to } }) => [
    onnx.node('Cast', [onnx.name(at(inputs, 0))], { attributes: { to: { int: dtypes[to].onnx } } }),
  ],
  vjp: { none: 'a cast is to or from integers' },
};

/** The same numbers in another element type; booleans become 0 and 1. */
export function cast(a: Value, dtype: DType): Value {
  return a.dtype === dtype ? a : emitOne(castOp, [a], { to: dtype });
}
