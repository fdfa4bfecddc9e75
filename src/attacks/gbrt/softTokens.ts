/** The differentiable parts of Gradient-Based Red Teaming: a prompt of relaxed tokens, a reply that a frozen model decodes
 *  softly, and how likely the prompt is.
 *  @source arXiv 2401.16656, section 3; a relaxed token is a Gumbel-softmax (arXiv 1611.01144) */
import { present } from '../../base/invariant.js';
import type { Architecture } from '../../engine/models/family.js';
import { tokenTableOf } from '../../engine/models/parameters.js';
import { traceLogits } from '../../engine/models/tokenLogProbs.js';
import {
  add,
  cast,
  concat,
  div,
  equal,
  logSumExp,
  matmul,
  mul,
  neg,
  reduceMax,
  reduceMean,
  reduceSum,
  reshape,
  slice,
  softmax,
  stopGradient,
  sub,
  takeRows,
} from '../../engine/tensor/ops/all.js';
import type { Trace, Value } from '../../engine/tensor/value.js';

/** Sizes of a search, which its program is compiled for. */
export interface SoftSizes {
  /** Gumbel draws of one prompt per step. */
  readonly draws: number;
  /** Tokens of the prompt. */
  readonly tokens: number;
  /** Soft tokens of the reply. */
  readonly replyTokens: number;
}

/** Added to the logits of tokens that a prompt may not hold: their probability is exactly 0. */
export const closed = -1e30;

export interface SoftPrompt {
  /** The logits that are searched, f32 [S, V]. */
  readonly logits_SV: Value;
  /** The relaxed tokens of each draw, f32 [D·S, V]: rows sum to 1. */
  readonly chosen_NV: Value;
  /** softmax(X) over the tokens that are allowed, without noise, f32 [S, V]. */
  readonly probabilities_SV: Value;
}

/** inputs  logits f32 [S, V] · noise f32 [D, S, V], Gumbel · closed f32 [V], 0 where a token is allowed · temperature,
 *          hard f32 [] (1: the likeliest token alone, with the gradient of the relaxed one)
 *
 *  Differs from the released code, which takes what is not allowed out after the softmax: the same numbers, but where no
 *  allowed token has any probability left. */
export function traceSoftPrompt(
  trace: Trace,
  { config: { vocabularySize } }: Architecture,
  { draws, tokens }: SoftSizes,
): SoftPrompt {
  const logits_SV = trace.input('logits', 'f32', [tokens, vocabularySize]);
  const closed_V = trace.input('closed', 'f32', [vocabularySize]);
  const noise_DSV = trace.input('noise', 'f32', [draws, tokens, vocabularySize]);
  const drawn_DSV = add(div(add(logits_SV, noise_DSV), trace.input('temperature', 'f32', [])), closed_V);
  const relaxed_DSV = softmax(drawn_DSV);
  const likeliest_DSV = cast(equal(drawn_DSV, reduceMax(drawn_DSV, [-1], { keepDims: true })), 'f32');
  const toHard_DSV = mul(stopGradient(sub(likeliest_DSV, relaxed_DSV)), trace.input('hard', 'f32', []));
  return {
    logits_SV,
    chosen_NV: reshape(add(relaxed_DSV, toHard_DSV), [draws * tokens, vocabularySize]),
    probabilities_SV: softmax(add(logits_SV, closed_V)),
  };
}

/** Rows of a model's table as relaxed tokens mix them. @returns f32 [N, C] */
export function traceRows(architecture: Architecture, chosen_NV: Value): Value {
  const { name, shape } = tokenTableOf(architecture);
  return matmul(chosen_NV, chosen_NV.trace.parameter(name, shape));
}

/** The mean over draws and positions of −Σ_v softmax(X)_v log p(v | what stands before), nats per token.
 *  @param hidden_NC states of the target
 *  @param rows_N i64 [D·S]: those that predict the tokens of the prompt, draw by draw */
export function traceImprobability(
  architecture: Architecture,
  { draws, tokens }: SoftSizes,
  { hidden_NC, rows_N, probabilities_SV }: { hidden_NC: Value; rows_N: Value; probabilities_SV: Value },
): Value {
  const { vocabularySize } = architecture.config;
  const logits_NV = traceLogits(architecture, takeRows(hidden_NC, rows_N));
  const logProbs_NV = sub(logits_NV, reshape(logSumExp(logits_NV), [draws * tokens, 1]));
  const logProbs_DSV = reshape(logProbs_NV, [draws, tokens, vocabularySize]);
  return neg(reduceMean(reduceSum(mul(logProbs_DSV, probabilities_SV), [-1]), [0, 1]));
}

/** A reply in relaxed tokens: each is the Gumbel-softmax of the logits after what stands before, and is read in turn.
 *
 *  inputs  ids, positions i64 [D, T]: the context, the prompt's soft tokens in it and those of the reply but the last
 *          behind it · replyNoise f32 [K, D, V], Gumbel · replyTemperature f32 []
 *  @param rows_NC the prompt's soft rows, f32 [D·S, C]; those of the reply come behind them, token by token
 *  @returns by token f32 [D, V], and the states of the context f32 [D·(T − K + 1), C] */
export function traceSoftReply(
  trace: Trace,
  architecture: Architecture,
  { draws, replyTokens }: SoftSizes,
  rows_NC: Value,
): { readonly reply: readonly Value[]; readonly context_NC: Value } {
  const { vocabularySize, width } = architecture.config;
  const ids_DT = trace.input('ids', 'i64', [draws, 'T']);
  const positions_DT = trace.input('positions', 'i64', [draws, 'T']);
  const noise_KDV = trace.input('replyNoise', 'f32', [replyTokens, draws, vocabularySize]);
  const temperature = trace.input('replyTemperature', 'f32', []);
  const reply: Value[] = [];
  let soft_SC = rows_NC;
  let context_NC: Value | null = null;
  for (let k = 0; k < replyTokens; k++) {
    const read = upTo('T', replyTokens - 1 - k);
    const { hidden_NC } = architecture.forward({
      ids_BT: slice(ids_DT, 1, 0, read),
      positions_BT: slice(positions_DT, 1, 0, read),
      attention: { kind: 'causal' },
      soft_SC,
    });
    context_NC ??= hidden_NC;
    const states_DTC = reshape(hidden_NC, [draws, read, width]);
    const last_DC = reshape(slice(states_DTC, 1, upTo('T', replyTokens - k), read), [draws, width]);
    const noise_DV = reshape(slice(noise_KDV, 0, k, k + 1), [draws, vocabularySize]);
    const chosen_DV = softmax(div(add(traceLogits(architecture, last_DC), noise_DV), temperature));
    reply.push(chosen_DV);
    if (k + 1 < replyTokens) soft_SC = concat([soft_SC, traceRows(architecture, chosen_DV)], 0);
  }
  return { reply, context_NC: present(context_NC, 'a reply has a token') };
}

/** The size that is `less` below another. */
function upTo(size: string, less: number): string {
  return less === 0 ? size : `${size}-${String(less)}`;
}
