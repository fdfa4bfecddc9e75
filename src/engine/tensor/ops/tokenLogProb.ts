/** The language-model head: log-probabilities of given tokens without a one-hot matrix, with a gradient that is dense
 *  where it must be and sparse where it can be. */
import { present } from '../../../base/invariant.js';
import { at, expectFloat, expectIndex, expectRank, expectShape } from '../shapeRules.js';
import type { Lowering, OpDefinition, Value } from '../value.js';
import { mul, sub } from './arithmetic.js';
import { cast } from './compare.js';
import { gatherLast, gatherRows } from './gather.js';
import { matmul, matmulOp } from './matmul.js';
import { lowerLogSumExp } from './reduce.js';
import { reshape } from './shape.js';
import { tanh } from './unary.js';

type HeadAttributes = { readonly softcap: number };

export const tokenLogProbOp: OpDefinition<HeadAttributes> = {
  name: 'tokenLogProb',
  infer(inputs) {
    const [hidden, head, targets] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    expectFloat('tokenLogProb', hidden, head);
    expectRank('tokenLogProb: hidden', hidden, [2]);
    expectRank('tokenLogProb: head', head, [2]);
    expectShape('tokenLogProb: head', head, [at(head.shape, 0), at(hidden.shape, 1)]);
    expectIndex('tokenLogProb: targets', targets);
    expectShape('tokenLogProb: targets', targets, hidden.shape.slice(0, 1));
    const count = at(hidden.shape, 0);
    return [
      { dtype: 'f32', shape: [count] },
      { dtype: 'f32', shape: [count, at(head.shape, 0)] },
    ];
  },
  lower(onnx, node) {
    const probabilities = at(node.outputs, 1);
    const [hidden, head, targets] = [0, 1, 2].map((index) => onnx.name(at(node.inputs, index))) as [
      string,
      string,
      string,
    ];
    const { softcap } = node.attributes;
    if (!onnx.isUsed(probabilities) && onnx.provider !== 'cpu')
      return [scoreByParts(onnx, [hidden, head, targets], softcap), ''];
    const attributes = { transposeA: false, transposeB: true, scale: 1 };
    const logits = capped(onnx, at(matmulOp.lower(onnx, { ...node, attributes }), 0), softcap);
    if (!onnx.isUsed(probabilities))
      return [pick(onnx, onnx.node('LogSoftmax', [logits], { attributes: { axis: { int: -1 } } }), targets), ''];
    const softmax = onnx.node('Softmax', [logits], { attributes: { axis: { int: -1 } } });
    return [onnx.node('Sub', [pick(onnx, logits, targets), lowerLogSumExp(onnx, logits, softmax)]), softmax];
  },
  vjp({ inputs, outputs, gradient, attributes: { softcap } }) {
    const [hidden, head, targets] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const probabilities = at(outputs, 1);
    const weight_N1 = reshape(gradient, [at(gradient.shape, 0), 1]);
    const weighted = mul(hidden, weight_N1);
    if (softcap === 0) {
      const inHidden = mul(sub(gatherRows(head, targets), matmul(probabilities, head)), weight_N1);
      const inHead = matmul(probabilities, weighted, { transposeA: true, scale: -1 });
      return [inHidden, [inHead, { kind: 'rows', ids: cast(targets, 'i64'), rows: weighted }]];
    }
    // The cap's slope 1 − tanh² multiplies what reaches each logit. The logits are computed again: they are not kept.
    const shape_NV = tanh(matmul(hidden, head, { transposeB: true, scale: 1 / softcap }));
    const slope_NV = sub(1, mul(shape_NV, shape_NV));
    const slope_N1 = reshape(gatherLast(slope_NV, targets), [at(gradient.shape, 0), 1]);
    const reached_NV = mul(probabilities, slope_NV);
    const inHidden = mul(sub(mul(gatherRows(head, targets), slope_N1), matmul(reached_NV, head)), weight_N1);
    const inHead = matmul(reached_NV, weighted, { transposeA: true, scale: -1 });
    return [inHidden, [inHead, { kind: 'rows', ids: cast(targets, 'i64'), rows: mul(weighted, slope_N1) }]];
  },
};

/** log p(target | hidden) in nats, p = softmax(logits), logits = hidden · headᵀ or, where capped, softcap · tanh(hidden
 *  · headᵀ / softcap).
 *  @param hidden_NC final hidden states; rows may share a position
 *  @param head_VC output embedding
 *  @param targets_N token ids
 *  @param softcap 0 (the default): logits are not capped
 *  @returns [N]. Gradient: hidden w·(head[t] − P·head); head −Pᵀ(w·hidden) dense plus the sparse rows (t, w·hidden) */
export function tokenLogProb(
  hidden_NC: Value,
  head_VC: Value,
  targets_N: Value,
  { softcap = 0 }: { readonly softcap?: number } = {},
): Value {
  return present(
    hidden_NC.trace.emit(tokenLogProbOp, [hidden_NC, head_VC, targets_N], { softcap })[0],
    'tokenLogProb has outputs',
  );
}

function capped(onnx: Lowering, logits: string, softcap: number): string {
  if (softcap === 0) return logits;
  const scalar = (value: number): string => onnx.constant('f32', [], [value]);
  return onnx.node('Mul', [onnx.node('Tanh', [onnx.node('Mul', [logits, scalar(1 / softcap)])]), scalar(softcap)]);
}

/** x [N or more, V], targets [N] → [N] */
function pick(onnx: Lowering, x: string, targets: string): string {
  const last = onnx.constant('i64', [1], [-1]);
  const index = onnx.node('Unsqueeze', [targets, last]);
  return onnx.node('Squeeze', [onnx.node('GatherElements', [x, index], { attributes: { axis: { int: -1 } } }), last]);
}

/** ONNX Runtime has no LogSoftmax for WebGPU, where it would fetch the logits; its Softmax and ReduceMax there refuse
 *  to have no rows, as when nothing is to be scored, so one row is added and its result dropped. */
function scoreByParts(
  onnx: Lowering,
  [hidden_NC, head_VC, targets_N]: readonly [string, string, string],
  softcap: number,
): string {
  const i64 = (...values: readonly number[]): string => onnx.constant('i64', [values.length], values);
  const padded = onnx.node('Pad', [hidden_NC, i64(0, 0, 1, 0)]);
  const logits = capped(
    onnx,
    onnx.node('MatMul', [padded, onnx.node('Transpose', [head_VC], { attributes: { perm: { ints: [1, 0] } } })]),
    softcap,
  );
  const softmax = onnx.node('Softmax', [logits], { attributes: { axis: { int: -1 } } });
  return onnx.node('Sub', [
    pick(onnx, logits, targets_N),
    onnx.node('Slice', [lowerLogSumExp(onnx, logits, softmax), i64(0), i64(-1)]),
  ]);
}
