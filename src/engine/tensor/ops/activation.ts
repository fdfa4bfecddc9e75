/** Smooth gates: GELU, exact and in its tanh form, and SiLU. */
import { at, expectFloat } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';
import { add, mul, sub } from './arithmetic.js';
import { erf, exp, sigmoid } from './unary.js';

export const geluOp: OpDefinition = {
  name: 'gelu',
  infer(inputs) {
    expectFloat('gelu', at(inputs, 0));
    return [at(inputs, 0)];
  },
  lower: (onnx, { inputs }) => [onnx.node('Gelu', [onnx.name(at(inputs, 0))])],
  vjp({ inputs, gradient }) {
    // y = xΦ(x), so y' = Φ(x) + xφ(x).
    const x = at(inputs, 0);
    const cumulative = add(mul(erf(mul(x, Math.SQRT1_2)), 0.5), 0.5);
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [mul(gradient, add(cumulative, mul(x, density)))];
  },
};

/** xΦ(x), Φ the distribution function of the standard normal: GELU with the error function. */
export const gelu = (x: Value): Value => emitOne(geluOp, [x]);

const cubic = 0.044715;
const twiceRoot = 2 * Math.sqrt(2 / Math.PI);

export const geluTanhOp: OpDefinition = {
  name: 'geluTanh',
  infer(inputs) {
    expectFloat('geluTanh', at(inputs, 0));
    return [at(inputs, 0)];
  },
  lower(onnx, { inputs }) {
    const x = onnx.name(at(inputs, 0));
    if (onnx.provider === 'cpu') return [onnx.node('FastGelu', [x], { domain: 'com.microsoft' })];
    return [onnx.node('Gelu', [x], { attributes: { approximate: { string: 'tanh' } } })];
  },
  vjp({ inputs, outputs, gradient }) {
    // With s = σ(2√(2/π)(x + 0.044715x³)) the function is y = x·s, so y' = s + y·(1 − s)·(inner function)'.
    const [x, y] = [at(inputs, 0), at(outputs, 0)];
    const cubicTerm = mul(mul(x, x), cubic * twiceRoot);
    const gate = sigmoid(mul(x, add(cubicTerm, twiceRoot)));
    const innerSlope = add(mul(cubicTerm, 3), twiceRoot);
    const slope = add(gate, mul(mul(y, sub(1, gate)), innerSlope));
    return [mul(gradient, slope)];
  },
};

/** ½x(1 + tanh(√(2/π)(x + 0.044715x³))), the GELU of GPT-2 ("gelu_new"). */
export const geluTanh = (x: Value): Value => emitOne(geluTanhOp, [x]);

export const siluOp: OpDefinition = {
  name: 'silu',
  infer(inputs) {
    expectFloat('silu', at(inputs, 0));
    return [at(inputs, 0)];
  },
  lower(onnx, { inputs }) {
    const x = onnx.name(at(inputs, 0));
    if (onnx.provider === 'cpu')
      return [onnx.node('QuickGelu', [x], { domain: 'com.microsoft', attributes: { alpha: { float: 1 } } })];
    return [onnx.node('Mul', [x, onnx.node('Sigmoid', [x])])];
  },
  vjp({ inputs, outputs, gradient }) {
    const gate = sigmoid(at(inputs, 0));
    return [mul(gradient, add(gate, mul(at(outputs, 0), sub(1, gate))))];
  },
};

/** x · sigmoid(x). */
export const silu = (x: Value): Value => emitOne(siluOp, [x]);
