/** POST /v1/chat/completions: a conversation in the model's chat template, answered. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { streamKey } from '../base/random.js';
import { chatIds, type ChatMessage } from '../engine/text/chatTemplate.js';
import type { JsonObject, JsonValue } from '../base/json.js';
import { badRequest } from './apiError.js';
import { type ChoiceDelta, runChoices } from './choices.js';
import { eventStream } from './eventStream.js';
import {
  commonFields,
  parseFields,
  refuseLongText,
  requireServedModel,
  samplingOf,
  requestSeed,
  usageOf,
} from './requestFields.js';
import type { QueuedRow } from './rowQueue.js';
import { createdAt, type ServedModel } from './served.js';
import { chatLogProbs, keepAlternatives, promptLogProbs } from './tokenReport.js';

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(part)]).nullish() });

const chatFields = {
  ...commonFields,
  messages: z.array(message).min(1),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  add_generation_prompt: z.boolean().nullish(),
} as const;
type ChatFields = z.output<z.ZodObject<typeof chatFields>>;

/** @throws ApiError for a request that cannot be served */
export async function chatCompletions(served: ServedModel, body: unknown, signal: AbortSignal): Promise<Response> {
  const fields = parseFields(body, chatFields);
  requireServedModel(fields.model, served.name);
  if ((fields.top_logprobs ?? 0) > 0 && fields.logprobs !== true)
    throw badRequest('top_logprobs needs logprobs: true', 'top_logprobs');
  const rows = rowsOf(served, fields);
  const id = `chatcmpl-${randomUUID()}`;
  const head = { id, created: createdAt(served), model: served.name };
  const promptTokens = present(rows[0], 'at least one row').ids.length;
  const deltas = runChoices(served.queue, served.model, { rows, stream: fields.stream === true }, signal);
  if (fields.stream === true) return eventStream(chunks(served, fields, head, promptTokens, deltas));
  return Response.json(await whole(served, fields, head, rows, deltas));
}

function rowsOf({ model, defaultMaxTokens }: ServedModel, fields: ChatFields): readonly QueuedRow[] {
  const ids = conversationIds(model, fields);
  const maxTokens = fields.max_completion_tokens ?? fields.max_tokens ?? null;
  const sampling = samplingOf(model, fields, { promptTokens: ids.length, maxTokens, defaultMaxTokens });
  const seed = requestSeed(fields);
  const scoresPrompt = fields.prompt_logprobs !== null && fields.prompt_logprobs !== undefined;
  const alternatives = Math.max(fields.logprobs === true ? (fields.top_logprobs ?? 0) : 0, fields.prompt_logprobs ?? 0);
  return Array.from({ length: fields.n ?? 1 }, (_, k) => ({
    ids,
    sampling,
    alternatives,
    scoreFrom: scoresPrompt && k === 0 ? 1 : null,
    stream: streamKey(seed, 'generate', 0, k),
  }));
}

function conversationIds(
  model: ServedModel['model'],
  { messages, add_generation_prompt: addPrompt }: ChatFields,
): readonly number[] {
  const { chatTemplate, tokenizer } = model;
  if (chatTemplate === null)
    throw badRequest('this model has no chat template; use /v1/completions', 'messages', 'no_chat_template');
  const conversation = messages.map(messageOf);
  refuseLongText(model, conversation.map(({ content }) => content).join('\n'));
  try {
    const ids = chatIds({ tokenizer, chatTemplate }, conversation, { addGenerationPrompt: addPrompt ?? true });
    if (ids.length === 0) throw badRequest('the conversation has no token', 'messages');
    return ids;
  } catch (error) {
    if (error instanceof FormatError) throw badRequest(error.message, 'messages', 'chat_template');
    throw error;
  }
}

const roles: Readonly<Record<string, ChatMessage['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
};
const plainMessageKeys = new Set(['role', 'content', 'name', 'refusal']);

function messageOf(given: z.output<typeof message>, index: number): ChatMessage {
  const where = `messages.${index}`;
  const role = roles[given.role];
  if (role === undefined)
    throw badRequest(`the role '${given.role}' is not supported`, `${where}.role`, 'unsupported_field');
  const extra = Object.entries(given).find(
    ([key, value]) => !plainMessageKeys.has(key) && value !== null && !(Array.isArray(value) && value.length === 0),
  );
  if (extra !== undefined)
    throw badRequest(`'${extra[0]}' of a message is not supported`, `${where}.${extra[0]}`, 'unsupported_field');
  const { content } = given;
  if (typeof content === 'string') return { role, content };
  if (content === null || content === undefined) throw badRequest('a message has no content', `${where}.content`);
  const texts = content.map(({ type, text }, i) => {
    if (type !== 'text' || text === undefined)
      throw badRequest(
        `content of type '${type}' is not supported; only text is`,
        `${where}.content.${i}`,
        'unsupported_field',
      );
    return text;
  });
  return { role, content: texts.join('\n') };
}

type Head = { readonly id: string; readonly created: number; readonly model: string };

async function whole(
  { model: { tokenizer } }: ServedModel,
  fields: ChatFields,
  head: Head,
  rows: readonly QueuedRow[],
  deltas: AsyncGenerator<ChoiceDelta>,
): Promise<JsonObject> {
  const ended: ChoiceDelta[] = [];
  for await (const delta of deltas) ended[delta.index] = delta;
  const [first] = ended;
  const promptIds = rows[0]?.ids ?? [];
  return {
    ...head,
    object: 'chat.completion',
    choices: ended.map(({ index, text, tokens, finishReason, generated }) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs:
        fields.logprobs === true ? chatLogProbs(tokenizer, keepAlternatives(tokens, fields.top_logprobs ?? 0)) : null,
      finish_reason: finishReason,
      ...(fields.return_token_ids === true ? { token_ids: generated } : {}),
    })),
    usage: usageOf(
      promptIds.length,
      ended.reduce((sum, { generated }) => sum + generated.length, 0),
    ),
    ...(first?.prompt == null
      ? {}
      : { prompt_logprobs: promptLogProbs(tokenizer, keepAlternatives(first.prompt, fields.prompt_logprobs ?? 0)) }),
    ...(fields.return_token_ids === true ? { prompt_token_ids: promptIds } : {}),
  };
}

/** The role of each choice first, then text as it comes, then how it ended; the usage last, when asked for. */
async function* chunks(
  { model: { tokenizer } }: ServedModel,
  fields: ChatFields,
  head: Head,
  promptTokens: number,
  deltas: AsyncGenerator<ChoiceDelta>,
): AsyncGenerator<JsonValue> {
  const wantsUsage = fields.stream_options?.include_usage === true;
  const chunk = (choices: readonly JsonObject[], usage: JsonObject | null = null): JsonObject => ({
    ...head,
    object: 'chat.completion.chunk',
    choices,
    ...(wantsUsage ? { usage } : {}),
  });
  const generated = new Map<number, number>();
  for await (const delta of deltas) {
    const { index, text, tokens, finishReason, prompt } = delta;
    const logprobs =
      fields.logprobs === true && tokens.length > 0
        ? chatLogProbs(tokenizer, keepAlternatives(tokens, fields.top_logprobs ?? 0))
        : null;
    if (!generated.has(index)) {
      const scored =
        prompt === null
          ? {}
          : { prompt_logprobs: promptLogProbs(tokenizer, keepAlternatives(prompt, fields.prompt_logprobs ?? 0)) };
      yield {
        ...chunk([{ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]),
        ...scored,
      };
    }
    generated.set(index, delta.generated.length);
    if (text !== '' || logprobs !== null)
      yield chunk([{ index, delta: { content: text }, logprobs, finish_reason: null }]);
    if (finishReason !== null) yield chunk([{ index, delta: {}, logprobs: null, finish_reason: finishReason }]);
  }
  if (wantsUsage)
    yield chunk(
      [],
      usageOf(
        promptTokens,
        [...generated.values()].reduce((sum, count) => sum + count, 0),
      ),
    );
}
