/** Trajectory balance (arXiv 2201.13259), as GFlowNets for language models train it: at its zero a policy draws each
 *  completion in proportion to its reward. A pure formula. */
import type { Arithmetic } from './arithmetic.js';

export interface BalanceInputs<V> {
  /** Estimate of log Z, the log of the sum of all rewards of a prompt. */
  readonly logZ: V;
  /** log π of the whole completion, nats. */
  readonly logProb: V;
  /** log R, nats. */
  readonly logReward: V;
}

/** (log Z + log π − log R)², per completion.
 *  @source arXiv 2405.18540 eq. 4; a tree of tokens has one way to each completion, so no backward policy */
export function trajectoryBalance<V>(m: Arithmetic<V>, { logZ, logProb, logReward }: BalanceInputs<V>): V {
  const away = m.sub(m.add(logZ, logProb), logReward);
  return m.mul(away, away);
}
