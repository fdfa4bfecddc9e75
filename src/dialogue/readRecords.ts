/** Reads the lines of rollouts.jsonl through their schema. A run has very many of them: lists of numbers are looked at in
 *  one go, and what a reader does not need is not kept. */
import { z } from 'zod';
import type { JsonObject } from '../base/json.js';
import { readAs } from '../base/readAs.js';
import type { DialogueRecord, JudgedDialogue, RecordedDialogue, RecordedScore, RecordedTurn } from './records.js';
import type { Dialogue, PrivateView, TokenTrace, Utterance } from './types.js';

/** Whether a value is a list of numbers, looked at in one go. */
export const isNumbers = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item: unknown) => typeof item === 'number');
/** An element by itself costs zod ten times as much. */
const numbers = z.custom<readonly number[]>(isNumbers, 'a list of numbers');

const verdict = z.object({
  harm: z.number().nullable(),
  failed: z.boolean().nullable(),
  reason: z.string().exactOptional(),
  disagreement: z.number().exactOptional(),
  split: z.number().exactOptional(),
  notDue: z.literal(true).exactOptional(),
  ratings: z.record(z.string(), z.number()).exactOptional(),
});

const score: z.ZodType<RecordedScore> = z.object({
  reply: verdict,
  exchange: verdict,
  utterance: verdict,
  adversaryNll: z.number().nullable(),
  targetTextNll: z.number().nullable().exactOptional(),
  reward: z.object({ total: z.number(), terms: z.record(z.string(), z.number()) }).nullable(),
});
const scores = z.record(z.string(), z.array(score));

const said = {
  author: z.enum(['adversary', 'target']),
  text: z.string(),
  noReply: z.string().exactOptional(),
};

/** A turn as `turnRecord` writes it. */
export const recordedTurn: z.ZodType<RecordedTurn> = z.object({
  ...said,
  finishReason: z.enum(['stop', 'length']),
  reasoning: z.string().exactOptional(),
  tokenizer: z.string().exactOptional(),
  ids: numbers.exactOptional(),
  logProbs: numbers.exactOptional(),
  samplingLogProbs: numbers.exactOptional(),
});

const view: z.ZodType<PrivateView> = z.object({
  system: z.string().exactOptional(),
  turns: z.array(z.string()).exactOptional(),
});

type WholeRecord = RecordedDialogue & Pick<DialogueRecord, 'stage' | 'path'>;

const wholeRecord: z.ZodType<WholeRecord> = z.object({
  stage: z.string(),
  path: numbers.exactOptional(),
  prompt: z.object({
    id: z.string(),
    text: z.string(),
    conversationId: z.string().exactOptional(),
    turns: z.array(z.string()).exactOptional(),
    goal: z.string().exactOptional(),
    targetString: z.string().exactOptional(),
    background: z.string().exactOptional(),
    names: z.object({ adversary: z.string(), target: z.string() }).exactOptional(),
    meta: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).exactOptional(),
    views: z.object({ adversary: view.exactOptional(), target: view.exactOptional() }).exactOptional(),
  }),
  turns: z.array(recordedTurn),
  scores,
});

const judgedRecord: z.ZodType<JudgedDialogue> = z.object({
  prompt: z.object({
    id: z.string(),
    text: z.string(),
    conversationId: z.string().exactOptional(),
    goal: z.string().exactOptional(),
  }),
  turns: z.array(z.object(said)),
  scores,
});

/** Reads a line that `dialogueRecord` wrote. @throws FormatError for anything else, naming the key */
export function readDialogue(record: JsonObject, where: string): WholeRecord {
  return readAs(wholeRecord, record, where);
}

/** Reads what was said and how it was judged. @throws FormatError for anything else, naming the key */
export function readJudgedDialogue(record: JsonObject, where: string): JudgedDialogue {
  return readAs(judgedRecord, record, where);
}

/** Returns the dialogue of a record, with the ids and log-probabilities of its speakers. */
export function dialogueOf({ prompt, turns }: Pick<RecordedDialogue, 'prompt' | 'turns'>): Dialogue {
  return { prompt: { ...prompt, conversationId: prompt.conversationId ?? prompt.id }, turns: turns.map(utteranceOf) };
}

/** Returns the utterance of a record, with its ids and log-probabilities. */
export function utteranceOf({
  author,
  text,
  finishReason,
  reasoning,
  noReply,
  tokenizer,
  ids,
  logProbs,
  samplingLogProbs,
}: RecordedTurn): Utterance {
  const tokens: TokenTrace | null =
    tokenizer === undefined || ids === undefined
      ? null
      : {
          tokenizerId: tokenizer,
          ids,
          ...(logProbs === undefined ? {} : { logProbs }),
          ...(samplingLogProbs === undefined ? {} : { samplingLogProbs }),
        };
  return {
    author,
    text,
    finishReason,
    tokens,
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(noReply === undefined ? {} : { noReply }),
  };
}
