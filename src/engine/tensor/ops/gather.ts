/** Rows and elements by index, and their gradients. Index tensors are i64 or i32. Sums over repeated indices run in a
 *  fixed order. */
import { multiplyDims, type Dim } from '../dimension.js';
import {
  at,
  expectDim,
  expectFloat,
  expectIndex,
  expectRank,
  expectShape,
  lastDim,
  sizeSources,
} from '../shapeRules.js';
import { emitOne } from '../trace.js';
import type { Lowering, OpDefinition, TensorType, Value } from '../value.js';
import { cast } from './compare.js';
import { reshape } from './shape.js';

function gather(name: string, vjp: OpDefinition['vjp'], ranks: readonly number[]): OpDefinition {
  return {
    name,
    infer(inputs) {
      const [table, ids] = [at(inputs, 0), at(inputs, 1)];
      expectRank(name, table, ranks);
      expectIndex(name, ids);
      return [{ dtype: table.dtype, shape: [...ids.shape, ...table.shape.slice(1)] }];
    },
    lower: (onnx, { inputs }) => [
      onnx.node('Gather', [onnx.name(at(inputs, 0)), onnx.name(at(inputs, 1))], { attributes: { axis: { int: 0 } } }),
    ],
    vjp,
  };
}

export const gatherRowsOp = gather(
  'gatherRows',
  ({ inputs, gradient }) => {
    const [table, ids] = [at(inputs, 0), at(inputs, 1)];
    const count = multiplyDims(...ids.shape);
    const rows = reshape(gradient, [count, at(table.shape, 1)]);
    return [{ kind: 'rows', ids: cast(reshape(ids, [count]), 'i64'), rows }];
  },
  [2],
);

/** Rows of an embedding table: [V, C], ids […] → […, C]. The gradient of the table stays sparse: (ids, rows). */
export const gatherRows = (table_VC: Value, ids: Value): Value => emitOne(gatherRowsOp, [table_VC, ids]);

export const takeRowsOp = gather(
  'takeRows',
  ({ inputs, gradient }) => {
    const [x, rows] = [at(inputs, 0), at(inputs, 1)];
    const count = multiplyDims(...rows.shape);
    const flat = reshape(gradient, [count, ...x.shape.slice(1)]);
    return [scatterAddRows(flat, reshape(rows, [count]), at(x.shape, 0))];
  },
  [1, 2],
);

/** Rows of a tensor: [N, C] (or [N]), rows […] → […, C] (or […]). The gradient is dense. */
export const takeRows = (x_NC: Value, rows: Value): Value => emitOne(takeRowsOp, [x_NC, rows]);

type ScatterAttributes = { readonly count: Dim };

export const scatterAddRowsOp: OpDefinition<ScatterAttributes> = {
  name: 'scatterAddRows',
  infer(inputs, { count }) {
    const [rows, ids] = [at(inputs, 0), at(inputs, 1)];
    expectFloat('scatterAddRows', rows);
    expectRank('scatterAddRows', rows, [1, 2]);
    expectIndex('scatterAddRows', ids);
    expectShape('scatterAddRows: ids', ids, rows.shape.slice(0, 1));
    return [{ dtype: 'f32', shape: [count, ...rows.shape.slice(1)] }];
  },
  lower(onnx, { inputs, attributes: { count } }) {
    const [rows, ids, ...sources] = inputs as readonly [Value, Value, ...Value[]];
    const width = rows.shape.slice(1);
    const zeros = onnx.node('ConstantOfShape', [onnx.sizes([count, ...width], sources)]);
    // ScatterND adds in parallel and loses updates of repeated rows; ScatterElements keeps the order of the rows.
    const index = width.length === 0 ? onnx.name(ids) : repeatColumns(onnx, ids, rows);
    return [
      onnx.node('ScatterElements', [zeros, index, onnx.name(rows)], {
        attributes: { axis: { int: 0 }, reduction: { string: 'add' } },
      }),
    ];
  },
  vjp: ({ inputs, gradient }) => [takeRows(gradient, at(inputs, 1))],
};

/** Sums rows into `count` bins: result[ids[n]] += rows[n], from zero. rows [N, C] or [N], ids [N] → [count, C] or
 *  [count]. */
export function scatterAddRows(rows_NC: Value, ids_N: Value, count: Dim): Value {
  return emitOne(
    scatterAddRowsOp,
    [rows_NC, ids_N, ...sizeSources(rows_NC.trace, [count, ...rows_NC.shape.slice(1)])],
    { count },
  );
}

function repeatColumns(onnx: Lowering, ids: Value, rows: Value): string {
  const column = onnx.node('Unsqueeze', [onnx.name(ids), onnx.constant('i64', [1], [1])]);
  return onnx.node('Expand', [column, onnx.node('Shape', [onnx.name(rows)])]);
}

export const gatherLastOp: OpDefinition = {
  name: 'gatherLast',
  infer(inputs) {
    const [x, index] = [at(inputs, 0), at(inputs, 1)];
    lastDim('gatherLast', x);
    expectIndex('gatherLast', index);
    expectShape('gatherLast: index', index, x.shape.slice(0, -1));
    return [{ dtype: x.dtype, shape: index.shape }];
  },
  lower(onnx, { inputs }) {
    const last = onnx.constant('i64', [1], [-1]);
    const index = onnx.node('Unsqueeze', [onnx.name(at(inputs, 1)), last]);
    const picked = onnx.node('GatherElements', [onnx.name(at(inputs, 0)), index], {
      attributes: { axis: { int: -1 } },
    });
    return [onnx.node('Squeeze', [picked, last])];
  },
  vjp: ({ inputs, gradient }) => [scatterLast(gradient, at(inputs, 1), lastDim('gatherLast', at(inputs, 0)))],
};

/** One element of the last axis: x […, K], index […] → […]. */
export const gatherLast = (x: Value, index: Value): Value => emitOne(gatherLastOp, [x, index]);

export const scatterLastOp: OpDefinition<ScatterAttributes> = {
  name: 'scatterLast',
  infer(inputs, { count }) {
    const [x, index] = [at(inputs, 0), at(inputs, 1)];
    expectFloat('scatterLast', x);
    expectIndex('scatterLast', index);
    expectShape('scatterLast: index', index, x.shape);
    return [{ dtype: 'f32', shape: [...x.shape, count] } satisfies TensorType];
  },
  lower(onnx, { inputs, attributes: { count } }) {
    const [x, index, ...sources] = inputs as readonly [Value, Value, ...Value[]];
    const last = onnx.constant('i64', [1], [-1]);
    const zeros = onnx.node('ConstantOfShape', [onnx.sizes([...x.shape, count], sources)]);
    const columns = [index, x].map((each) => onnx.node('Unsqueeze', [onnx.name(each), last]));
    return [onnx.node('ScatterElements', [zeros, ...columns], { attributes: { axis: { int: -1 } } })];
  },
  vjp: ({ inputs, gradient }) => [gatherLast(gradient, at(inputs, 1))],
};

/** Each element at its index of a new last axis, zeros elsewhere: x […], index […] → […, count]. */
export function scatterLast(x: Value, index: Value, count: Dim): Value {
  expectDim('scatterLast: rank', index.shape.length, x.shape.length);
  return emitOne(scatterLastOp, [x, index, ...sizeSources(x.trace, [...x.shape, count])], { count });
}
