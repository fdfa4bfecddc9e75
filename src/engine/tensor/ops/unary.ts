/** Elementwise functions of one real operand. */
import { at, expectFloat } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';
import { div, mul, neg, sub } from './arithmetic.js';

function unary(name: string, type: string, slope: (gradient: Value, x: Value, y: Value) => Value | null): OpDefinition {
  return {
    name,
    infer(inputs) {
      expectFloat(name, at(inputs, 0));
      return [at(inputs, 0)];
    },
    lower: (onnx, { inputs }) => [onnx.node(type, [onnx.name(at(inputs, 0))])],
    vjp: ({ inputs, outputs, gradient }) => [slope(gradient, at(inputs, 0), at(outputs, 0))],
  };
}

export const expOp = unary('exp', 'Exp', (g, _x, y) => mul(g, y));
export const logOp = unary('log', 'Log', (g, x) => div(g, x));
export const sqrtOp = unary('sqrt', 'Sqrt', (g, _x, y) => div(g, mul(y, 2)));
export const tanhOp = unary('tanh', 'Tanh', (g, _x, y) => mul(g, sub(1, mul(y, y))));
export const sigmoidOp = unary('sigmoid', 'Sigmoid', (g, _x, y) => mul(g, mul(y, sub(1, y))));
export const erfOp = unary('erf', 'Erf', (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));
export const absOp = unary('abs', 'Abs', (g, x) => mul(g, sign(x)));
/** −1, 0 or 1; its gradient is 0 wherever it has one. */
export const signOp = unary('sign', 'Sign', () => null);

/** Its result is 0 or positive, so the sign is 0 or 1: no gradient at 0, as in PyTorch. */
export const reluOp = unary('relu', 'Relu', (g, _x, y) => mul(g, sign(y)));

export const exp = (a: Value): Value => emitOne(expOp, [a]);
export const log = (a: Value): Value => emitOne(logOp, [a]);
export const sqrt = (a: Value): Value => emitOne(sqrtOp, [a]);
export const tanh = (a: Value): Value => emitOne(tanhOp, [a]);
export const sigmoid = (a: Value): Value => emitOne(sigmoidOp, [a]);
export const erf = (a: Value): Value => emitOne(erfOp, [a]);
export const abs = (a: Value): Value => emitOne(absOp, [a]);
export const sign = (a: Value): Value => emitOne(signOp, [a]);
export const relu = (a: Value): Value => emitOne(reluOp, [a]);
