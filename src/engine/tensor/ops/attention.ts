/** Cached attention for generation, as one kernel (com.microsoft GroupQueryAttention). Training composes matmul and
 *  softmax instead.
 *
 *  On other providers than the CPU it is written out: ONNX Runtime 1.30's WebGPU kernel gave wrong numbers without a
 *  word from 32 new tokens on (seen on a software adapter), and its CUDA kernel takes neither f32 nor a bias. */
import { present } from '../../../base/invariant.js';
import { addDims, multiplyDims, type Dim } from '../dimension.js';
import { dtypes, expectDType } from '../dtype.js';
import { at, expectFloat, expectShape, sizeSources } from '../shapeRules.js';
import type { Lowering, OpDefinition, Value } from '../value.js';

type AttentionAttributes = {
  readonly heads: number;
  readonly kvHeads: number;
  readonly scale: number;
  readonly softcap: number;
};

export interface GroupQueryAttentionInputs {
  /** [B, T, H·D] */
  readonly q: Value;
  /** [B, T, KV·D] */
  readonly k: Value;
  /** [B, T, KV·D] */
  readonly v: Value;
  /** [B, KV, P, D] */
  readonly pastK: Value;
  readonly pastV: Value;
  /** i32 [B]: a row's total length (past and new) − 1. */
  readonly lastIndex: Value;
  /** i32 [1]: the greatest total length. */
  readonly total: Value;
  /** f32 [B or 1, 1, T, total]: added to the scores, beside the causal mask. */
  readonly bias: Value;
  readonly heads: number;
  readonly kvHeads: number;
  readonly scale: number;
  /** Scores s become softcap · tanh(s / softcap) before bias and mask; 0 (the default) leaves them. */
  readonly softcap?: number;
}

const operandNames = ['q', 'k', 'v', 'pastK', 'pastV', 'lastIndex', 'total', 'bias'] as const;

export const groupQueryAttentionOp: OpDefinition<AttentionAttributes> = {
  name: 'groupQueryAttention',
  infer(inputs, { heads, kvHeads }) {
    const [q, k, v] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const [pastK, pastV] = [at(inputs, 3), at(inputs, 4)];
    const [lastIndex, total, bias] = [at(inputs, 5), at(inputs, 6), at(inputs, 7)];
    expectFloat('groupQueryAttention', q, k, v, pastK, pastV, bias);
    const [batch, tokens, size] = [at(q.shape, 0), at(q.shape, 1), at(pastK.shape, 3)];
    expectShape('groupQueryAttention: q', q, [batch, tokens, multiplyDims(heads, size)]);
    expectShape('groupQueryAttention: k', k, [batch, tokens, multiplyDims(kvHeads, size)]);
    expectShape('groupQueryAttention: v', v, k.shape);
    expectShape('groupQueryAttention: pastK', pastK, [batch, kvHeads, at(pastK.shape, 2), size]);
    expectShape('groupQueryAttention: pastV', pastV, pastK.shape);
    for (const integer of [lastIndex, total]) expectDType('groupQueryAttention', integer.dtype, ['i32']);
    expectShape('groupQueryAttention: lastIndex', lastIndex, [batch]);
    expectShape('groupQueryAttention: total', total, [1]);
    expectShape('groupQueryAttention: bias', bias, [at(bias.shape, 0), 1, tokens, at(bias.shape, 3)]);
    const present_ = { dtype: 'f32', shape: pastK.shape.with(2, addDims(at(pastK.shape, 2), tokens)) } as const;
    return [{ dtype: 'f32', shape: q.shape }, present_, present_];
  },
  lower(onnx, { inputs, attributes: { heads, kvHeads, scale, softcap } }) {
    if (onnx.provider !== 'cpu') return attendByParts(onnx, inputs, { heads, kvHeads, scale, softcap });
    const attributes = {
      num_heads: { int: heads },
      kv_num_heads: { int: kvHeads },
      scale: { float: scale },
      do_rotary: { int: 0 },
      ...(softcap === 0 ? {} : { softcap: { float: softcap } }),
    };
    const names = inputs.slice(0, operandNames.length).map((input) => onnx.name(input));
    // Without cosines, sines and position ids: rotary embedding is applied before.
    const operands = [...names.slice(0, -1), '', '', '', ...names.slice(-1)];
    return onnx.nodes('GroupQueryAttention', operands, [true, true, true], { domain: 'com.microsoft', attributes });
  },
  vjp: { none: 'it is for generation; compose matmul and softmax to train' },
};

/** Low enough that softmax gives exactly 0, finite so that it stays a number. */
const hidden = -1e30;

/** The kernel in plain operators. Row b's new tokens take the slots of the cache from start[b] = max(0, lastIndex[b] +
 *  1 − T) on: after its cached tokens, or from 0 where the whole prompt is new. */
function attendByParts(
  onnx: Lowering,
  inputs: readonly Value[],
  { heads, kvHeads, scale, softcap }: AttentionAttributes,
): readonly string[] {
  const write = writer(onnx);
  const [q, k, v, pastK, pastV, lastIndex, , bias] = inputs.map((input) => onnx.name(input)) as Operands;
  // The same sources for all layers: ONNX Runtime then computes slots and masks once.
  const sources = inputs.slice(operandNames.length);
  const sizes = cacheDims(inputs).map((dim) => onnx.sizes([dim], sources)) as readonly string[] as readonly [
    string,
    string,
    string,
    string,
  ];
  const [batch, tokens, capacity, seen] = sizes;
  const size = Number(at(at(inputs, 3).shape, 3));
  const newTokens_1 = write.toI32(tokens);
  const start_B = write.node(
    'Max',
    write.node('Sub', write.node('Add', lastIndex, write.i32(1)), newTokens_1),
    write.i32(0),
  );

  const slots = write.node('Max', capacity, seen);
  const token_BL = write.node('Sub', write.reshape(write.count(slots), 1, -1), write.reshape(start_B, -1, 1));
  const nearest_BL = write.node(
    'Max',
    write.node('Min', token_BL, write.node('Sub', newTokens_1, write.i32(1))),
    write.i32(0),
  );
  const isNew_B1L1 = write.reshape(write.node('Equal', token_BL, nearest_BL), 0, 1, -1, 1);
  const index_BKLD = write.node(
    'Expand',
    write.reshape(nearest_BL, 0, 1, -1, 1),
    write.concat(batch, write.i64(kvHeads), slots, write.i64(size)),
  );
  const room = write.concat(write.i64(0, 0, 0, 0, 0, 0), write.node('Sub', slots, capacity), write.i64(0));
  const [presentK, presentV] = (
    [
      [pastK, k],
      [pastV, v],
    ] as const
  ).map(([past, x_BTE]) => {
    const new_BKTD = write.transpose(write.reshape(x_BTE, 0, 0, kvHeads, size), 0, 2, 1, 3);
    const taken_BKLD = onnx.node('GatherElements', [new_BKTD, index_BKLD], { attributes: { axis: { int: 2 } } });
    return write.node('Where', isNew_B1L1, taken_BKLD, write.node('Pad', past, room));
  }) as [string, string];

  // Token t of row b sees the slots up to start[b] + t. The heads of a group are stacked along the token axis.
  const last_BT1 = write.node('Add', write.reshape(start_B, -1, 1, 1), write.reshape(write.count(tokens), 1, -1, 1));
  const isHidden_BTW = write.node('Greater', write.reshape(write.count(seen), 1, 1, -1), last_BT1);
  const bias_B1TW = write.node('Where', write.node('Unsqueeze', isHidden_BTW, write.i64(1)), write.f32(hidden), bias);
  const [keys_BKWD, values_BKWD] = [presentK, presentV].map((all) =>
    write.node('Slice', all, write.i64(0), seen, write.i64(2)),
  ) as [string, string];
  const q_BHTD = write.transpose(write.reshape(q, 0, 0, heads, size), 0, 2, 1, 3);
  const q_BKSD = write.node('Reshape', q_BHTD, write.concat(batch, write.i64(kvHeads, -1, size)));
  const scores_BKSW = write.node(
    'Mul',
    write.node('MatMul', q_BKSD, write.transpose(keys_BKWD, 0, 1, 3, 2)),
    write.f32(scale),
  );
  const capped_BKSW =
    softcap === 0
      ? scores_BKSW
      : write.node(
          'Mul',
          write.node('Tanh', write.node('Mul', scores_BKSW, write.f32(1 / softcap))),
          write.f32(softcap),
        );
  const scores_BHTW = write.node('Reshape', capped_BKSW, write.concat(batch, write.i64(heads), tokens, seen));
  const weights_BHTW = onnx.node('Softmax', [write.node('Add', scores_BHTW, bias_B1TW)], {
    attributes: { axis: { int: -1 } },
  });
  const weights_BKSW = write.node('Reshape', weights_BHTW, write.concat(batch, write.i64(kvHeads, -1), seen));
  const out_BHTD = write.node(
    'Reshape',
    write.node('MatMul', weights_BKSW, values_BKWD),
    write.concat(batch, write.i64(heads, -1, size)),
  );
  return [write.reshape(write.transpose(out_BHTD, 0, 2, 1, 3), 0, 0, heads * size), presentK, presentV];
}

/** B, T, P, W */
function cacheDims(inputs: readonly Value[]): readonly Dim[] {
  const dim = (input: number, axis: number): Dim => at(at(inputs, input).shape, axis);
  return [dim(0, 0), dim(0, 1), dim(3, 2), dim(7, 3)];
}

type Operands = [
  q: string,
  k: string,
  v: string,
  pastK: string,
  pastV: string,
  lastIndex: string,
  total: string,
  bias: string,
];

/** Short forms of the nodes above. Slots and tokens are counted in i32; shapes are i64, which ONNX Runtime keeps on the
 *  CPU. */
function writer(onnx: Lowering) {
  const i64 = (...values: readonly number[]): string => onnx.constant('i64', [values.length], values);
  const i32 = (value: number): string => onnx.constant('i32', [], [value]);
  const node = (type: string, ...inputs: readonly string[]): string => onnx.node(type, inputs);
  const toI32 = (name: string): string => onnx.node('Cast', [name], { attributes: { to: { int: dtypes.i32.onnx } } });
  return {
    i64,
    i32,
    node,
    toI32,
    f32: (value: number): string => onnx.constant('f32', [], [value]),
    reshape: (name: string, ...dims: readonly number[]): string => node('Reshape', name, i64(...dims)),
    transpose: (name: string, ...perm: readonly number[]): string =>
      onnx.node('Transpose', [name], { attributes: { perm: { ints: perm } } }),
    concat: (...parts: readonly string[]): string => onnx.node('Concat', parts, { attributes: { axis: { int: 0 } } }),
    /** 0, 1, … length − 1. ReduceMax instead of Squeeze, which would go through the GPU and wait for it. */
    count(length: string): string {
      const scalar = onnx.node('ReduceMax', [length], { attributes: { keepdims: { int: 0 } } });
      return toI32(node('Range', onnx.constant('i64', [], [0]), scalar, onnx.constant('i64', [], [1])));
    },
  };
}

/** Causal attention of T new tokens over P cached ones and themselves. Rows are right-padded; rotary embedding is
 *  applied before.
 *  @returns out [B, T, H·D] and the extended caches [B, KV, P+T, D] */
export function groupQueryAttention({ heads, kvHeads, scale, softcap = 0, ...operands }: GroupQueryAttentionInputs): {
  readonly out: Value;
  readonly presentK: Value;
  readonly presentV: Value;
} {
  const inputs = operandNames.map((name) => operands[name]);
  const { trace } = operands.q;
  const attributes = { heads, kvHeads, scale, softcap };
  const [out, presentK, presentV] = trace.emit(
    groupQueryAttentionOp,
    [...inputs, ...sizeSources(trace, cacheDims(inputs))],
    attributes,
  );
  return { out: present(out, 'out'), presentK: present(presentK, 'presentK'), presentV: present(presentV, 'presentV') };
}
