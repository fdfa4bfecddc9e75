/** The language-model head: log-probabilities of given tokens without a one-hot matrix, with a gradient that is dense where it must be
 *  and sparse where it can be. */
import { present } from '../../../base/invariant.js';
import { at, expectFloat, expectIndex, expectRank, expectShape } from '../shapeRules.js';
import type { Lowering, OpDefinition, Value } from '../value.js';
import { mul, sub } from './arithmetic.js';
import { cast } from './compare.js';
import { gatherRows } from './gather.js';
import { matmul, matmulOp } from './matmul.js';
import { lowerLogSumExp } from './reduce.js';
import { reshape } from './shape.js';

export const tokenLogProbOp: OpDefinition = {
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
    return [{ dtype: 'f32', shape: [count] }, { dtype: 'f32', shape: [count, at(head.shape, 0)] }];
  },
  lower(onnx, node) {
    const probabilities = at(node.outputs, 1);
    const [hidden, head, targets] = [0, 1, 2].map((index) => onnx.name(at(node.inputs, index))) as [string, string, string];
    if (!onnx.isUsed(probabilities) && onnx.provider !== 'cpu') return [scoreByParts(onnx, hidden, head, targets), ''];
    const attributes = { transposeA: false, transposeB: true, scale: 1 };
    const logits = at(matmulOp.lower(onnx, { ...node, attributes }), 0);
    if (!onnx.isUsed(probabilities)) return [pick(onnx, onnx.node('LogSoftmax', [logits], { attributes: { axis: { int: -1 } } }), targets), ''];
    const softmax = onnx.node('Softmax', [logits], { attributes: { axis: { int: -1 } } });
    return [onnx.node('Sub', [pick(onnx, logits, targets), lowerLogSumExp(onnx, logits, softmax)]), softmax];
  },
  vjp({ inputs, outputs, gradient }) {
    const [hidden, head, targets] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const probabilities = at(outputs, 1);
    const weight_N1 = reshape(gradient, [at(gradient.shape, 0), 1]);
    const weighted = mul(hidden, weight_N1);
    const inHidden = mul(sub(gatherRows(head, targets), matmul(probabilities, head)), weight_N1);
    const inHead = matmul(probabilities, weighted, { transposeA: true, scale: -1 });
    return [inHidden, [inHead, { kind: 'rows', ids: cast(targets, 'i64'), rows: weighted }]];
  },
};

/** log p(target | hidden) in nats, p = softmax(hidden · headᵀ).
 *  @param hidden_NC  final hidden states; rows may share a position
 *  @param head_VC    output embedding
 *  @param targets_N  token ids
 *  @returns [N]. Gradient: hidden w·(head[t] − P·head); head −Pᵀ(w·hidden) dense plus the sparse rows (t, w·hidden) */
export function tokenLogProb(hidden_NC: Value, head_VC: Value, targets_N: Value): Value {
  return present(hidden_NC.trace.emit(tokenLogProbOp, [hidden_NC, head_VC, targets_N], {})[0], 'tokenLogProb has outputs');
}

/** x [N or more, V], targets [N] → [N] */
function pick(onnx: Lowering, x: string, targets: string): string {
  const last = onnx.constant('i64', [1], [-1]);
  const index = onnx.node('Unsqueeze', [targets, last]);
  return onnx.node('Squeeze', [onnx.node('GatherElements', [x, index], { attributes: { axis: { int: -1 } } }), last]);
}

/** ONNX Runtime has no LogSoftmax for WebGPU, where it would fetch the logits; its Softmax and ReduceMax there refuse to have no rows, as
 *  when nothing is to be scored, so one row is added and its result dropped. */
function scoreByParts(onnx: Lowering, hidden_NC: string, head_VC: string, targets_N: string): string {
  const i64 = (...values: readonly number[]): string => onnx.constant('i64', [values.length], values);
  const padded = onnx.node('Pad', [hidden_NC, i64(0, 0, 1, 0)]);
  const logits = onnx.node('MatMul', [padded, onnx.node('Transpose', [head_VC], { attributes: { perm: { ints: [1, 0] } } })]);
  const softmax = onnx.node('Softmax', [logits], { attributes: { axis: { int: -1 } } });
  return onnx.node('Sub', [pick(onnx, logits, targets_N), onnx.node('Slice', [lowerLogSumExp(onnx, logits, softmax), i64(0), i64(-1)])]);
}
