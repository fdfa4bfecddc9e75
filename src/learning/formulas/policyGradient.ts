/** Losses of policy gradients on what a policy has drawn: the clipped policy loss of PPO, over tokens or, as RLOO takes it,
 *  over whole completions; the clipped value loss; estimators of KL(π‖π_ref). Pure formulas over quantities of one shape. */
import { unreachable } from '../../base/invariant.js';
import type { Arithmetic } from './arithmetic.js';

/** An estimate of KL(π‖π_ref) from a token that π drew: with d = log π − log π_ref, k1 is d, k2 is d²/2 and k3 is
 *  exp(−d) − 1 + d; abs is |d|, which estimates no divergence. k1 and k3 are unbiased; k1 may be negative. */
export const klEstimators = ['k1', 'k2', 'k3', 'abs'] as const;
export type KlEstimator = (typeof klEstimators)[number];

/** @param logRatio d = log π − log π_ref, nats
 *  @source Schulman, "Approximating KL Divergence" (joschu.net/blog/kl-approx.html); abs: TRL ≤ 0.11 */
export function klEstimate<V>(m: Arithmetic<V>, logRatio: V, estimator: KlEstimator): V {
  switch (estimator) {
    case 'k1':
      return logRatio;
    case 'k2':
      return m.scale(m.mul(logRatio, logRatio), 0.5);
    case 'k3':
      return m.add(m.shift(m.exp(m.scale(logRatio, -1)), -1), logRatio);
    case 'abs':
      return m.abs(logRatio);
    default:
      return unreachable(estimator);
  }
}

export interface PolicyLossInputs<V> {
  /** log π of a token, or of a whole completion, nats. */
  readonly logProb: V;
  /** The same when it was drawn. */
  readonly oldLogProb: V;
  readonly advantage: V;
}

/** max(−A·r, −A·clip(r, 1 − ε, 1 + ε)) with the ratio r = π / π_old.
 *  @param epsilon in (0, 1)
 *  @source PPO, arXiv 1707.06347 eq. 7; over completions: RLOO, arXiv 2402.14740, as TRL trains it */
export function clippedPolicyLoss<V>(
  m: Arithmetic<V>,
  { logProb, oldLogProb, advantage }: PolicyLossInputs<V>,
  epsilon: number,
): V {
  const ratio = m.exp(m.sub(logProb, oldLogProb));
  const gain = m.scale(advantage, -1);
  return m.max(m.mul(gain, ratio), m.mul(gain, m.clip(ratio, 1 - epsilon, 1 + epsilon)));
}

export interface ValueLossInputs<V> {
  readonly value: V;
  /** The value when the token was drawn. */
  readonly oldValue: V;
  /** The return, which the value is to equal. */
  readonly target: V;
}

/** ½ max((V − R)², (V_clipped − R)²), where V_clipped leaves V_old by at most ε.
 *  @param epsilon > 0, in units of reward
 *  @source PPO2 of OpenAI baselines; TRL, trlx */
export function clippedValueLoss<V>(
  m: Arithmetic<V>,
  { value, oldValue, target }: ValueLossInputs<V>,
  epsilon: number,
): V {
  const error = m.sub(value, target);
  const clipped = m.sub(m.add(oldValue, m.clip(m.sub(value, oldValue), -epsilon, epsilon)), target);
  return m.scale(m.max(m.mul(error, error), m.mul(clipped, clipped)), 0.5);
}
