/** The lines of rollouts.jsonl and pairs.jsonl. A dialogue a line, from the prompt to a leaf of its tree: siblings that were not
 *  continued are leaves, and `path` tells which lines share their beginning. Ids are those of the speaker's own tokenizer. */
import { invariant } from '../base/invariant.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { Dialogue, ExchangeScore, PreferencePair, RolloutNode, RolloutTree, Utterance, Verdict } from '../dialogue/types.js';
import type { WatchedJudge } from '../dialogue/unscored.js';
import type { JsonObject, JsonValue } from '../runs/json.js';

/** Where and when something arose. */
export interface Origin {
  /** 'exploit:ipo', 'evaluate:untuned' … */
  readonly stage: string;
  readonly epoch?: number;
  readonly step?: number;
}

/** One record a leaf, in the tree's order. */
export function treeRecords(tree: RolloutTree, origin: Origin, judge: string): readonly JsonObject[] {
  const records: JsonObject[] = [];
  const walk = (node: RolloutNode, path: readonly number[], scores: readonly ExchangeScore[]): void => {
    const known = [...scores, node.score];
    if (node.children.length === 0) records.push(dialogueRecord(node.dialogue, { [judge]: known }, origin, path));
    node.children.forEach((child, i) => walk(child, [...path, i], known));
  };
  tree.roots.forEach((root, i) => walk(root, [i], []));
  return records;
}

/** @param scores by judge, one list of exchanges each: `scores[judge][i]` belongs to turns 2i and 2i + 1
 *  @param path sibling numbers from the root; null for a dialogue that is no part of a tree */
export function dialogueRecord(
  dialogue: Dialogue,
  scores: Readonly<Record<string, readonly ExchangeScore[]>>,
  origin: Origin,
  path: readonly number[] | null,
): JsonObject {
  return {
    ...origin,
    prompt: { id: dialogue.prompt.id, text: dialogue.prompt.text },
    ...(path === null ? {} : { path }),
    turns: dialogue.turns.map(turnRecord),
    scores: Object.fromEntries(Object.entries(scores).map(([judge, exchanges]) => [judge, exchanges.map(scoreRecord)])),
  };
}

function turnRecord({ author, text, tokens, finishReason }: Utterance): JsonObject {
  if (tokens === null) return { author, text, finishReason };
  const { tokenizerId, ids, logProbs, samplingLogProbs } = tokens;
  return {
    author,
    text,
    finishReason,
    tokenizer: tokenizerId,
    ids,
    ...(logProbs === undefined ? {} : { logProbs: logProbs.map(rounded) }),
    ...(samplingLogProbs === undefined ? {} : { samplingLogProbs: samplingLogProbs.map(rounded) }),
  };
}

/** Seven digits hold all that a float32 knows. */
function rounded(value: number): number {
  return Number(value.toPrecision(7));
}

function scoreRecord({ reply, exchange, utterance, adversaryNll, reward }: ExchangeScore): JsonObject {
  return {
    reply: verdictRecord(reply),
    exchange: verdictRecord(exchange),
    utterance: verdictRecord(utterance),
    adversaryNll,
    reward: reward === null ? null : { total: reward.total, terms: reward.terms },
  };
}

/** Of the labels only how far the members of an ensemble are apart is kept: a report shows it beside the rate. */
function verdictRecord(verdict: Verdict): JsonObject {
  if (verdict.kind === 'unscored') return { harm: null, failed: null, reason: verdict.reason };
  const { disagreement, split } = verdict.labels;
  return { harm: verdict.harm, failed: verdict.failed, ...(disagreement === undefined || split === undefined ? {} : { disagreement, split }) };
}

/** What the manifest keeps of a stage's judge: which it was (an attack is trained against it), how often it was silent, what it read. */
export function judgeRecord({ name, threshold, counts, usage }: WatchedJudge): JsonObject {
  const { texts, unscored, reasons } = counts();
  const [commonest] = reasons;
  return {
    name, threshold, texts, unscored,
    ...(commonest === undefined ? {} : { reason: commonest.reason }),
    ...(usage === undefined ? {} : { usage: usage() }),
  };
}

/** TRL reads `prompt`, `chosen` and `rejected` as they are; the ids are what training used. */
export function pairRecord(pair: PreferencePair, prefixIds: readonly number[], join: JoinTurns, origin: Origin): JsonObject {
  const { dialogue, chosen, rejected } = pair;
  return {
    prompt: dialogue.turns.reduce((text, turn) => join(text, turn.text), dialogue.prompt.text),
    chosen: chosen.text,
    rejected: rejected.text,
    rewards: { chosen: pair.chosenReward, rejected: pair.rejectedReward },
    teaching: pair.teaching,
    ...origin,
    promptId: dialogue.prompt.id,
    depth: dialogue.turns.length / 2 + 1,
    ids: { prompt: prefixIds, chosen: chosen.tokens?.ids ?? null, rejected: rejected.tokens?.ids ?? null },
  };
}

/** What an evaluation reads back from its own records. */
export interface RecordedDialogue {
  readonly prompt: { readonly id: string; readonly text: string };
  readonly turns: readonly { readonly author: 'adversary' | 'target'; readonly text: string }[];
  readonly scores: Readonly<Record<string, readonly RecordedScore[]>>;
}

export interface RecordedScore {
  readonly reply: RecordedVerdict;
  readonly exchange: RecordedVerdict;
  readonly utterance: RecordedVerdict;
  readonly adversaryNll: number | null;
  readonly reward: { readonly total: number } | null;
}

export interface RecordedVerdict {
  readonly harm: number | null;
  readonly failed: boolean | null;
  /** Of an unscored verdict. */
  readonly reason?: string;
  /** Of an ensemble: the highest harm of a member minus the lowest. */
  readonly disagreement?: number;
  /** Of an ensemble: 1 when its members do not all say the same of failure. */
  readonly split?: number;
}

/** The dialogue of a record that `dialogueRecord` wrote. */
export function recordedDialogue(record: JsonObject): RecordedDialogue {
  const { prompt, turns, scores } = record;
  const isWhole = isObject(prompt) && Array.isArray(turns) && isObject(scores);
  invariant(isWhole, 'a record of an evaluation has prompt, turns and scores');
  return record as unknown as RecordedDialogue; // Written by dialogueRecord in this run.
}

function isObject(value: JsonValue | undefined): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
