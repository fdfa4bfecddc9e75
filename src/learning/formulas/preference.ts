/** Preference losses over pairs of completions of one prefix: IPO and DPO. Pure formulas, no parameters, no state.
 *
 *  Log-probabilities are of whole completions, nats. Whether they are sums or means over tokens is the caller's choice and must be
 *  made openly, because β does not carry over: at 24 tokens and β = 0.2 IPO's target margin of 2.5 nats is 2.5 a sequence or 2.5 a
 *  token. ASTPrompter and TRL's online trainer sum, TRL's offline trainer averages for IPO. */
import { type Arithmetic, logSigmoid } from './arithmetic.js';

/** One pair (V = number) or a batch of pairs (V = value of shape [P]); completion log-probabilities in nats. */
export interface PairLogProbs<V> {
  readonly policyChosen: V;
  readonly policyRejected: V;
  readonly referenceChosen: V;
  readonly referenceRejected: V;
}

export interface PreferenceLoss<V> {
  /** A pair's loss; the mean over pairs is the batch's. */
  readonly loss: V;
  /** (log π(y+) − log π_ref(y+)) − (log π(y−) − log π_ref(y−)), nats. */
  readonly margin: V;
}

/** A preference loss as trainers look it up by name. */
export type PreferenceFormula = <V>(m: Arithmetic<V>, pair: PairLogProbs<V>, beta: number) => PreferenceLoss<V>;

/** Log-ratio of chosen over rejected, policy against reference, nats. Shapes: those of the inputs. */
export function preferenceMargin<V>(m: Arithmetic<V>, pair: PairLogProbs<V>): V {
  return m.sub(m.sub(pair.policyChosen, pair.referenceChosen), m.sub(pair.policyRejected, pair.referenceRejected));
}

/** Identity preference optimisation: (margin − 1/(2β))².
 *  @param beta regularisation, > 0, in 1/nats: the margin sought is 1/(2β) nats
 *  @source arXiv 2310.12036 eq. 17 */
export function ipo<V>(m: Arithmetic<V>, pair: PairLogProbs<V>, beta: number): PreferenceLoss<V> {
  const margin = preferenceMargin(m, pair);
  const residual = m.shift(margin, -1 / (2 * beta));
  return { loss: m.mul(residual, residual), margin };
}

/** Direct preference optimisation: −log σ(β · margin).
 *  @param beta inverse temperature of the implied reward, > 0, in 1/nats
 *  @source arXiv 2305.18290 eq. 7 */
export function dpo<V>(m: Arithmetic<V>, pair: PairLogProbs<V>, beta: number): PreferenceLoss<V> {
  const margin = preferenceMargin(m, pair);
  return { loss: m.scale(logSigmoid(m, m.scale(margin, beta)), -1), margin };
}

export const preferenceFormulas = { ipo, dpo } as const satisfies Record<string, PreferenceFormula>;
export type PreferenceFormulaName = keyof typeof preferenceFormulas;
