/** Cached attention for generation, as one kernel (com.microsoft GroupQueryAttention). Training composes matmul and softmax instead. */
import { present } from '../../../base/invariant.js';
import { addDims, multiplyDims } from '../dimension.js';
import { expectDType } from '../dtype.js';
import { at, expectFloat, expectShape } from '../shapeRules.js';
import type { OpDefinition, Value } from '../value.js';

type AttentionAttributes = { readonly heads: number; readonly kvHeads: number; readonly scale: number };

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
  lower(onnx, { inputs, attributes: { heads, kvHeads, scale } }) {
    const attributes = { num_heads: { int: heads }, kv_num_heads: { int: kvHeads }, scale: { float: scale }, do_rotary: { int: 0 } };
    const names = inputs.map((input) => onnx.name(input));
    // Without cosines, sines and position ids: rotary embedding is applied before.
    const operands = [...names.slice(0, -1), '', '', '', ...names.slice(-1)];
    return onnx.nodes('GroupQueryAttention', operands, [true, true, true], { domain: 'com.microsoft', attributes });
  },
  vjp: { none: 'it is for generation; compose matmul and softmax to train' },
};

/** Causal attention of T new tokens over P cached ones and themselves. Rows are right-padded; rotary embedding is applied before.
 *  @returns out [B, T, H·D] and the extended caches [B, KV, P+T, D] */
export function groupQueryAttention({ heads, kvHeads, scale, ...operands }: GroupQueryAttentionInputs): {
  readonly out: Value;
  readonly presentK: Value;
  readonly presentV: Value;
} {
  const [out, presentK, presentV] = operands.q.trace.emit(groupQueryAttentionOp, operandNames.map((name) => operands[name]), { heads, kvHeads, scale });
  return { out: present(out, 'out'), presentK: present(presentK, 'presentK'), presentV: present(presentV, 'presentV') };
}
