/** Reads what OpenAI-compatible servers answer, in their dialects: a reply, or why there is none. Refuses what cannot be
 *  right: another model's name, more tokens than were asked for, a count of log-probabilities that is not the count of
 *  tokens, log-probabilities that are none. */
import { z } from 'zod';
import { TargetError } from '../base/errors.js';
import { isBlank } from '../base/blank.js';
import { parseAnswer, parseAs } from './answerBody.js';
import { finishKind, type FinishKind } from './finishReason.js';
import { messageSchema, type MessageText, readMessage } from './messageText.js';
import { requireModelName } from './modelName.js';
import { noReply } from './noReply.js';
import { chatLogProbs, completionLogProbs, readChatTokens, readCompletionTokens, wrongCount } from './replyTokens.js';
import type { NoReplyCause, RemoteReply, ReplyToken } from './types.js';
import { countedTokens, guessedTokens } from './usageMeter.js';

export interface AnswerContext {
  /** The place, for messages. */
  readonly where: string;
  /** Names by which the answer may call the model. */
  readonly names: readonly string[];
  readonly maxTokens: number;
  /** Characters of what was asked, for servers that do not count. */
  readonly askedCharacters: number;
  readonly wantsLogProbs: boolean;
  /** Says once what a reader should know. */
  readonly notice: (text: string) => void;
}

const usageSchema = z
  .looseObject({
    prompt_tokens: z.unknown().optional(),
    completion_tokens: z.unknown().optional(),
    completion_tokens_details: z.looseObject({ reasoning_tokens: z.unknown().optional() }).nullish().catch(null),
  })
  .nullish()
  .catch(null);
const envelope = z.object({
  model: z.string().nullish(),
  choices: z.array(z.looseObject({ index: z.unknown().optional() })).nullable(),
  usage: usageSchema,
});
const chatChoice = z.object({
  finish_reason: z.unknown().optional(),
  message: messageSchema.nullable(),
  logprobs: chatLogProbs.nullish(),
});
const completionChoice = z.object({
  finish_reason: z.unknown().optional(),
  text: z.string().nullish(),
  logprobs: z.union([chatLogProbs.required(), completionLogProbs]).nullish(),
});

export interface ReadAnswer {
  readonly value: RemoteReply;
  readonly tokens: { readonly prompt: number; readonly completion: number };
}

/** @throws TargetError */
export function readChatAnswer(body: string, context: AnswerContext): ReadAnswer {
  const answer = openAnswer(body, context);
  if (answer.choice === null) return withoutReply('empty', answer, context);
  const { finish_reason, message, logprobs } = parseAs(chatChoice, answer.choice, context);
  const tokens = context.wantsLogProbs ? readChatTokens(logprobs?.content, context) : null;
  return finish(answer, { ...readMessage(message ?? {}), finishReason: finish_reason, tokens }, context);
}

/** @throws TargetError */
export function readCompletionAnswer(body: string, context: AnswerContext): ReadAnswer {
  const answer = openAnswer(body, context);
  if (answer.choice === null) return withoutReply('empty', answer, context);
  const { finish_reason, text, logprobs: given } = parseAs(completionChoice, answer.choice, context);
  const tokens =
    given === null || given === undefined || !context.wantsLogProbs
      ? null
      : 'tokens' in given
        ? readCompletionTokens(given, context)
        : readChatTokens(given.content, context);
  const said: MessageText = { text: text ?? '', reasoning: null, refuses: false, callsTool: false, isReadable: true };
  return finish(answer, { ...said, finishReason: finish_reason, tokens }, context);
}

interface OpenedAnswer {
  /** The first choice; null for an answer without one. */
  readonly choice: unknown;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  /** Among the completion's. */
  readonly reasoningTokens: number;
}

function openAnswer(body: string, context: AnswerContext): OpenedAnswer {
  const { model, choices, usage } = parseAs(envelope, parseAnswer(body, context.where), context);
  requireModelName(model ?? null, context.names, context.where);
  return {
    choice: choices?.find(({ index }) => index === 0) ?? choices?.[0] ?? null,
    promptTokens: countedTokens(usage?.prompt_tokens),
    completionTokens: countedTokens(usage?.completion_tokens),
    reasoningTokens: countedTokens(usage?.completion_tokens_details?.reasoning_tokens) ?? 0,
  };
}

interface Said extends MessageText {
  readonly finishReason: unknown;
  readonly tokens: readonly ReplyToken[] | null;
}

function finish(answer: OpenedAnswer, said: Said, context: AnswerContext): ReadAnswer {
  requireCounts(answer, said, context);
  const kind = finishKind(said.finishReason);
  if (isBlank(said.text)) return withoutReply(causeOf(said, kind, answer), answer, context);
  if (kind === 'unknown') context.notice(unknownFinish(said.finishReason));
  if (kind === 'tool' || said.callsTool)
    context.notice('replies of the endpoint call tools: their text is taken, and no tool is called');
  const { completionTokens } = answer;
  const isCut =
    kind === 'length' || (kind === 'unknown' && completionTokens !== null && completionTokens >= context.maxTokens);
  return {
    value: {
      kind: 'reply',
      text: said.text,
      reasoning: said.reasoning,
      finishReason: isCut ? 'length' : 'stop',
      tokens: said.tokens,
      completionTokens,
      filtered: kind === 'filter',
    },
    tokens: tokensOf(answer, said.text, context),
  };
}

/** Why there is no text, the most telling sign first. */
function causeOf(said: Said, kind: FinishKind, { reasoningTokens }: OpenedAnswer): NoReplyCause {
  if (!said.isReadable) return 'form';
  if (said.refuses) return 'refusal';
  if (kind === 'filter') return 'contentFilter';
  if (said.callsTool || kind === 'tool') return 'toolCall';
  const reasons = said.reasoning !== null || reasoningTokens > 0;
  if (kind === 'length') return reasons ? 'reasoningLimit' : 'emptyAtLimit';
  return reasons ? 'reasoningOnly' : 'empty';
}

function withoutReply(cause: NoReplyCause, answer: OpenedAnswer, context: AnswerContext): ReadAnswer {
  return { value: noReply(cause), tokens: tokensOf(answer, '', context) };
}

/** Counts that the server gives, and guesses where it does not; no tokens for a text is no count. */
function tokensOf(
  { promptTokens, completionTokens }: OpenedAnswer,
  text: string,
  { askedCharacters }: AnswerContext,
): ReadAnswer['tokens'] {
  const counted = (count: number | null, characters: number): number =>
    count === null || (count === 0 && characters > 0) ? Math.ceil(characters / 4) : count;
  return {
    prompt: counted(promptTokens, askedCharacters),
    completion: completionTokens === null || completionTokens === 0 ? guessedTokens(text) : completionTokens,
  };
}

/** Some servers count the end token, some do not; a limit on the visible tokens is kept by servers that count the
 *  reasoning as well. @throws TargetError */
function requireCounts(
  { completionTokens, reasoningTokens }: OpenedAnswer,
  { tokens }: Said,
  context: AnswerContext,
): void {
  const counted = completionTokens === 0 ? null : completionTokens;
  const visible = (counted ?? tokens?.length ?? 0) - reasoningTokens;
  if (visible > context.maxTokens + 1) {
    throw new TargetError('more tokens than were asked for', {
      where: context.where,
      expected: `at most ${context.maxTokens}`,
      got: String(visible),
      remedy: 'This server ignores the limit, so replies of equal length cannot be had.',
    });
  }
  if (tokens !== null && counted !== null && Math.abs(tokens.length - counted) > 1 + reasoningTokens)
    throw wrongCount(context, `${counted}, as the server counts`, tokens.length);
}

function unknownFinish(said: unknown): string {
  return said === undefined || said === null || said === ''
    ? 'the endpoint does not say why its replies end: they are taken as they come'
    : `the endpoint ends replies for the reason ${JSON.stringify(said)}, which is not known: they are taken as they come`;
}
