/** What an attack is, and what it is given. An attack changes or searches; it writes no files: trees, pairs, numbers
 *  and checkpoints go to the hooks of its context, which a stage provides. */
import type { Clock } from '../base/clock.js';
import type { StreamKey } from '../base/random.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { Judge, PreferencePair, Prompt, RolloutTree, Target, ToxicContinuation } from '../dialogue/types.js';
import type { CheckpointHooks, TrainingMoment } from '../learning/trainers/trainEpochs.js';
import type { LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { Reference } from './reference.js';

/** What an attack needs from a target; checked before a run starts, not in mid-run. */
export type AttackNeed = 'text' | 'logProbs' | 'hidden' | 'gradients';

export interface AttackContext {
  /** Speaks with the weights that the attack changes. */
  readonly adversary: LanguageModelAdversary;
  /** The same weights, drawing as training rollouts draw (hotter or rounded, say); `adversary` itself where a recipe
   *  makes no difference. */
  readonly explorer: LanguageModelAdversary;
  /** Frozen: its weights' hash is the same before and after. */
  readonly target: Target;
  /** The same weights as training rollouts play them (rounded, say); `target` itself where a recipe makes no
   *  difference. */
  readonly rolloutTarget: Target;
  /** Frozen as well, never the live adversary. */
  readonly reference: Reference;
  readonly judge: Judge;
  /** How an utterance and its reply read together. */
  readonly join: JoinTurns;
  readonly prompts: { readonly train: readonly Prompt[]; readonly dev: readonly Prompt[] };
  /** The texts of the attack's data file, filtered; empty when the recipe names none. */
  readonly teaching: readonly ToxicContinuation[];
  /** Every draw of the attack comes from a child of this. */
  readonly stream: StreamKey;
  readonly sink: AttackSink;
  readonly checkpoints: CheckpointHooks;
  /** Called between steps: throws InterruptedError when the user asked to stop, BudgetError when a limit of the recipe
   *  is reached. What was done since the last checkpoint is then done again by a resumed run. */
  readonly mayGoOn: () => void;
  readonly progress: (event: AttackProgress) => void;
  readonly clock: Clock;
}

/** Where results go as they arise. */
export interface AttackSink {
  readonly trees: (trees: readonly RolloutTree[], at: TrainingMoment) => void;
  readonly pairs: (pairs: readonly PreferencePair[], at: TrainingMoment) => void;
  readonly metrics: (values: Readonly<Record<string, number>>, at: TrainingMoment) => void;
}

export interface AttackProgress {
  readonly phase: 'rollout' | 'train' | 'dev';
  readonly epoch: number;
  readonly epochs: number;
  /** Latest values worth a glance. */
  readonly values: Readonly<Record<string, number>>;
}

export interface AttackOutcome {
  /** Optimizer steps taken, over all sittings. */
  readonly steps: number;
  readonly epochs: number;
  /** Why it ended. */
  readonly reason: 'epochs' | 'patience';
  /** Best mean dev reward; null without dev evaluation. */
  readonly bestScore: number | null;
}

export interface AttackDefinition<Options> {
  readonly summary: string;
  readonly needs: readonly AttackNeed[];
  readonly run: (context: AttackContext, options: Options) => Promise<AttackOutcome>;
}
