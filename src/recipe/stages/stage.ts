/** A kind of stage says itself what other rooms must know of it: nothing outside asks for a kind by name. How
 *  a stage runs is `src/stages/`. */
import type { z } from 'zod';
import type { Attack } from '../../attacks/define.js';
import type { BrokenRule } from '../../base/brokenRule.js';
import type { RewardWeights } from '../../dialogue/reward.js';
import type { JudgeOptions } from '../../speakers/judges/options.js';
import type { AdversaryChanges, AdversaryOptions, SpeakerOptions, TargetOptions } from '../../speakers/options.js';
import type { DialogueLengths, DemonstrationLengths, ListLengths, SpeakerLengths } from '../../speakers/calls.js';
import type { Work } from '../../speakers/work.js';

/** The traits of a stage that follow from its options, as far as others must know. */
export interface StageTraits {
  /** The stage's name where its options give none. */
  readonly name: string;
  /** A recipe has at most one of it. */
  readonly isOnce: boolean;
  /** The key of the options whose data is missing, so that the stage is left out; null where nothing is missing. */
  readonly missing: string | null;
  /** The attack of a stage that trains or searches an adversary. */
  readonly attack: Attack | null;
  /** The weights of its own reward; null where it has none. */
  readonly reward: RewardWeights | null;
  /** Sets of prompts that it cannot do without; `because` adds to the message where one is missing. */
  readonly prompts: readonly { readonly set: 'train' | 'dev' | 'test'; readonly because?: string }[];
  /** Files that it reads, by key of its options; the texts of a list are counted before the run. */
  readonly files: readonly {
    readonly key: string;
    readonly name: string | null | undefined;
    readonly isList?: boolean;
  }[];
  /** Judges beside the recipe's own; paths start at its options. */
  readonly judges: readonly { readonly path: readonly (string | number)[]; readonly judge: JudgeOptions }[];
  /** Models on this machine that it opens beside the recipe's own, by key of its options. */
  readonly models: readonly { readonly key: string; readonly model: string | null }[];
  /** Models that speak in it beside the recipe's own; paths start at its options. */
  readonly speakers: readonly {
    readonly role: 'writer';
    readonly path: readonly string[];
    readonly speaker: SpeakerOptions;
  }[];
  /** Adversaries beside the recipe's own, by name, as changes of it; paths start at its options. */
  readonly adversaries: readonly {
    readonly name: string;
    readonly path: readonly string[];
    readonly changes: AdversaryChanges;
  }[];
  /** Names under models/ of the targets that it makes, each with its path in the options. */
  readonly targets: readonly { readonly name: string; readonly path: readonly (string | number)[] }[];
  /** Further names under models/ that it takes. */
  readonly takenNames: readonly string[];
  /** Options that do not fit together; paths start at the options. */
  readonly broken: readonly BrokenRule[];
  /** A run exceeds its threshold (exit code 3) when a row's failure rate is greater; null for no threshold. */
  readonly failOver: number | null;
}

/** The work of a stage is counted from these. */
export interface StageLengths extends DialogueLengths {
  readonly speakers: {
    readonly target: TargetOptions;
    readonly adversary: AdversaryOptions;
    readonly reference: string | null;
  };
  /** Number of test prompts that the evaluation plays, the first ones; null for all. */
  readonly evaluated: number | null;
  /** The adversary that the attack prompts, where it differs from the recipe's; null otherwise. `adversary` has its lengths
   *  then. */
  readonly attacker: AdversaryOptions | null;
  /** Texts that this stage learns from; null without them. */
  readonly demonstrations: DemonstrationLengths | null;
  /** Texts of the lists that stages read, by file as the recipe writes it. */
  readonly lists: ReadonlyMap<string, ListLengths>;
  /** Most samples that exploring keeps for labelling; zero without it. */
  readonly samples: number;
  /** Exchanges of the longest dialogues that attacks of the recipe play; at least 1. */
  readonly horizon: number;
  /** The reward of the first attack that has one, which an evaluation measures by default. */
  readonly trained: { readonly reward: RewardWeights; readonly targetTexts?: readonly string[] } | null;
  /** Names of the adversaries that an evaluation compares, and how many rows it plays with all targets and rounds:
   *  `played` by the recipe's adversary, trained or not, `found` by what searches have found, and others by a speaker of
   *  their own. */
  readonly rows: {
    readonly adversaries: readonly string[];
    readonly played: number;
    readonly found: number;
    readonly others: readonly {
      readonly speaker: AdversaryOptions;
      readonly lengths: SpeakerLengths;
      readonly played: number;
    }[];
  };
}

export interface StageKind<Schema extends z.ZodType> {
  /** Its command does this: 'train the adversaries of a recipe, and nothing else'. */
  readonly summary: string;
  readonly schema: Schema;
  readonly traits: (options: z.output<Schema>) => StageTraits;
  /** How the dry run calls it, where that is not its name. */
  readonly label?: (lengths: StageLengths) => string;
  readonly work: (options: z.output<Schema>, lengths: StageLengths) => Work;
  /** Sentences for the reader of a dry run. */
  readonly remarks?: (options: z.output<Schema>) => readonly string[];
  /** Whether a loop does it in every round, or in every round but the last. */
  readonly inLoop: 'every round' | 'all but the last' | 'own count';
}

/** Traits of a stage that needs, makes and names nothing. */
export const noTraits: Omit<StageTraits, 'name'> = {
  isOnce: false,
  missing: null,
  attack: null,
  reward: null,
  prompts: [],
  files: [],
  judges: [],
  models: [],
  speakers: [],
  adversaries: [],
  targets: [],
  takenNames: [],
  broken: [],
  failOver: null,
};
