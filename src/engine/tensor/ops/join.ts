/** Joining and cutting along one axis: concat, slice, pad. Bounds may be symbolic. */
import { ShapeError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { addDims, canonicalDim, formatShape, multiplyDims, sameShape, subtractDims, type Dim } from '../dimension.js';
import { at, expectFloat, expectSameDType, normalAxis, sizeSources } from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { OpDefinition, Value } from '../value.js';

type ConcatAttributes = { readonly axis: number };

export const concatOp: OpDefinition<ConcatAttributes> = {
  name: 'concat',
  infer(inputs, { axis }) {
    expectSameDType('concat', inputs, ['f32', 'i64', 'i32', 'bool']);
    const { dtype, shape } = at(inputs, 0);
    for (const input of inputs) {
      if (input.shape.length !== shape.length || !sameShape(input.shape.toSpliced(axis, 1), shape.toSpliced(axis, 1))) {
        throw new ShapeError('shapes differ off the joined axis', {
          where: `concat along ${String(axis)}`,
          expected: formatShape(shape),
          got: formatShape(input.shape),
        });
      }
    }
    return [{ dtype, shape: shape.with(axis, addDims(...inputs.map((input) => at(input.shape, axis)))) }];
  },
  lower: (onnx, { inputs, attributes: { axis } }) => [
    onnx.node(
      'Concat',
      inputs.map((input) => onnx.name(input)),
      { attributes: { axis: { int: axis } } },
    ),
  ],
  vjp({ inputs, gradient, attributes: { axis } }) {
    let start: Dim = 0;
    return inputs.map((input) => {
      const end = addDims(start, at(input.shape, axis));
      const part = slice(gradient, axis, start, end);
      start = end;
      return part;
    });
  },
};

/** Joins tensors along an axis; the other sizes must be equal. Sizes add up: 'P' and 'T' give 'P+T'. */
export function concat(values: readonly [Value, ...Value[]], axis: number): Value {
  return values.length === 1
    ? values[0]
    : emitOne(concatOp, values, { axis: normalAxis('concat', axis, values[0].shape.length) });
}

type SliceAttributes = { readonly axis: number; readonly start: Dim; readonly end: Dim };

export const sliceOp: OpDefinition<SliceAttributes> = {
  name: 'slice',
  infer(inputs, { axis, start, end }) {
    const { dtype, shape } = at(inputs, 0);
    const size = at(shape, axis);
    const length = subtractDims(end, start);
    const isOutside =
      (typeof length === 'number' && length < 0) || (typeof end === 'number' && typeof size === 'number' && end > size);
    if (isOutside)
      throw new ShapeError('outside of the axis', {
        where: 'slice',
        expected: `0 ≤ start ≤ end ≤ ${String(size)}`,
        got: `${String(start)}, ${String(end)}`,
      });
    return [{ dtype, shape: shape.with(axis, length) }];
  },
  lower(onnx, { inputs, attributes: { axis, start, end } }) {
    const [, ...sources] = inputs;
    return [
      onnx.node('Slice', [
        onnx.name(at(inputs, 0)),
        onnx.sizes([start], sources),
        onnx.sizes([end], sources),
        onnx.constant('i64', [1], [axis]),
      ]),
    ];
  },
  vjp: ({ gradient, attributes: { axis, start } }) => [{ kind: 'stretch', axis, start, value: gradient }],
};

/** Elements start … end − 1 of an axis; `end` defaults to the size of the axis.
 *  Numbers below 0 count from the end when the size of the axis is a number; else write 'T-1'. */
export function slice(a: Value, axis: number, start: Dim, end?: Dim): Value {
  const normal = normalAxis('slice', axis, a.shape.length);
  const size = present(a.shape[normal], 'the axis is there');
  const bound = (dim: Dim): Dim => (typeof dim === 'number' && dim < 0 ? addDims(size, dim) : canonicalDim(dim));
  const [from, to] = [bound(start), bound(end ?? size)];
  if (from === 0 && to === size) return a;
  return emitOne(sliceOp, [a, ...sizeSources(a.trace, [from, to])], { axis: normal, start: from, end: to });
}

type PadAttributes = { readonly axis: number; readonly before: Dim; readonly after: Dim };

export const padOp: OpDefinition<PadAttributes> = {
  name: 'pad',
  infer(inputs, { axis, before, after }) {
    const { dtype, shape } = at(inputs, 0);
    expectFloat('pad', at(inputs, 0));
    return [{ dtype, shape: shape.with(axis, addDims(before, at(shape, axis), after)) }];
  },
  lower(onnx, { inputs, attributes: { axis, before, after } }) {
    const [, ...sources] = inputs;
    return [
      onnx.node('Pad', [
        onnx.name(at(inputs, 0)),
        onnx.sizes([before, after], sources),
        onnx.constant('f32', [], [0]),
        onnx.constant('i64', [1], [axis]),
      ]),
    ];
  },
  vjp({ inputs, gradient, attributes: { axis, before } }) {
    return [slice(gradient, axis, before, addDims(before, at(at(inputs, 0).shape, axis)))];
  },
};

/** Zeros before and after the elements of an axis. */
export function pad(a: Value, axis: number, before: Dim, after: Dim): Value {
  const normal = normalAxis('pad', axis, a.shape.length);
  const [left, right] = [canonicalDim(before), canonicalDim(after)];
  if (multiplyDims(left) === 0 && multiplyDims(right) === 0) return a;
  return emitOne(padOp, [a, ...sizeSources(a.trace, [left, right])], { axis: normal, before: left, after: right });
}
