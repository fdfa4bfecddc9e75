/** This file defines an attack and its context. An attack changes or searches; it writes no files: trees, pairs,
 *  numbers and checkpoints go to the hooks of its context, which a stage provides.
 *
 *  Everything that other rooms must know of an attack is said here, by the attack itself: nothing outside this folder
 *  asks for an attack by name. */
import type { z } from 'zod';
import type { BrokenRule } from '../base/brokenRule.js';
import type { Clock } from '../base/clock.js';
import type { Amounts, Spending } from '../base/spending.js';
import type { StreamKey } from '../base/random.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { RewardWeights } from '../dialogue/reward.js';
import type { PlayJobs } from '../dialogue/rollout/jobs.js';
import type {
  Adversary,
  Judge,
  PreferencePair,
  Prompt,
  RolloutTree,
  ScoredDialogue,
  Target,
  ToxicContinuation,
} from '../dialogue/types.js';
import type { ValueHeadKind } from '../engine/models/valueHead.js';
import type { Learner } from '../learning/learner.js';
import type { CheckpointHooks, TrainingMoment } from '../learning/trainers/trainEpochs.js';
import type { Find } from '../speakers/adversaries/finds.js';
import type { LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import type { AdversaryChanges, AdversaryOptions, TargetOptions } from '../speakers/options.js';
import type { LocalTarget } from '../speakers/targets/local.js';
import type { DialogueLengths, DemonstrationLengths } from '../speakers/calls.js';
import type { Work } from '../speakers/work.js';
import type { NearTexts } from '../stats/differentFindings.js';
import type { AttackSchema } from './attackOptions.js';
import type { Reference } from './reference.js';

/** An attack needs this from a target: text is what every target gives, log-probabilities of given text, or the model
 *  itself (a white box). Checked when a recipe is read and, for what only the open target knows, before a run spends
 *  anything. */
export type AttackNeed = 'text' | 'logProbs' | 'weights';

/** A policy learns on training prompts and speaks on held-out ones. A search works on every prompt of the evaluation
 *  itself, within a budget for each, and what it found is said there: its figures compare with a policy's only beside
 *  what it cost. */
export type AttackKind = 'policy' | 'search';

/** An attack's result is kept under models/NAME as weights, as a planner that steers the adversary, or as what is to be
 *  said at each prompt. */
export type AttackProduct = 'model' | 'planner' | 'finds';

/** The texts that an attack learns from. */
export interface TextsQuery {
  /** The key of the options that names the file. */
  readonly key: string;
  /** The value null leaves the stage out until data is given. */
  readonly data: string | null;
  readonly format?: string | undefined;
  /** Keep texts that the judge scores above it. */
  readonly minHarm: number;
  /** Texts that are used at most; null uses all. */
  readonly maxTexts: number | null;
  /** Texts are cut to this many tokens; null cuts at the adversary's own limit. */
  readonly maxTokens: number | null;
}

/** The traits of an attack that follow from its options, as far as others must know. */
export interface AttackTraits {
  /** The weights of its reward; null for an attack without a reward. */
  readonly reward: RewardWeights | null;
  /** Phrasings for the terms of its reward that ask how likely the target's words are; default the target string. */
  readonly targetTexts?: readonly string[];
  /** Name of the earlier stage whose adversary it starts from; default: the recipe's adversary. */
  readonly startsFrom?: string | null;
  /** Exchanges of the dialogues that it plays with the target; zero for an attack that never meets the target. */
  readonly horizon: number;
  /** Sets of prompts that it cannot do without; `because` adds to the message where one is missing. */
  readonly prompts: readonly { readonly set: 'train' | 'dev' | 'test'; readonly because?: string }[];
  readonly texts: TextsQuery | null;
  /** Models on this machine that it looks into beside the target, by key of its options; default none. */
  readonly models?: readonly { readonly key: string; readonly model: string }[];
  /** Takes the place of the definition's `kind`, for an attack whose options decide it. */
  readonly kind?: AttackKind;
  /** Takes the place of the definition's `trainsOnJudge` in the same way. */
  readonly trainsOnJudge?: boolean;
  /** How the adversary that it prompts differs from the recipe's, under the options' key `attacker`. */
  readonly attacker?: AdversaryChanges;
  /** Whether it gives that adversary an instruction of its own, in the place of the recipe's `system`. Default false. */
  readonly instructsAttacker?: boolean;
  /** Most that a search spends on one prompt, by the names of the run's spending. */
  readonly budget?: Readonly<Record<string, number>>;
  /** Needs beside those that every use of the attack has; default none. */
  readonly alsoNeeds?: readonly AttackNeed[];
  /** Options that do not fit together; paths start at the options. */
  readonly broken: readonly BrokenRule[];
}

/** An attack's work is counted from these. */
export interface AttackLengths extends DialogueLengths {
  /** The texts of its `TextsQuery`; null without one. */
  readonly demonstrations: DemonstrationLengths | null;
  /** Number of test prompts that an evaluation plays, the first ones; null for all. A search works on them. */
  readonly evaluated: number | null;
  /** The adversary that it prompts, where it differs from the recipe's, whose place it takes in the lengths; null
   *  otherwise. */
  readonly attacker: AdversaryOptions | null;
  readonly speakers: {
    readonly target: TargetOptions;
    readonly adversary: AdversaryOptions;
    readonly reference: string | null;
  };
}

export interface AttackDefinition<Schema extends AttackSchema> {
  readonly summary: string;
  readonly schema: Schema;
  readonly kind: AttackKind;
  readonly needs: readonly AttackNeed[];
  readonly product: AttackProduct;
  /** The attack's use of the recipe's adversary: it trains or steers it (which must then be a model on this machine), it
   *  prompts it as it is, or it does without. */
  readonly adversary: 'trains' | 'steers' | 'prompts' | 'none';
  /** Whether it is trained or selected by the recipe's judge: that judge's figures flatter it then. */
  readonly trainsOnJudge: boolean;
  /** Whether it trains a value head beside the adversary, which no trainer elsewhere does. Default false. */
  readonly trainsValueHead?: boolean;
  readonly traits: (options: z.output<Schema>) => AttackTraits;
  readonly work: (options: z.output<Schema>, facts: AttackLengths) => Work;
  /** Resumes from `context.checkpoints.restored` where there is one. */
  readonly run: (context: AttackContext, options: z.output<Schema>) => Promise<AttackOutcome>;
}

export interface AttackContext {
  /** Frozen: its weights' hash is the same before and after. */
  readonly target: Target;
  /** The same weights as training rollouts play them (rounded, say); `target` itself where a recipe makes no
   *  difference. */
  readonly rolloutTarget: Target;
  readonly judge: Judge;
  /** How an utterance and its reply read together. */
  readonly join: JoinTurns;
  readonly prompts: {
    readonly train: readonly Prompt[];
    readonly dev: readonly Prompt[];
    /** Those that a later evaluation plays, for an attack whose product is `finds`; empty for every other, which must not
     *  learn on them. */
    readonly test: readonly Prompt[];
  };
  /** The texts of the attack's data file, filtered; empty when the recipe names none. */
  readonly demonstrations: readonly ToxicContinuation[];
  /** Reads the texts that this attack and the others of the recipe learn from; null where nothing is taught. */
  readonly taught: () => Promise<NearTexts | null>;
  /** Every draw of the attack comes from a child of this. */
  readonly stream: StreamKey;
  /** Plays dialogues; an attack does not know where. */
  readonly playJobs: PlayJobs;
  /** Opens the adversary for training at the first call. What an attack does not call is not opened.
   *  @param sampling how the behaviour policy draws, where that differs from the adversary
   *  @param valueHead a head that is trained beside the adversary; default none */
  readonly learner: (sampling?: SamplingChange, valueHead?: ValueHeadKind) => Promise<AttackLearner>;
  /** Opens the adversary that the attack prompts, frozen, at the first call, a local model or an endpoint: the recipe's, or
   *  the product of the stage that it starts from, with the changes of `attacker`. */
  readonly attacker: () => Promise<Adversary>;
  /** Opens the recipe's adversary, frozen, to be steered, at the first call.
   *  @param sampling how it draws while it explores, where that differs from the adversary */
  readonly steerable: (sampling?: SamplingChange) => Promise<SteeredSpeaker>;
  /** Returns a folder of the run, named after the stage, for what an attack writes itself as it goes on.
   *  @param kind the folder above it */
  readonly folder: (kind: 'buffers') => string;
  /** Returns the path of what a recipe names. */
  readonly locate: (path: string) => string;
  /** Gives the frozen target with its model, or another model read as the target is read, one of the `models` of its
   *  traits. @throws ConfigError for a target that is not on this machine */
  readonly whiteBox: (model?: string) => Promise<WhiteBox>;
  /** Opens what reads the meaning of texts: the target's own states, or an encoder by its path. What it reads is counted.
   *  @throws ConfigError for a target that is not on this machine, or a model that there is not */
  readonly embedder: (encoder: string | null) => Promise<TextEmbedder>;
  readonly sink: AttackSink;
  readonly checkpoints: CheckpointHooks;
  /** Called between steps: throws InterruptedError when the user asked to stop, BudgetError when a limit of the recipe
   *  is reached. What was done since the last checkpoint is then done again by a resumed run. */
  readonly mayGoOn: () => void;
  readonly progress: (event: AttackProgress) => void;
  readonly clock: Clock;
  /** Holds what the run spends, counted by speakers, judges and trainers. An attack that calls `whiteBox` adds its own
   *  passes of the target's model: `targetEvaluations` and `targetGradients`. */
  readonly spending: Spending;
}

/** Gives each text a vector, in order; no text is empty. */
export interface TextEmbedder {
  readonly embed: (texts: readonly string[]) => Promise<readonly Float32Array[]>;
  readonly close: () => Promise<void>;
}

/** The target as an attack that looks into it sees it. */
export type WhiteBox = Pick<LocalTarget, 'model' | 'format' | 'textSequences'>;

/** How the behaviour policy draws, where that differs from the adversary. */
export type SamplingChange = { readonly [Key in keyof SpeakerSampling]?: SpeakerSampling[Key] | undefined };

/** The adversary in training. */
export interface AttackLearner {
  /** Speaks with the weights that the attack changes. */
  readonly adversary: LanguageModelAdversary;
  /** The behaviour policy: the same weights, drawing as training rollouts draw (hotter or rounded, say); `adversary`
   *  itself where a recipe makes no difference. */
  readonly behaviour: LanguageModelAdversary;
  /** Changes the weights. */
  readonly trainers: Learner;
  /** Opens what the adversary is held close to: frozen, never the live adversary. */
  readonly reference: () => Promise<Reference>;
}

/** The adversary to be steered. */
export interface SteeredSpeaker {
  /** The adversary as the recipe has it; `steered` gives one with a planner. */
  readonly adversary: LanguageModelAdversary;
  /** The same weights, drawing as they draw in exploration. */
  readonly explorer: LanguageModelAdversary;
  /** The folder of the earlier stage's product that the attack starts from; null where it starts anew. */
  readonly startFolder: string | null;
}

/** Receives results as they arise. */
export interface AttackSink {
  readonly trees: (trees: readonly RolloutTree[], at: TrainingMoment) => void;
  readonly pairs: (pairs: readonly PreferencePair[], at: TrainingMoment) => void;
  /** Dialogues that were tried with the target.
   *  @param costs what the search of the prompt had spent up to each of them, itself included */
  readonly tries: (dialogues: readonly ScoredDialogue[], at: TrainingMoment, costs?: readonly Amounts[]) => void;
  readonly metrics: (values: Readonly<Record<string, number>>, at: TrainingMoment) => void;
}

export interface AttackProgress {
  readonly phase: 'rollout' | 'train' | 'dev' | 'search';
  /** From 1; of a search the prompt that it works on. */
  readonly epoch: number;
  readonly epochs: number;
  /** Latest values worth a glance. */
  readonly values: Readonly<Record<string, number>>;
}

export interface AttackOutcome {
  /** Optimizer steps taken, over all sessions; of a search the checkpoints that it left. */
  readonly steps: number;
  readonly epochs: number;
  /** Why it ended. */
  readonly reason: 'epochs' | 'patience' | 'searched';
  /** Best mean dev reward; null without dev evaluation. */
  readonly bestScore: number | null;
  readonly product: AttackOutput;
}

/** The product that is kept as models/NAME. */
export type AttackOutput =
  /** The adversary's weights: those of the best dev reward, or the last. */
  | { readonly kind: 'model'; readonly keep: 'best' | 'last' }
  /** A planner that steers the recipe's adversary. */
  | {
      readonly kind: 'planner';
      /** Writes it into an existing folder. */
      readonly save: (folder: string) => Promise<void>;
      readonly release: () => Promise<void>;
    }
  /** The finds of a search, one entry per test prompt; a prompt without a find has one, too. */
  | { readonly kind: 'finds'; readonly finds: readonly Find[] };
