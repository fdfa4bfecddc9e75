/** Elementwise arithmetic of two operands, with broadcasting. */
import { at, broadcastShapes, expectSameDType } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value, VjpCall } from '../value.js';
import { cast, equal, less } from './compare.js';
import { operands, type Operand } from './operand.js';
import { sumTo } from './shape.js';

/** @param slopes gradients in a and b, before they are summed to the operands' shapes */
function binary(
  name: string,
  type: string,
  slopes: (gradient: Value, a: Value, b: Value, result: Value) => readonly [() => Value, () => Value],
): OpDefinition {
  return {
    name,
    infer(inputs) {
      expectSameDType(name, inputs, ['f32', 'i64', 'i32']);
      return [{ dtype: at(inputs, 0).dtype, shape: broadcastShapes(name, ...inputs.map(({ shape }) => shape)) }];
    },
    lower: (onnx, { inputs }) => [
      onnx.node(
        type,
        inputs.map((input) => onnx.name(input)),
      ),
    ],
    vjp({ inputs, outputs, gradient }: VjpCall) {
      const rules = slopes(gradient, at(inputs, 0), at(inputs, 1), at(outputs, 0));
      return inputs.map((input, index) =>
        input.origin.kind === 'constant' ? null : sumTo(at(rules, index)(), input.shape),
      );
    },
  };
}

export const addOp = binary('add', 'Add', (g) => [() => g, () => g]);
export const subOp = binary('sub', 'Sub', (g) => [() => g, () => neg(g)]);
export const mulOp = binary('mul', 'Mul', (g, a, b) => [() => mul(g, b), () => mul(g, a)]);
export const divOp = binary('div', 'Div', (g, _a, b, y) => [() => div(g, b), () => neg(div(mul(g, y), b))]);
/** At ties half of the gradient goes to each operand, as in PyTorch. */
export const minimumOp = binary('minimum', 'Min', (g, a, b) => [
  () => mul(g, shareBelow(a, b)),
  () => mul(g, shareBelow(b, a)),
]);
export const maximumOp = binary('maximum', 'Max', (g, a, b) => [
  () => mul(g, shareBelow(b, a)),
  () => mul(g, shareBelow(a, b)),
]);

/** 1 where a < b, a half where they are equal, else 0. */
function shareBelow(a: Value, b: Value): Value {
  return add(cast(less(a, b), 'f32'), mul(cast(equal(a, b), 'f32'), 0.5));
}

export const add = (a: Operand, b: Operand): Value => emitOne(addOp, operands(a, b));
export const sub = (a: Operand, b: Operand): Value => emitOne(subOp, operands(a, b));
export const mul = (a: Operand, b: Operand): Value => emitOne(mulOp, operands(a, b));
export const div = (a: Operand, b: Operand): Value => emitOne(divOp, operands(a, b));
export const minimum = (a: Operand, b: Operand): Value => emitOne(minimumOp, operands(a, b));
export const maximum = (a: Operand, b: Operand): Value => emitOne(maximumOp, operands(a, b));

export const negOp: OpDefinition = {
  name: 'neg',
  infer(inputs) {
    expectSameDType('neg', inputs, ['f32', 'i64', 'i32']);
    return [at(inputs, 0)];
  },
  lower: (onnx, { inputs }) => [onnx.node('Neg', [onnx.name(at(inputs, 0))])],
  vjp: ({ gradient }) => [neg(gradient)],
};

export const neg = (a: Value): Value => emitOne(negOp, [a]);
