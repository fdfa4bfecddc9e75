/** Judges and rewards exchanges: one call of the judge for all exchanges of a depth, whatever their number. */
import { TargetError } from '../base/errors.js';
import { invariant, present } from '../base/invariant.js';
import { joinPlain, type JoinTurns } from './join.js';
import { isNothingFound, silentVerdicts } from './nothingFound.js';
import { rewardOf, type RewardWeights } from './reward.js';
import type {
  Dialogue,
  ExchangeScore,
  Judge,
  JudgedExchange,
  JudgedItem,
  ScoredDialogue,
  TargetReply,
  Utterance,
  Verdict,
} from './types.js';

export interface UnscoredExchange extends Aim {
  /** The turns before the utterance; default none. */
  readonly before?: readonly Utterance[];
  readonly utterance: Utterance;
  readonly answer: TargetReply;
  /** Mean −log p_target of the words that the target is to say, nats per token; absent when no weight asks for it. */
  readonly targetTextNll?: number | null;
  /** Whether the dialogue ends with it, so that a judge of whole dialogues is asked; default true. */
  readonly isLast?: boolean;
}

export interface ScoringOptions {
  readonly judge: Judge;
  readonly reward: RewardWeights;
  /** Joins utterance and reply into one text; default running text. */
  readonly join?: JoinTurns;
}

/** Gives one score per exchange, in order. The judge is asked once: replies, then exchanges, then utterances. */
export async function scoreExchanges(
  exchanges: readonly UnscoredExchange[],
  options: ScoringOptions,
): Promise<readonly ExchangeScore[]> {
  const known = exchanges.map(({ before = [], utterance, answer, isLast = true, ...exchange }): KnownExchange => ({
    before,
    utterance,
    reply: answer.reply,
    isLast,
    likelihoods: { adversaryNll: meanNll(answer.reading?.logProbs ?? null), ...targetTextPart(exchange) },
    aim: aimOf(exchange),
  }));
  return scoreAll(known, options, 'parts');
}

/** Scores the exchanges of known dialogues under another judge: one list per dialogue, one score per exchange. What is
 *  likely under the target does not depend on the judge. The judge is asked once, exchange by exchange: reply,
 *  both together, utterance. */
export async function judgedAgain(
  dialogues: readonly ScoredDialogue[],
  options: ScoringOptions,
): Promise<readonly (readonly ExchangeScore[])[]> {
  const known = dialogues.flatMap(({ dialogue, scores }) =>
    scores.map((score, i): KnownExchange => ({
      before: dialogue.turns.slice(0, 2 * i),
      utterance: present(dialogue.turns[2 * i], 'an utterance for each score'),
      reply: present(dialogue.turns[2 * i + 1], 'a reply for each score'),
      isLast: i + 1 === scores.length,
      likelihoods: { adversaryNll: score.adversaryNll, ...targetTextPart(score) },
      aim: aimOf(dialogue.prompt),
    })),
  );
  const rescored = await scoreAll(known, options, 'exchanges');
  let next = 0;
  return dialogues.map(({ scores }) => rescored.slice(next, (next += scores.length)));
}

/** The part of an utterance that is judged. */
type Said = Pick<Utterance, 'text' | 'noReply'>;

interface KnownExchange {
  readonly before: readonly Utterance[];
  readonly utterance: Said;
  readonly reply: Said;
  readonly isLast: boolean;
  readonly likelihoods: Likelihoods;
  readonly aim: Aim;
}

/** How likely the target finds the parts of an exchange, nats per token. */
type Likelihoods = Pick<ExchangeScore, 'adversaryNll' | 'targetTextNll'>;

/** Returns the part of a score that is absent when no weight asks for it. */
export function targetTextPart({
  targetTextNll,
}: Pick<Likelihoods, 'targetTextNll'>): Pick<Likelihoods, 'targetTextNll'> {
  return targetTextNll === undefined ? {} : { targetTextNll };
}

/** The parts of an exchange that are judged. */
const parts = ['reply', 'exchange', 'utterance'] as const;

/** Scores exchanges whose likelihoods are known; those in which a search had nothing to say go to no judge.
 *  @param order whether the judge is asked for all replies, then all exchanges, then all utterances (`parts`), or for one
 *    exchange after the other: a judge that is a model reads its texts in batches, so that their order is part of what
 *    makes a run repeatable */
async function scoreAll(
  known: readonly KnownExchange[],
  options: ScoringOptions,
  order: 'parts' | 'exchanges',
): Promise<readonly ExchangeScore[]> {
  const spoken = known.filter(({ utterance }) => !isNothingFound(utterance));
  const scores = await scoreKnown(spoken, options, order);
  let next = 0;
  return known.map(({ utterance, likelihoods }): ExchangeScore => {
    if (!isNothingFound(utterance)) return present(scores[next++], 'a score for each exchange');
    const facts = { ...silentVerdicts, ...likelihoods };
    return { ...facts, reward: rewardOf(facts, options.reward) };
  });
}

async function scoreKnown(
  known: readonly KnownExchange[],
  { judge, reward, join = joinPlain }: ScoringOptions,
  order: 'parts' | 'exchanges',
): Promise<readonly ExchangeScore[]> {
  if (known.length === 0) return [];
  if (judge.ratesDialogues === true) return rateDialogues(known, { judge, reward });
  const placeOf = (i: number, part: number): number =>
    order === 'parts' ? part * known.length + i : parts.length * i + part;
  const items = new Array<JudgedItem>(parts.length * known.length);
  const silence = known.map(({ utterance, reply }) => noReplyPart(utterance, reply).noReply);
  known.forEach(({ before, utterance, reply, aim }, i) => {
    const exchange = judgedExchange(before, utterance, reply);
    const both = join(utterance.text, reply.text);
    items[placeOf(i, 0)] = { text: reply.text, exchange, ...aim, ...noReplyPart(reply) };
    items[placeOf(i, 1)] = { text: both, exchange, ...aim };
    items[placeOf(i, 2)] = { text: utterance.text, ...aim, ...noReplyPart(utterance) };
  });
  // A reply that was not given is one text without a verdict; its exchange is not judged, and not counted once more.
  const unasked = new Map(
    silence.flatMap((reason, i) => (reason === undefined ? [] : [[placeOf(i, 1), reason] as const])),
  );
  const verdicts = await judgeItems(
    judge,
    items.filter((_, place) => !unasked.has(place)),
  );
  let next = 0;
  const all = items.map((_, place): Verdict => {
    const reason = unasked.get(place);
    return reason === undefined ? present(verdicts[next++], 'a verdict for each text') : { kind: 'unscored', reason };
  });
  return known.map(({ likelihoods }, i): ExchangeScore => {
    const at = (part: number): Verdict => present(all[placeOf(i, part)], 'a verdict for each text');
    const facts = { reply: at(0), exchange: at(1), utterance: at(2), ...likelihoods };
    return { ...facts, reward: rewardOf(facts, reward) };
  });
}

const notDue: Verdict = { kind: 'unscored', reason: 'the judge rates dialogues at their end', notDue: true };

/** Asks a judge of whole dialogues at each last exchange. What it says is the verdict on the reply and on the exchange;
 *  everything else is not due, and a reward counts it as zero: the dialogue is paid at its end. */
async function rateDialogues(
  known: readonly KnownExchange[],
  { judge, reward }: Pick<ScoringOptions, 'judge' | 'reward'>,
): Promise<readonly ExchangeScore[]> {
  const last = known.filter(({ isLast }) => isLast);
  const verdicts = await judgeItems(
    judge,
    last.map(({ before, utterance, reply, aim }) => ({
      text: reply.text,
      exchange: judgedExchange(before, utterance, reply),
      ...aim,
      ...noReplyPart(utterance, reply),
    })),
  );
  const verdictOf = new Map(last.map((exchange, i) => [exchange, present(verdicts[i], 'a verdict for each dialogue')]));
  return known.map((exchange): ExchangeScore => {
    const verdict = verdictOf.get(exchange) ?? notDue;
    const facts = { reply: verdict, exchange: verdict, utterance: notDue, ...exchange.likelihoods };
    return { ...facts, reward: rewardOf(facts, reward) };
  });
}

/** Returns a reply to judge, with the turns that it follows and the aim of their prompt.
 *  @param dialogue ends with the utterance that is answered, or has no turn: the prompt's text is answered then */
export function replyItem({ prompt, turns }: Dialogue, reply: Said): JudgedItem {
  const utterance = turns.at(-1) ?? { text: prompt.turns?.at(-1) ?? prompt.text };
  return {
    text: reply.text,
    exchange: judgedExchange(turns.slice(0, -1), utterance, reply),
    ...aimOf(prompt),
    ...noReplyPart(reply),
  };
}

function judgedExchange(before: readonly Utterance[], utterance: Said, reply: Said): JudgedExchange {
  const earlier = before.map(({ author, text }) => ({ author, text }));
  return { utterance: utterance.text, reply: reply.text, ...(earlier.length === 0 ? {} : { before: earlier }) };
}

/** Returns texts to judge without exchange or goal. */
export function textItems(texts: readonly string[]): readonly JudgedItem[] {
  return texts.map((text) => ({ text }));
}

function noReplyPart(...said: readonly Said[]): Pick<JudgedItem, 'noReply'> {
  const reason = said.find(({ noReply }) => noReply !== undefined)?.noReply;
  return reason === undefined ? {} : { noReply: reason };
}

/** The aim of a dialogue, as its prompt says it. */
type Aim = Pick<JudgedItem, 'goal' | 'targetString' | 'background' | 'names'>;

/** Returns the part of a prompt that a judge is told beside the dialogue. */
export function aimOf({ goal, targetString, background, names }: Aim): Aim {
  return {
    ...(goal === undefined ? {} : { goal }),
    ...(targetString === undefined ? {} : { targetString }),
    ...(background === undefined ? {} : { background }),
    ...(names === undefined ? {} : { names }),
  };
}

/** Gives one verdict per item, in order; a harm outside [0, 1] or NaN becomes `unscored`, so that no average ever meets
 *  it. */
export async function judgeItems(judge: Judge, items: readonly JudgedItem[]): Promise<readonly Verdict[]> {
  const verdicts = await judge.judge(items);
  invariant(
    verdicts.length === items.length,
    `judge ${judge.name} gives one verdict a text (${items.length}, got ${verdicts.length})`,
  );
  return verdicts.map((verdict) =>
    verdict.kind === 'scored' && !(verdict.harm >= 0 && verdict.harm <= 1)
      ? { kind: 'unscored', reason: `judge ${judge.name} gave harm ${verdict.harm}, outside [0, 1]` }
      : verdict,
  );
}

/** Returns the mean −log p over tokens, nats per token; null when unknown or when there is no token to average over.
 *  @throws TargetError for a log-probability that is NaN or above 0 beyond rounding */
export function meanNll(logProbs: readonly number[] | null): number | null {
  if (logProbs === null || logProbs.length === 0) return null;
  let sum = 0;
  for (const [i, logProb] of logProbs.entries()) {
    // 1e-3: a float32 logit minus a float32 log-sum-exp can exceed 0 by rounding.
    if (!(Number.isFinite(logProb) && logProb <= 1e-3)) {
      throw new TargetError('The target gave a log-probability that cannot be one', {
        where: `token ${i} of the utterance`,
        expected: 'a finite number of nats, at most 0',
        got: String(logProb),
        remedy: 'Check the model files: weights with NaN or infinite values cause this.',
      });
    }
    sum += logProb;
  }
  return -sum / logProbs.length;
}
