/** The op table, and the builder function of every op. A new op is one file entry, one line here, and sample cases in
 *  testing/cases (the contract test fails without them). */
import type { OpDefinition } from '../value.js';
import { geluOp, geluTanhOp, siluOp } from './activation.js';
import { addOp, divOp, maximumOp, minimumOp, mulOp, negOp, subOp } from './arithmetic.js';
import { groupQueryAttentionOp } from './attention.js';
import { castOp, equalOp, greaterOp, lessOp, lessOrEqualOp, logicalAndOp, logicalNotOp } from './compare.js';
import { gatherLastOp, gatherRowsOp, scatterAddRowsOp, scatterLastOp, takeRowsOp } from './gather.js';
import { concatOp, padOp, sliceOp } from './join.js';
import { matmulOp } from './matmul.js';
import { layerNormOp, rmsNormOp, standardizeOp } from './normalize.js';
import { dimensionSizeOp, logSumExpOp, reduceMaxOp, reduceMeanOp, softmaxOp } from './reduce.js';
import { rotaryOp } from './rotary.js';
import { clipOp, stopGradientOp, whereOp } from './select.js';
import { expandOp, reduceSumOp, reshapeOp, transposeOp } from './shape.js';
import { tokenLogProbOp } from './tokenLogProb.js';
import { absOp, erfOp, expOp, logOp, reluOp, sigmoidOp, signOp, sqrtOp, tanhOp } from './unary.js';

export const ops = {
  abs: absOp,
  add: addOp,
  cast: castOp,
  clip: clipOp,
  concat: concatOp,
  dimensionSize: dimensionSizeOp,
  div: divOp,
  equal: equalOp,
  erf: erfOp,
  exp: expOp,
  expand: expandOp,
  gatherLast: gatherLastOp,
  gatherRows: gatherRowsOp,
  gelu: geluOp,
  geluTanh: geluTanhOp,
  greater: greaterOp,
  groupQueryAttention: groupQueryAttentionOp,
  layerNorm: layerNormOp,
  less: lessOp,
  lessOrEqual: lessOrEqualOp,
  log: logOp,
  logSumExp: logSumExpOp,
  logicalAnd: logicalAndOp,
  logicalNot: logicalNotOp,
  matmul: matmulOp,
  maximum: maximumOp,
  minimum: minimumOp,
  mul: mulOp,
  neg: negOp,
  pad: padOp,
  reduceMax: reduceMaxOp,
  reduceMean: reduceMeanOp,
  reduceSum: reduceSumOp,
  relu: reluOp,
  reshape: reshapeOp,
  rmsNorm: rmsNormOp,
  rotary: rotaryOp,
  scatterAddRows: scatterAddRowsOp,
  scatterLast: scatterLastOp,
  sigmoid: sigmoidOp,
  sign: signOp,
  silu: siluOp,
  slice: sliceOp,
  softmax: softmaxOp,
  sqrt: sqrtOp,
  standardize: standardizeOp,
  stopGradient: stopGradientOp,
  sub: subOp,
  takeRows: takeRowsOp,
  tanh: tanhOp,
  tokenLogProb: tokenLogProbOp,
  transpose: transposeOp,
  where: whereOp,
} as const satisfies Record<string, OpDefinition>;

export { gelu, geluTanh, silu } from './activation.js';
export { add, div, maximum, minimum, mul, neg, sub } from './arithmetic.js';
export { groupQueryAttention, type GroupQueryAttentionInputs } from './attention.js';
export { cast, equal, greater, less, lessOrEqual, logicalAnd, logicalNot } from './compare.js';
export { gatherLast, gatherRows, scatterAddRows, scatterLast, takeRows } from './gather.js';
export { concat, pad, slice } from './join.js';
export { flattenRows, matmul, type MatMulOptions } from './matmul.js';
export { layerNorm, rmsNorm, standardize } from './normalize.js';
export type { Operand } from './operand.js';
export { dimensionSize, logSumExp, reduceMax, reduceMean, softmax } from './reduce.js';
export { rotary } from './rotary.js';
export { clip, stopGradient, where } from './select.js';
export { expand, reduceSum, reshape, transpose, type ReduceOptions } from './shape.js';
export { tokenLogProb } from './tokenLogProb.js';
export { abs, erf, exp, log, relu, sigmoid, sign, sqrt, tanh } from './unary.js';
