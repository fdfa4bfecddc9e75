/** What an attack is, and what it is given. An attack changes or searches; it writes no files: trees, pairs, numbers and checkpoints
 *  go to the hooks of its context, which a stage provides. */
import type { StreamKey } from '../base/random.js';
import type { Clock } from '../base/clock.js';
import type { Judge, PreferencePair, Prompt, RolloutTree, Target } from '../dialogue/types.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { Reference } from './reference.js';
import type { TeachingText } from './teaching.js';
import type { z } from 'zod';

/** What an attack needs from a target; checked when a configuration is parsed, not in mid-run. */
export type AttackNeed = 'text' | 'logProbs' | 'hidden' | 'gradients';

export interface AttackContext {
  /** Speaks with the weights that the attack changes. */
  readonly adversary: LanguageModelAdversary;
  /** Frozen: its weights' hash is the same before and after. */
  readonly target: Target;
  /** Frozen as well, never the live adversary. */
  readonly reference: Reference;
  readonly judge: Judge;
  /** How an utterance and its reply read together. */
  readonly join: JoinTurns;
  readonly prompts: { readonly train: readonly Prompt[]; readonly dev: readonly Prompt[] };
  /** The attack's data file, already read; empty when the recipe names none. */
  readonly teaching: readonly TeachingText[];
  /** Every draw of the attack comes from a child of this. */
  readonly stream: StreamKey;
  readonly sink: AttackSink;
  readonly checkpoints: CheckpointHooks;
  /** True when the user asked to stop: the attack throws InterruptedError at the next step. */
  readonly interrupted: () => boolean;
  /** Throws BudgetError when a limit of the recipe is reached. Called between steps. */
  readonly checkLimits: () => void;
  readonly progress: (event: AttackProgress) => void;
  readonly clock: Clock;
}

/** Where results go as they arise. `step` counts optimizer steps of the attack. */
export interface AttackSink {
  readonly trees: (trees: readonly RolloutTree[], at: { readonly epoch: number; readonly step: number }) => void;
  readonly pairs: (pairs: readonly PreferencePair[], at: { readonly epoch: number; readonly step: number }) => void;
  readonly metrics: (values: Readonly<Record<string, number>>, at: { readonly epoch: number; readonly step: number }) => void;
}

/** Saving and taking up again. The state must be all that is needed to go on bit for bit. */
export interface CheckpointHooks {
  /** Where an interrupted run of this attack left off, or null. */
  readonly restored: { readonly folder: string; readonly state: unknown } | null;
  readonly save: (checkpoint: {
    readonly step: number;
    /** Mean dev reward, higher is better; null when this state was not evaluated. */
    readonly score: number | null;
    /** JSON. */
    readonly state: Readonly<Record<string, number | string | boolean | null>>;
    readonly write: (folder: string) => Promise<void>;
  }) => Promise<void>;
}

export interface AttackProgress {
  /** What is being done: 'rollout', 'train', 'dev'. */
  readonly phase: string;
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
  /** Best mean dev reward, null without dev evaluation; its weights are in the best checkpoint. */
  readonly bestScore: number | null;
}

export interface AttackDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly summary: string;
  readonly needs: readonly AttackNeed[];
  /** The recipe's keys beside `attack:`, with their defaults. */
  readonly options: Schema;
  /** The data file that the stage must read before, when the options name one. */
  readonly dataOf: (options: z.output<Schema>) => string | null;
  readonly run: (context: AttackContext, options: z.output<Schema>) => Promise<AttackOutcome>;
}

/** Keeps the schema's type while checking the shape. */
export function defineAttack<Schema extends z.ZodType>(definition: AttackDefinition<Schema>): AttackDefinition<Schema> {
  return definition;
}
