/** The fields of a request that both kinds of completion share: what is known, what is refused, what becomes sampling
 *  options. A field that would change the answer and is not known is an error: nothing is passed over in silence. */
import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { SamplingOptions } from '../engine/runtime/device.js';
import { isJsonObject, type JsonObject } from '../base/json.js';
import { badRequest, ApiError } from './apiError.js';

const stopText = z.string().min(1);

/** Known to OpenAI's clients and vLLM's; null is as good as absent. */
export const commonFields = {
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(100).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).nullish(),
  n: z.int().min(1).max(128).nullish(),
  seed: z.int().nullish(),
  stop: z.union([stopText, z.array(stopText).max(4)]).nullish(),
  min_tokens: z.int().min(0).nullish(),
  ignore_eos: z.boolean().nullish(),
  prompt_logprobs: z.int().min(0).max(20).nullish(),
  return_token_ids: z.boolean().nullish(),
} as const;

export type CommonFields = z.output<z.ZodObject<typeof commonFields>>;

/** Fields that are taken only where they ask for nothing. */
const neutralFields: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: isEmpty,
  functions: isEmpty,
  logit_bias: isEmpty,
  allowed_token_ids: isEmpty,
  bad_words: isEmpty,
  logits_processors: isEmpty,
  tool_choice: isNone,
  function_call: isNone,
  presence_penalty: isZero,
  frequency_penalty: isZero,
  response_format: (value) => isJsonObject(value) && value['type'] === 'text',
  modalities: (value) => Array.isArray(value) && value.every((each) => each === 'text'),
  best_of: (value) => value === 1,
  suffix: (value) => value === '',
  store: isFalse,
  use_beam_search: isFalse,
  web_search_options: isEmpty,
  length_penalty: (value) => value === 1,
};

/** Fields that change nothing of the text. */
const remarks = new Set([
  'user',
  'metadata',
  'service_tier',
  'safety_identifier',
  'prompt_cache_key',
  'parallel_tool_calls',
  'request_id',
  'priority',
]);

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isJsonObject(value) && Object.keys(value).length === 0;
}

function isNone(value: unknown): boolean {
  return value === 'none';
}

function isZero(value: unknown): boolean {
  return value === 0;
}

function isFalse(value: unknown): boolean {
  return value === false;
}

/** @throws ApiError 400 naming the first field that is wrong, unknown or not supported */
export function parseFields<Shape extends z.ZodRawShape>(body: unknown, shape: Shape): z.output<z.ZodObject<Shape>> {
  if (!isJsonObject(body)) throw badRequest('the body is not a JSON object');
  const known = new Set(Object.keys(shape));
  for (const [key, value] of Object.entries(body)) {
    if (known.has(key) || remarks.has(key) || value === null) continue;
    const isNeutral = neutralFields[key];
    if (isNeutral === undefined) throw badRequest(`Unrecognized request argument: ${key}`, key, 'unknown_field');
    if (!isNeutral(value)) throw badRequest(`'${key}' is not supported by this server`, key, 'unsupported_field');
  }
  const result = z.object(shape).safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.map(String).join('.') ?? '';
  throw badRequest(`${path === '' ? 'request' : path}: ${issue?.message ?? 'invalid'}`, path);
}

/** @throws ApiError 404 when another model is asked for */
export function requireServedModel(asked: string, served: string): void {
  if (asked !== served)
    throw new ApiError(404, `the model '${asked}' is not served here; '${served}' is`, {
      param: 'model',
      code: 'model_not_found',
    });
}

export interface SamplingFrom {
  readonly promptTokens: number;
  /** The request's number; null when it leaves it open. */
  readonly maxTokens: number | null;
  /** Used when the request leaves it open. */
  readonly defaultMaxTokens: number;
}

/** Characters per token that no ordinary text reaches. */
const longToken = 16;

/** Refuses a text that is much too long by its beginning, before all of it is tokenised: that takes seconds, in which
 *  nothing else is answered. @throws ApiError 400 */
export function refuseLongText({ tokenizer, contextLength }: LanguageModel, text: string): void {
  if (text.length <= longToken * contextLength) return;
  const tokens = tokenizer.encode(text.slice(0, longToken * contextLength), { addSpecialTokens: false }).length;
  // A cut in the middle of a word may add some tokens.
  if (tokens <= contextLength + longToken) return;
  throw badRequest(
    `This model's maximum context length is ${contextLength} tokens; the prompt has more than ${tokens}.`,
    'messages',
    'context_length_exceeded',
  );
}

/** @throws ApiError 400 when prompt and new tokens do not fit the model's context */
export function samplingOf(
  model: LanguageModel,
  fields: CommonFields,
  { promptTokens, maxTokens, defaultMaxTokens }: SamplingFrom,
): SamplingOptions {
  const room = model.contextLength - promptTokens;
  if (room < (maxTokens ?? 1)) {
    throw badRequest(
      `This model's maximum context length is ${model.contextLength} tokens; the prompt has ${promptTokens}` +
        `${maxTokens === null ? ', which leaves no room' : ` and ${maxTokens} new ones are asked for`}.`,
      'messages',
      'context_length_exceeded',
    );
  }
  const maxNewTokens = maxTokens ?? Math.min(room, defaultMaxTokens);
  const { stop, min_tokens: minTokens, ignore_eos: ignoreEnd } = fields;
  if ((minTokens ?? 0) > maxNewTokens)
    throw badRequest(`min_tokens exceeds the most new tokens, ${maxNewTokens}`, 'min_tokens');
  return {
    temperature: fields.temperature ?? 1,
    topP: fields.top_p ?? 1,
    topK: Math.max(0, fields.top_k ?? 0),
    minP: fields.min_p ?? 0,
    repetitionPenalty: fields.repetition_penalty ?? 1,
    minNewTokens: minTokens ?? 0,
    maxNewTokens,
    stopIds: ignoreEnd === true ? [] : model.tokenizer.endIds,
    stopTexts: typeof stop === 'string' ? [stop] : (stop ?? []),
  };
}

/** Without a seed every request draws anew: the one place where the operating system is asked for chance. */
export function requestSeed({ seed }: CommonFields): number {
  return seed ?? randomInt(2 ** 31);
}

export function usageOf(promptTokens: number, completionTokens: number): JsonObject {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
