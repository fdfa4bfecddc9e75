/** Preference losses over completions of one prefix: IPO, DPO and contrastive trajectory balance over pairs, ADPO over a
 *  pair and a third completion that must become less likely. Pure formulas, no parameters, no state. In what follows Δ(y) = log π(y|x) − log
 *  π_ref(y|x).
 *
 *  Log-probabilities are of whole completions, nats. Whether they are sums or means over tokens is the caller's choice
 *  and must be made openly, because β does not carry over: at 24 tokens and β = 0.2 IPO's target margin of 2.5 nats is
 *  2.5 per sequence or 2.5 per token. ASTPrompter and TRL's online trainer sum, TRL's offline one averages for IPO. */
import { present, unreachable } from '../../base/invariant.js';
import { type Arithmetic, logSigmoid } from './arithmetic.js';

/** One pair (V = number) or a batch of pairs (V = value of shape [P]); completion log-probabilities in nats. */
export interface PairLogProbs<V> {
  readonly policyChosen: V;
  readonly policyRejected: V;
  readonly referenceChosen: V;
  readonly referenceRejected: V;
}

/** A pair and the completion that ADPO pushes away, where the objective reads it (`readsToxic`). Shapes as of the pair.
 */
export interface PreferenceLogProbs<V> extends PairLogProbs<V> {
  /** log π(y_t|x): x without the control token, whatever the completion was sampled after. */
  readonly policyToxic?: V;
  /** log π_ref(y_t|x), or log π_ref(y_t|x with the control token): the formula reads a number. */
  readonly referenceToxic?: V;
  /** The margin that a pair's scores ask for, nats, where the objective reads it (`readsMargin`). */
  readonly soughtMargin?: V;
}

export interface PreferenceLoss<V> {
  /** A pair's loss; the mean over pairs is the batch's. */
  readonly loss: V;
  /** Δ(y+) − Δ(y−), nats. */
  readonly margin: V;
}

export interface IpoObjective {
  readonly loss: 'ipo';
  readonly beta: number;
}

export interface DpoObjective {
  readonly loss: 'dpo';
  readonly beta: number;
}

export interface CtbObjective {
  readonly loss: 'ctb';
  /** Scores per nat, > 0: the caller's margins are score gaps over it. The loss does not read it, what is logged does. */
  readonly beta: number;
}

export interface AdpoObjective {
  readonly loss: 'adpo';
  /** How the third completion enters: see `adpo`. */
  readonly form: 'joint' | 'paired' | 'separate';
  /** The β of DPO. */
  readonly beta: number;
  /** Weight of the third completion's log-ratio, ≥ 0, in 1/nats. */
  readonly gamma: number;
  /** Weight of the second term of `separate`, ≥ 0, dimensionless; the other forms have none. */
  readonly lambda: number;
}

/** A preference training minimises one of these. */
export type PreferenceObjective = IpoObjective | DpoObjective | CtbObjective | AdpoObjective;

/** Log-ratio of chosen over rejected, policy against reference, nats. Shapes: those of the inputs. */
function preferenceMargin<V>(m: Arithmetic<V>, pair: PairLogProbs<V>): V {
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

/** Contrastive trajectory balance: (margin − m)² with the margin m that the pair's scores ask for. With m = Δc/β it is at
 *  rest where π(y) ∝ π_ref(y)·exp(c(y)/β): probability in proportion to a reward, not all of it on the best completion.
 *  Over all pairs of a prompt's draws its gradient is that of the variance of log π − log R, so that the normaliser Z of
 *  trajectory balance is not needed.
 *  @throws invariant when the pair's margin is absent
 *  @source Stable-GFlowNet, arXiv 2605.00553; the variance form is VarGrad, arXiv 2010.10436 */
function ctb<V>(m: Arithmetic<V>, logProbs: PreferenceLogProbs<V>): PreferenceLoss<V> {
  const margin = preferenceMargin(m, logProbs);
  const residual = m.sub(margin, present(logProbs.soughtMargin, 'contrastive trajectory balance reads a margin'));
  return { loss: m.mul(residual, residual), margin };
}

/** Adversarial direct preference optimisation. A third completion y_t shows the failure; its likelihood falls beside
 *  the pair's margin. joint −log σ(β[Δ(y+) − Δ(y−)] − γΔ(y_t)) paired −log σ(β[Δ(y+) − Δ(y−)] + γ[Δ(y+) − Δ(y_t)])
 *  separate −log σ(β[Δ(y+) − Δ(y−)]) − λ log σ(γ[Δ(y+) − Δ(y_t)]) Where y_t has no weight (`readsToxic`) this is `dpo`
 *  itself, to the bit. That leaves out the constant λ log 2 that the formula of `separate` has at γ = 0, so that there
 *  its value steps while its gradient does not.
 *  @throws invariant when y_t has a weight and its log-probabilities are absent
 *  @source arXiv 2405.12900. The paper says reward plus penalty in words; `joint` follows them most closely, its
 *    equation was not at hand, and the other two are readings of our own. */
export function adpo<V>(
  m: Arithmetic<V>,
  logProbs: PreferenceLogProbs<V>,
  objective: Omit<AdpoObjective, 'loss'>,
): PreferenceLoss<V> {
  const { form, beta, gamma, lambda } = objective;
  if (!readsToxic({ loss: 'adpo', ...objective })) return dpo(m, logProbs, beta);
  const margin = preferenceMargin(m, logProbs);
  const toxic = m.sub(
    present(logProbs.policyToxic, 'ADPO reads a toxic completion'),
    present(logProbs.referenceToxic, 'ADPO reads the reference of a toxic completion'),
  );
  const overToxic = (): V => m.sub(m.sub(logProbs.policyChosen, logProbs.referenceChosen), toxic);
  const cost = (x: V): V => m.scale(logSigmoid(m, x), -1);
  switch (form) {
    case 'joint':
      return { loss: cost(m.sub(m.scale(margin, beta), m.scale(toxic, gamma))), margin };
    case 'paired':
      return { loss: cost(m.add(m.scale(margin, beta), m.scale(overToxic(), gamma))), margin };
    case 'separate':
      return { loss: m.add(cost(m.scale(margin, beta)), m.scale(cost(m.scale(overToxic(), gamma)), lambda)), margin };
    default:
      return unreachable(form);
  }
}

/** Whether the objective gives the third completion any weight. */
export function readsToxic(objective: PreferenceObjective): boolean {
  return objective.loss === 'adpo' && objective.gamma > 0 && (objective.form !== 'separate' || objective.lambda > 0);
}

/** Whether the objective reads a margin with each pair. */
export function readsMargin(objective: PreferenceObjective): boolean {
  return objective.loss === 'ctb';
}

/** The objective's loss of a pair. Shapes: those of the inputs. */
export function preferenceFormula<V>(
  m: Arithmetic<V>,
  logProbs: PreferenceLogProbs<V>,
  objective: PreferenceObjective,
): PreferenceLoss<V> {
  switch (objective.loss) {
    case 'ipo':
      return ipo(m, logProbs, objective.beta);
    case 'dpo':
      return dpo(m, logProbs, objective.beta);
    case 'ctb':
      return ctb(m, logProbs);
    case 'adpo':
      return adpo(m, logProbs, objective);
    default:
      return unreachable(objective);
  }
}
