/** The weight of the KL penalty over a training: fixed, or steered towards a divergence. */

/** `adaptive` raises the coefficient where the divergence is above the target, and lowers it where it is below.
 *  @source Ziegler et al., arXiv 1909.08593 section 2.2 */
export type KlControl =
  | { readonly kind: 'fixed' }
  /** @param target KL to the reference that is sought, nats per completion
   *  @param horizon after this many completions the coefficient has changed by a fifth of itself at most */
  | { readonly kind: 'adaptive'; readonly target: number; readonly horizon: number };

/** Largest change of the coefficient, as a share of it, per `horizon` completions. */
const mostChange = 0.2;

/** Returns the number of completions from which one update may bring the coefficient to 0 or below. */
export function mostCompletions({ horizon }: { readonly horizon: number }): number {
  return horizon / mostChange;
}

/** Returns the coefficient of the next rollout.
 *  @param measured the mean over completions of their summed KL to the *reference* (not to the policy that drew them),
 *    nats, and the completions that it is a mean of: the true number, not the setting */
export function nextKlCoefficient(
  coefficient: number,
  control: KlControl,
  measured: { readonly kl: number; readonly completions: number },
): number {
  if (control.kind === 'fixed') return coefficient;
  const error = Math.min(mostChange, Math.max(-mostChange, measured.kl / control.target - 1));
  return coefficient * (1 + (error * measured.completions) / control.horizon);
}
