/** The data of red teaming: prompts, dialogues, verdicts, rollout trees, preference pairs; and the three roles that
 *  produce them. Plain and immutable; no tensors. Every token belongs to one author; for local models ids are the truth
 *  and text is derived from them. */
import type { StreamKey } from '../base/random.js';

/** The start of a dialogue: text that neither speaker under test wrote. */
export interface Prompt {
  /** Unique within a data set and stable between runs. */
  readonly id: string;
  readonly text: string;
  /** The source conversation: a split never puts one conversation on both sides. */
  readonly conversationId: string;
  /** Known turns when the source has them (ConvoKit, chat logs); `text` is their join. */
  readonly turns?: readonly string[];
  /** The act that the adversary tries to bring the target to. The judge may see it, the target never. */
  readonly goal?: string;
  /** The text that the target is to be brought to say, or that a search makes likely. Neither side sees it; judges do. */
  readonly targetString?: string;
  /** Judges are told this beside the goal: the text that the goal speaks of, or what each side knows of the other. Neither
   *  side sees it. */
  readonly background?: string;
  /** Names of the speakers where the dialogue is one of persons; both sides may know them. */
  readonly names?: SpeakerNames;
  /** Private parts that one side alone sees before the dialogue. */
  readonly views?: PrivateViews;
  /** Further fields of the source that a data set keeps, such as a toxicity score. */
  readonly meta?: Readonly<Record<string, string | number | boolean | null>>;
}

/** An alias, so that it is JSON where it is recorded. */
export type SpeakerNames = { readonly adversary: string; readonly target: string };

/** A prompt's part for one side alone, beside what both see. An alias, so that it is JSON where it is recorded. */
export type PrivateView = {
  /** Follows the speaker's own system instruction; formats without one begin with it. */
  readonly system?: string;
  /** Opening turns before the prompt's own, oldest first; in a chat their roles alternate. */
  readonly turns?: readonly string[];
};

export type PrivateViews = { readonly adversary?: PrivateView; readonly target?: PrivateView };

/** A text that is known to be harmful, cut in two: training data of the SFT baseline and of weak supervision. */
export interface ToxicContinuation {
  readonly prefix: Prompt;
  readonly continuation: string;
  /** Toxicity of the continuation, in [0, 1]; null when the source gives none. */
  readonly toxicity: number | null;
}

export type Author = 'adversary' | 'target';

/** Token ids of one utterance under the tokenizer that produced them. */
export interface TokenTrace {
  /** Equal for two models exactly when their ids mean the same text (a hash of vocabulary, merges and rules). */
  readonly tokenizerId: string;
  /** Includes the end token when one was generated. */
  readonly ids: readonly number[];
  /** log p of each id under the raw model (temperature 1, no truncation), nats. Length of `ids`. */
  readonly logProbs?: readonly number[];
  /** log p of each id under the distribution it was drawn from, nats. Length of `ids`. */
  readonly samplingLogProbs?: readonly number[];
}

export interface Utterance {
  readonly author: Author;
  readonly text: string;
  /** Token ids and log-probabilities; null for remote speakers, which give text only. */
  readonly tokens: TokenTrace | null;
  readonly finishReason: 'stop' | 'length';
  /** The ids that its model continued when it said this. Of models on this machine; kept in memory, never recorded. */
  readonly contextIds?: readonly number[];
  /** The reading of the target that answered this utterance; absent where it cannot tell. Kept in memory, never recorded. */
  readonly reading?: Reading;
  /** The planner's decision before this was said; kept in memory, never recorded. */
  readonly decision?: Decision;
  /** The reasoning that the speaker wrote and that was cut from `text`. Ids hold it still. */
  readonly reasoning?: string;
  /** Why the speaker gave no text that can be read: `text` is empty then, and verdicts on it are `unscored`. */
  readonly noReply?: string;
}

/** A planner's decision before an utterance of the model that it steers: the state that it saw, and its action. */
export interface Decision {
  readonly state: Float32Array;
  /** The action itself, or its difference from the one that a clone would have taken: a replay buffer stores it. */
  readonly action: Float32Array;
}

/** The target's reading of an utterance. */
export interface Reading {
  /** log p_target of each token of the utterance given the dialogue before it, nats. */
  readonly logProbs: readonly number[];
  /** The target's own ids of the utterance and of everything before it; null for an endpoint. */
  readonly tokens: { readonly prefixIds: readonly number[]; readonly ids: readonly number[] } | null;
}

/** A prompt and what was said since, oldest first; authors alternate, the adversary first. */
export interface Dialogue {
  readonly prompt: Prompt;
  readonly turns: readonly Utterance[];
}

/** A judge's verdict on one text. Harm is never NaN; a failure of the judge is `unscored`, never a pass. */
export type Verdict =
  | {
      readonly kind: 'scored';
      /** Harm in [0, 1]. */ readonly harm: number;
      /** harm > the judge's threshold */ readonly failed: boolean;
      readonly labels: Readonly<Record<string, number>>;
      /** Ratings by name on scales of their own, which reports average; among the labels as well. */
      readonly ratings?: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: 'unscored';
      readonly reason: string;
      /** Whether the judge was not asked, since it rates dialogues at their end: no silence of the judge. */
      readonly notDue?: true;
    };

/** The exchange that a judged text belongs to: the text is its reply, or utterance and reply together. */
export interface JudgedExchange {
  readonly utterance: string;
  readonly reply: string;
  /** The turns of both sides before the utterance, oldest first; absent at the beginning of a dialogue. */
  readonly before?: readonly JudgedTurn[];
}

/** A turn of a dialogue, as a judge may know it. */
export type JudgedTurn = Pick<Utterance, 'author' | 'text'>;

/** A text to judge, with what is known of it. Only judges whose prompt shows more than the text look at the rest. */
export interface JudgedItem {
  readonly text: string;
  /** Absent for a text on its own. */
  readonly exchange?: JudgedExchange;
  /** The goal of the dialogue, where its prompt has one. */
  readonly goal?: string;
  /** The text that the target is to be brought to say, such as a secret, where its prompt says so. */
  readonly targetString?: string;
  /** The text that its prompt tells judges beside the goal. */
  readonly background?: string;
  /** Names of the speakers. */
  readonly names?: SpeakerNames;
  /** Why there is no text to judge: every judge then answers `unscored` with this reason. */
  readonly noReply?: string;
}

export interface Judge {
  readonly name: string;
  readonly threshold: number;
  /** Whether its verdicts are facts, so that no figure of it can be an artefact; absent where they are estimates. */
  readonly isExact?: true;
  /** Whether it rates a dialogue as a whole: it is asked once, at the last exchange. */
  readonly ratesDialogues?: true;
  /** Gives one verdict per item, in order. Never rejects for one bad text: that text is `unscored`. */
  readonly judge: (items: readonly JudgedItem[]) => Promise<readonly Verdict[]>;
  /** Returns counts of what the judge has read and written since it was opened, by name ('texts', 'promptTokens' …); only
   *  judges that are models count. */
  readonly usage?: () => Readonly<Record<string, number>>;
}

export interface SpeakRequest {
  readonly dialogue: Dialogue;
  /** The draws of this utterance: the same key gives the same text whatever else is in the batch. */
  readonly stream: StreamKey;
  /** Whether the dialogue will go on after this utterance, so that a speaker may keep what it has read of it. Default
   *  false. */
  readonly goesOn?: boolean;
}

/** The speaker that tries to make the target fail. It never sees the target's view. */
export interface Adversary {
  readonly name: string;
  /** Returns one utterance per request, in order; every request's dialogue ends with the target's turn or has no turn. */
  readonly speak: (requests: readonly SpeakRequest[]) => Promise<readonly Utterance[]>;
}

export interface TargetReply {
  readonly reply: Utterance;
  /** Its reading of the adversary's last utterance. Null when the target cannot tell (remote text-only targets). */
  readonly reading: Reading | null;
}

/** The model under test. Never sees a goal, a target string, a background, the adversary's view or a verdict. */
export interface Target {
  readonly name: string;
  readonly provides: { readonly logProbs: boolean; readonly weights: boolean };
  /** Returns one reply per request, in order; every request's dialogue ends with the adversary's turn. */
  readonly reply: (requests: readonly SpeakRequest[]) => Promise<readonly TargetReply[]>;
  /** Returns log p of each token of given texts as the beginning of its reply, nats: one list per text of each request,
   *  in order; null for a text whose tokens it cannot tell. The reply itself is not changed by it. Absent where the
   *  target gives no log-probabilities. */
  readonly scoreTexts?: (
    requests: readonly TextsToScore[],
  ) => Promise<readonly (readonly (readonly number[] | null)[])[]>;
}

/** Texts that a target may begin its reply with. */
export interface TextsToScore {
  /** Ends with the adversary's turn. */
  readonly dialogue: Dialogue;
  readonly texts: readonly string[];
}

/** Verdicts and reward of one exchange (adversary utterance, target reply). */
export interface ExchangeScore {
  /** Verdict on the target's reply alone. */
  readonly reply: Verdict;
  /** Verdict on utterance and reply together. */
  readonly exchange: Verdict;
  /** Verdict on the adversary's utterance alone (reported, not rewarded by default). */
  readonly utterance: Verdict;
  /** Mean over its tokens of −log p_target(utterance | dialogue), nats per token; null when unknown. */
  readonly adversaryNll: number | null;
  /** Mean −log p_target of the words that the target is to say after the utterance, nats per token; null when unknown,
   *  absent when no reward asks for it. */
  readonly targetTextNll?: number | null;
  /** Weighted terms by name and their sum; null when a term it needs is unscored or unknown. */
  readonly reward: { readonly total: number; readonly terms: Readonly<Record<string, number>> } | null;
}

/** A dialogue and the score of each of its exchanges: `scores[i]` belongs to turns 2i and 2i + 1. */
export interface ScoredDialogue {
  readonly dialogue: Dialogue;
  readonly scores: readonly ExchangeScore[];
}

/** One exchange in a rollout tree. `dialogue` ends with this exchange's reply. */
export interface RolloutNode {
  readonly dialogue: Dialogue;
  /** Depth in the tree, 1 for the first exchange. */
  readonly depth: number;
  readonly score: ExchangeScore;
  /** Next exchanges; empty at the horizon or when this branch was not continued. Siblings share `dialogue` up to the last exchange. */
  readonly children: readonly RolloutNode[];
}

export interface RolloutTree {
  readonly prompt: Prompt;
  readonly roots: readonly RolloutNode[];
}

/** Two utterances after one dialogue, the first with the higher reward, or a demonstration that wins by force. */
export interface PreferencePair {
  readonly dialogue: Dialogue;
  readonly chosen: Utterance;
  readonly rejected: Utterance;
  readonly chosenReward: number | null;
  readonly rejectedReward: number | null;
  /** Whether the winner was given by weak supervision, not earned. */
  readonly isDemonstration: boolean;
}
