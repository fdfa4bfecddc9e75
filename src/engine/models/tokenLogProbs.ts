/** The differentiable path of a language model: log-probabilities of given tokens, from which every loss is built. */
import type { AttentionPattern } from '../nn/attention.js';
import { matmul, mul, takeRows, tanh, tokenLogProb } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import type { Architecture } from './family.js';

export interface TokenLogProbInputs {
  /** i64 [B, T] */
  readonly ids_BT: Value;
  /** i64 [B, T] */
  readonly positions_BT: Value;
  readonly attention: Exclude<AttentionPattern, { kind: 'cached' }>;
  /** f32 [S, C], what the ids from the vocabulary's size on mean (see `embedTokens`): an input, or computed in the same
   *  trace from parameters of another model. Default: every id is a token. */
  readonly soft_SC?: Value | undefined;
  /** i64 [N]: flat index into [B·T] of the position that PREDICTS each target. */
  readonly rows_N: Value;
  /** i64 [N]; tokens, never soft ones. */
  readonly targets_N: Value;
}

/** Log-probability of each target under the raw model (temperature 1), nats. Logits are computed at the listed rows
 *  only. The weights become parameters of the inputs' trace under their checkpoint names (see traceParameters).
 *  @returns f32 [N]; gradients reach every parameter */
export function traceTokenLogProbs(architecture: Architecture, inputs: TokenLogProbInputs): Value {
  return traceTokens(architecture, inputs).logProbs_N;
}

/** The same, with the hidden states that predict the targets.
 *  @returns log-probabilities f32 [N], nats, and states after the final norm f32 [N, C] */
export function traceTokens(
  architecture: Architecture,
  inputs: TokenLogProbInputs,
): { readonly logProbs_N: Value; readonly hidden_NC: Value } {
  const hidden_NC = takeRows(architecture.forward(inputs).hidden_NC, inputs.rows_N);
  const head_VC = inputs.ids_BT.trace.parameter(architecture.head.name, architecture.head.shape);
  const softcap = architecture.config.logitSoftcap ?? 0;
  return { logProbs_N: tokenLogProb(hidden_NC, head_VC, inputs.targets_N, { softcap }), hidden_NC };
}

/** Logits of states after the final norm.
 *  @param hidden_NC f32 [N, C]
 *  @returns f32 [N, V]; gradients reach the states and the head */
export function traceLogits({ config, head }: Pick<Architecture, 'config' | 'head'>, hidden_NC: Value): Value {
  const softcap = config.logitSoftcap ?? 0;
  const scores_NV = matmul(hidden_NC, hidden_NC.trace.parameter(head.name, head.shape), {
    transposeB: true,
    scale: softcap === 0 ? 1 : 1 / softcap,
  });
  return softcap === 0 ? scores_NV : mul(tanh(scores_NV), softcap);
}
