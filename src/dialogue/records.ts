/** Writes the lines of rollouts.jsonl, which readRecords.ts reads: one dialogue per line, from the prompt to a leaf of its tree: siblings
 *  that were not continued are leaves, and `path` tells which lines share their beginning. Ids are those of the
 *  speaker’s own tokenizer. The types are aliases, not interfaces, so that they have the type of JSON. */
import { targetTextPart } from './score.js';
import type {
  Author,
  Dialogue,
  ExchangeScore,
  PrivateViews,
  Prompt,
  RolloutNode,
  RolloutTree,
  SpeakerNames,
  Utterance,
  Verdict,
} from './types.js';

/** Stage and step of the run in which a record arose. */
export type Origin = {
  /** Key of the unit: 'exploit:ipo', 'evaluate:untuned' … */
  readonly stage: string;
  readonly epoch?: number;
  readonly step?: number;
};

export type DialogueRecord = Origin &
  RecordedDialogue & {
    /** Sibling numbers from the root; absent for a dialogue that is no part of a tree. */
    readonly path?: readonly number[];
  };

export type RecordedDialogue = {
  readonly prompt: RecordedPrompt;
  readonly turns: readonly RecordedTurn[];
  /** By judge, one list of exchanges each: `scores[judge][i]` belongs to turns 2i and 2i + 1. */
  readonly scores: Readonly<Record<string, readonly RecordedScore[]>>;
};

/** The part of a record that a report reads: neither ids nor log-probabilities. */
export type JudgedDialogue = Pick<RecordedDialogue, 'scores'> & {
  readonly prompt: Pick<RecordedPrompt, 'id' | 'text' | 'conversationId' | 'goal'>;
  readonly turns: readonly Pick<RecordedTurn, 'author' | 'text' | 'noReply'>[];
};

export type RecordedPrompt = {
  readonly id: string;
  readonly text: string;
  /** Conversation of the source; absent where it equals the id. */
  readonly conversationId?: string;
  /** Known turns, where the source has them. */
  readonly turns?: readonly string[];
  /** The goal of the dialogue, where the source names one. */
  readonly goal?: string;
  readonly targetString?: string;
  /** The text that judges were told beside the goal. */
  readonly background?: string;
  readonly names?: SpeakerNames;
  /** Private parts that one side alone saw. */
  readonly views?: PrivateViews;
  /** Further fields of the source; kept only where speakers have names. */
  readonly meta?: NonNullable<Prompt['meta']>;
};

export type RecordedTurn = {
  readonly author: Author;
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
  /** The reasoning that was cut from the text. */
  readonly reasoning?: string;
  /** Why the speaker gave no text. */
  readonly noReply?: string;
  /** The tokenizer's id; absent, as are ids, for a speaker that gives text only. */
  readonly tokenizer?: string;
  readonly ids?: readonly number[];
  readonly logProbs?: readonly number[];
  readonly samplingLogProbs?: readonly number[];
};

export type RecordedScore = {
  readonly reply: RecordedVerdict;
  readonly exchange: RecordedVerdict;
  readonly utterance: RecordedVerdict;
  readonly adversaryNll: number | null;
  /** Absent when the reward does not ask how likely the target's words are. */
  readonly targetTextNll?: number | null;
  readonly reward: { readonly total: number; readonly terms: Readonly<Record<string, number>> } | null;
};

export type RecordedVerdict = {
  readonly harm: number | null;
  readonly failed: boolean | null;
  /** Reason of an unscored verdict. */
  readonly reason?: string;
  /** Highest harm of a member minus the lowest, for an ensemble. */
  readonly disagreement?: number;
  /** 1 when the members of an ensemble disagree on failure, else 0. */
  readonly split?: number;
  /** True where the judge was not asked, since it rates dialogues at their end. */
  readonly notDue?: true;
  /** Ratings by name, of a judge that gives them. */
  readonly ratings?: Readonly<Record<string, number>>;
};

/** Returns one record per leaf, in the tree's order. */
export function treeRecords(tree: RolloutTree, origin: Origin, judge: string): readonly DialogueRecord[] {
  const records: DialogueRecord[] = [];
  const walk = (node: RolloutNode, path: readonly number[], scores: readonly ExchangeScore[]): void => {
    const known = [...scores, node.score];
    if (node.children.length === 0) records.push(dialogueRecord(node.dialogue, { [judge]: known }, origin, path));
    node.children.forEach((child, i) => walk(child, [...path, i], known));
  };
  tree.roots.forEach((root, i) => walk(root, [i], []));
  return records;
}

/** Returns the record of a dialogue. @param path null for a dialogue that is no part of a tree */
export function dialogueRecord(
  { prompt, turns }: Dialogue,
  scores: Readonly<Record<string, readonly ExchangeScore[]>>,
  origin: Origin,
  path: readonly number[] | null,
): DialogueRecord {
  return {
    ...origin,
    prompt: promptRecord(prompt),
    ...(path === null ? {} : { path }),
    turns: turns.map(turnRecord),
    scores: Object.fromEntries(Object.entries(scores).map(([judge, exchanges]) => [judge, exchanges.map(scoreRecord)])),
  };
}

function promptRecord({
  id,
  text,
  conversationId,
  turns,
  goal,
  targetString,
  background,
  names,
  views,
  meta,
}: Prompt): RecordedPrompt {
  return {
    id,
    text,
    ...(conversationId === id ? {} : { conversationId }),
    ...(turns === undefined ? {} : { turns }),
    ...(goal === undefined ? {} : { goal }),
    ...(targetString === undefined ? {} : { targetString }),
    ...(background === undefined ? {} : { background }),
    ...(names === undefined ? {} : { names }),
    ...(views === undefined ? {} : { views }),
    // An export names the speakers by their profiles; other fields would only make records longer.
    ...(names === undefined || meta === undefined ? {} : { meta }),
  };
}

/** Returns the record of a turn; what is kept in memory alone is left out. */
export function turnRecord({ author, text, tokens, finishReason, reasoning, noReply }: Utterance): RecordedTurn {
  const said = {
    author,
    text,
    finishReason,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(noReply === undefined ? {} : { noReply }),
  };
  if (tokens === null) return said;
  const { tokenizerId, ids, logProbs, samplingLogProbs } = tokens;
  return {
    ...said,
    tokenizer: tokenizerId,
    ids,
    ...(logProbs === undefined ? {} : { logProbs: logProbs.map(rounded) }),
    ...(samplingLogProbs === undefined ? {} : { samplingLogProbs: samplingLogProbs.map(rounded) }),
  };
}

/** Rounds to seven digits, the precision of a float32. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}

function scoreRecord(score: ExchangeScore): RecordedScore {
  const { reply, exchange, utterance, adversaryNll, reward } = score;
  return {
    reply: verdictRecord(reply),
    exchange: verdictRecord(exchange),
    utterance: verdictRecord(utterance),
    adversaryNll,
    ...targetTextPart(score),
    reward: reward === null ? null : { total: reward.total, terms: reward.terms },
  };
}

/** Returns the record of a verdict. Of its labels only ratings and the disagreement of an ensemble are kept, which a
 *  report shows beside the rate. */
function verdictRecord(verdict: Verdict): RecordedVerdict {
  if (verdict.kind === 'unscored') return unscoredRecord(verdict);
  const { disagreement, split } = verdict.labels;
  return {
    harm: verdict.harm,
    failed: verdict.failed,
    ...(disagreement === undefined || split === undefined ? {} : { disagreement, split }),
    ...(verdict.ratings === undefined ? {} : { ratings: verdict.ratings }),
  };
}

function unscoredRecord({ reason, notDue }: Extract<Verdict, { kind: 'unscored' }>): RecordedVerdict {
  return { harm: null, failed: null, ...(notDue === true ? { notDue } : { reason }) };
}
