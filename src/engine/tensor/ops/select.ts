/** Ops that choose between values, and one that lets no gradient through. */
import { ShapeError } from '../../../base/errors.js';
import { at, broadcastShapes, expectFloat, expectSameDType } from '../shapeRules.js';
import { expectDType } from '../dtype.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';
import { mul } from './arithmetic.js';
import { cast, lessOrEqual, logicalAnd } from './compare.js';
import { operands, scalarLike, type Operand } from './operand.js';
import { sumTo } from './shape.js';

export const whereOp: OpDefinition = {
  name: 'where',
  infer(inputs) {
    const [condition, ...choices] = inputs;
    expectDType('where: condition', at(inputs, 0).dtype, ['bool']);
    expectSameDType('where', choices, ['f32', 'i64', 'i32', 'bool']);
    return [
      {
        dtype: at(choices, 0).dtype,
        shape: broadcastShapes('where', ...[condition, ...choices].flatMap((each) => (each ? [each.shape] : []))),
      },
    ];
  },
  lower: (onnx, { inputs }) => [
    onnx.node(
      'Where',
      inputs.map((input) => onnx.name(input)),
    ),
  ],
  vjp({ inputs, gradient }) {
    const [condition, a, b] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    return [
      null,
      a.origin.kind === 'constant' ? null : sumTo(where(condition, gradient, 0), a.shape),
      b.origin.kind === 'constant' ? null : sumTo(where(condition, 0, gradient), b.shape),
    ];
  },
};

/** Returns `a` where the condition holds, else `b`; all three broadcast. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  return emitOne(whereOp, [condition, ...operands(a, b)]);
}

type ClipAttributes = { readonly low: number; readonly high: number };

export const clipOp: OpDefinition<ClipAttributes> = {
  name: 'clip',
  infer(inputs, { low, high }) {
    expectFloat('clip', at(inputs, 0));
    if (!(low <= high) || !Number.isFinite(high - low)) {
      throw new ShapeError('no interval', {
        where: 'clip',
        expected: 'finite low ≤ high',
        got: `${String(low)}, ${String(high)}`,
      });
    }
    return [at(inputs, 0)];
  },
  lower: (onnx, { inputs, attributes: { low, high } }) => [
    onnx.node('Clip', [onnx.name(at(inputs, 0)), onnx.constant('f32', [], [low]), onnx.constant('f32', [], [high])]),
  ],
  vjp({ inputs, gradient, attributes: { low, high } }) {
    const x = at(inputs, 0);
    const isInside = logicalAnd(lessOrEqual(scalarLike(x, low), x), lessOrEqual(x, scalarLike(x, high)));
    return [mul(gradient, cast(isInside, 'f32'))];
  },
};

/** Returns min(max(a, low), high), with gradient 1 inside the interval, its ends included, else 0. */
export function clip(a: Value, low: number, high: number): Value {
  return emitOne(clipOp, [a], { low, high });
}

export const stopGradientOp: OpDefinition = {
  name: 'stopGradient',
  infer: (inputs) => [at(inputs, 0)],
  lower: (onnx, { inputs }) => [onnx.name(at(inputs, 0))],
  vjp: () => [null],
};

/** Returns the same value, which differentiation takes for a constant. */
export const stopGradient = (a: Value): Value => emitOne(stopGradientOp, [a]);
