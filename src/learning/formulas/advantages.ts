/** From rewards to advantages, in plain numbers: rewards per token, generalised advantage estimation, whitening, and the
 *  leave-one-out baseline. Sequences have no padding here, so that there is no mask to get wrong. */
import { invariant, present } from '../../base/invariant.js';
import { numbers } from './numbers.js';
import { klEstimate, type KlEstimator } from './policyGradient.js';

/** The position of a completion's score: added at its last token, in place of that token's penalty (trlx of 2023), or one
 *  position later (TRL 0.12 to 1.12), where a value is estimated as well. With λ < 1 it changes every advantage. */
export const scorePlacements = ['atLast', 'overLast', 'afterEnd'] as const;
export type ScorePlacement = (typeof scorePlacements)[number];

export interface KlPenalty {
  readonly estimator: KlEstimator;
  /** Reward per nat, ≥ 0. */
  readonly coefficient: number;
}

/** Returns the penalty of each token: −coefficient × the estimate of KL(π‖π_ref).
 *  @param logProbs log π of each token when it was drawn, nats */
export function klPenalties(
  logProbs: readonly number[],
  reference: readonly number[],
  { estimator, coefficient }: KlPenalty,
): readonly number[] {
  invariant(logProbs.length === reference.length, 'the reference has a log-probability for each token');
  return logProbs.map((logProb, t) => {
    const logRatio = logProb - present(reference[t], 'a reference for each token');
    return -coefficient * klEstimate(numbers, logRatio, estimator);
  });
}

/** Returns the reward of each position: the penalties and the score; one position more than tokens for `afterEnd`.
 *  @param penalties of at least one token */
export function tokenRewards(
  penalties: readonly number[],
  score: number,
  placement: ScorePlacement,
): readonly number[] {
  const last = present(penalties.at(-1), 'a completion has a token');
  const before = penalties.slice(0, -1);
  switch (placement) {
    case 'atLast':
      return [...before, last + score];
    case 'overLast':
      return [...before, score];
    case 'afterEnd':
      return [...penalties, score];
  }
}

export interface AdvantageInputs {
  /** By position. */
  readonly rewards: readonly number[];
  /** Values of the states before each position, when it was drawn. */
  readonly values: readonly number[];
  /** Value and advantage of the first position after these, where the dialogue goes on; null at its end, where both are
   *  zero. */
  readonly next: { readonly value: number; readonly advantage: number } | null;
}

/** Generalised advantage estimation: A_t = δ_t + γλ·A_{t+1} with δ_t = r_t + γ·V_{t+1} − V_t.
 *  @param discounts γ and λ in [0, 1]
 *  @returns an advantage per position; with its value it is the return
 *  @source arXiv 1506.02438 eq. 16 */
export function generalisedAdvantages(
  { rewards, values, next }: AdvantageInputs,
  { gamma, lambda }: { readonly gamma: number; readonly lambda: number },
): readonly number[] {
  invariant(rewards.length === values.length, 'a value for each reward');
  const advantages = new Array<number>(rewards.length);
  let after = next ?? { value: 0, advantage: 0 };
  for (let t = rewards.length - 1; t >= 0; t--) {
    const [reward, value] = [present(rewards[t], 'a reward'), present(values[t], 'a value')];
    const advantage = reward + gamma * after.value - value + gamma * lambda * after.advantage;
    advantages[t] = advantage;
    after = { value, advantage };
  }
  return advantages;
}

/** Whitens values over all lists together: (x − mean) / √(variance + 1e-8), with the variance of a sample (n − 1). Fewer
 *  than two values have no variance and are left as they are.
 *  @param keep 'mean' leaves the mean where it was, as TRL whitens rewards */
export function whiten(
  lists: readonly (readonly number[])[],
  keep: 'nothing' | 'mean',
): readonly (readonly number[])[] {
  const all = lists.flat();
  if (all.length < 2) return lists;
  const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
  const variance = all.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (all.length - 1);
  const scale = 1 / Math.sqrt(variance + 1e-8);
  const offset = keep === 'mean' ? mean : 0;
  return lists.map((list) => list.map((x) => (x - mean) * scale + offset));
}

/** Returns each reward less the mean of its siblings' rewards, group by group. A sibling without a reward is in no mean
 *  and has the advantage 0; so have all of a group with fewer than two rewards.
 *  @param normalise divide by the standard deviation of all advantages that are known, as TRL may
 *  @source RLOO, arXiv 2402.14740; unscored siblings: TRL 1.16 */
export function leaveOneOut(
  groups: readonly (readonly (number | null)[])[],
  { normalise }: { readonly normalise: boolean },
): readonly (readonly number[])[] {
  const advantages = groups.map((group) => {
    const known = group.filter((reward) => reward !== null);
    const sum = known.reduce((total, reward) => total + reward, 0);
    return group.map((reward) =>
      reward === null || known.length < 2 ? null : reward - (sum - reward) / (known.length - 1),
    );
  });
  const known = advantages.flat().filter((advantage) => advantage !== null);
  const mean = known.reduce((sum, x) => sum + x, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (known.length - 1));
  const isSpread = normalise && known.length >= 2;
  return advantages.map((group) =>
    group.map((advantage) => {
      if (advantage === null) return 0;
      return isSpread ? (advantage - mean) / (deviation + 1e-4) : advantage;
    }),
  );
}
