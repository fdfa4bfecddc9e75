/** POST /v1/completions: prompts, as text or as token ids, continued; with `echo` and `logprobs` also scored. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { present } from '../base/invariant.js';
import { streamKey } from '../base/random.js';
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
import { createdAt, maxRowsPerRequest, type ServedModel } from './served.js';
import { characters, completionLogProbs, keepAlternatives, promptLogProbs } from './tokenReport.js';

const ids = z.array(z.int().min(0)).min(1);

const completionFields = {
  ...commonFields,
  prompt: z.union([z.string(), ids, z.array(z.string()).min(1), z.array(ids).min(1)]),
  max_tokens: z.int().min(0).nullish(),
  logprobs: z.int().min(0).max(20).nullish(),
  echo: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
} as const;
type CompletionFields = z.output<z.ZodObject<typeof completionFields>>;

/** The API's default, for a request that asks for no number. */
const defaultMaxTokens = 16;

interface Prepared {
  readonly prompt: readonly number[];
  readonly row: QueuedRow;
}

/** @throws ApiError for a request that cannot be served */
export async function textCompletions(served: ServedModel, body: unknown, signal: AbortSignal): Promise<Response> {
  const fields = parseFields(body, completionFields);
  requireServedModel(fields.model, served.name);
  const prepared = prepare(served, fields);
  const head = {
    id: `cmpl-${randomUUID()}`,
    object: 'text_completion',
    created: createdAt(served),
    model: served.name,
  };
  const deltas = runChoices(
    served.queue,
    served.model,
    { rows: prepared.map(({ row }) => row), stream: fields.stream === true },
    signal,
  );
  if (fields.stream === true) return eventStream(chunks(served, fields, head, prepared, deltas));
  const choices: JsonObject[] = [];
  const generated: number[] = [];
  for await (const delta of deltas) {
    choices[delta.index] = choiceOf(served, fields, prepared, delta, null);
    generated[delta.index] = delta.generated.length;
  }
  return Response.json({ ...head, choices, usage: totalUsage(fields, prepared, generated) });
}

function prepare({ model }: ServedModel, fields: CompletionFields): readonly Prepared[] {
  const prompts = promptsOf(model, fields);
  const n = fields.n ?? 1;
  if (prompts.length * n > maxRowsPerRequest)
    throw badRequest(`at most ${maxRowsPerRequest} sequences a request: prompts × n`, 'prompt');
  const seed = requestSeed(fields);
  const { logprobs, prompt_logprobs: ofPrompt } = fields;
  const scoresPrompt = (fields.echo === true && isGiven(logprobs)) || isGiven(ofPrompt);
  if (fields.max_tokens === 0 && fields.echo !== true && !scoresPrompt) {
    throw badRequest('max_tokens of 0 is for echo and prompt_logprobs', 'max_tokens');
  }
  return prompts.flatMap((prompt, index) => {
    const sampling = samplingOf(model, fields, {
      promptTokens: prompt.length,
      maxTokens: fields.max_tokens ?? null,
      defaultMaxTokens,
    });
    return Array.from({ length: n }, (_, k): Prepared => ({
      prompt,
      row: {
        ids: prompt,
        sampling,
        scoreFrom: scoresPrompt ? 1 : null,
        alternatives: Math.max(logprobs ?? 0, ofPrompt ?? 0),
        stream: streamKey(seed, 'generate', index, k),
      },
    }));
  });
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function promptsOf(model: ServedModel['model'], fields: CompletionFields): readonly (readonly number[])[] {
  const { tokenizer, vocabularySize } = model;
  const { prompt, add_special_tokens: addSpecialTokens } = fields;
  const encode = (text: string): readonly number[] => {
    refuseLongText(model, text);
    const encoded = tokenizer.encode(text, { addSpecialTokens: addSpecialTokens ?? true });
    if (encoded.length > 0) return encoded;
    if (tokenizer.bosId === null) throw badRequest('the prompt is empty, and this model has no start token', 'prompt');
    return [tokenizer.bosId];
  };
  if (typeof prompt === 'string') return [encode(prompt)];
  // The schema mixes nothing.
  const list =
    typeof prompt[0] === 'number' ? [prompt as readonly number[]] : (prompt as readonly (string | readonly number[])[]);
  return list.map((each) => {
    if (typeof each === 'string') return encode(each);
    const stranger = each.find((id) => id >= vocabularySize);
    if (stranger !== undefined)
      throw badRequest(`token id ${stranger} is not in the vocabulary (${vocabularySize})`, 'prompt');
    return each;
  });
}

/** @param offset characters that earlier deltas of the choice had; null for the first delta */
function choiceOf(
  { model: { tokenizer } }: ServedModel,
  fields: CompletionFields,
  prepared: readonly Prepared[],
  delta: ChoiceDelta,
  offset: number | null,
): JsonObject {
  const { index, text, tokens, prompt, finishReason, generated } = delta;
  const { prompt: promptIds } = present(prepared[index], 'choices are those that were prepared');
  const echoed = fields.echo === true && offset === null;
  const reported = echoed ? [...(prompt ?? []), ...tokens] : tokens;
  const { logprobs, prompt_logprobs: ofPrompt } = fields;
  return {
    index,
    text: (echoed ? promptText(fields, prepared, index, tokenizer) : '') + text,
    logprobs: isGiven(logprobs)
      ? completionLogProbs(tokenizer, keepAlternatives(reported, logprobs), offset ?? 0)
      : null,
    finish_reason: finishReason,
    ...(prompt !== null && isGiven(ofPrompt)
      ? { prompt_logprobs: promptLogProbs(tokenizer, keepAlternatives(prompt, ofPrompt)) }
      : {}),
    ...(fields.return_token_ids === true ? { token_ids: generated, prompt_token_ids: promptIds } : {}),
  };
}

/** A text prompt as it was given, ids as the text they stand for. */
function promptText(
  { prompt, n }: CompletionFields,
  prepared: readonly Prepared[],
  index: number,
  tokenizer: ServedModel['model']['tokenizer'],
): string {
  if (typeof prompt === 'string') return prompt;
  const given = prompt[Math.floor(index / (n ?? 1))];
  return typeof given === 'string'
    ? given
    : tokenizer.decode(present(prepared[index], 'a choice that was prepared').prompt);
}

type Head = { readonly id: string; readonly object: string; readonly created: number; readonly model: string };

async function* chunks(
  served: ServedModel,
  fields: CompletionFields,
  head: Head,
  prepared: readonly Prepared[],
  deltas: AsyncGenerator<ChoiceDelta>,
): AsyncGenerator<JsonValue> {
  const wantsUsage = fields.stream_options?.include_usage === true;
  const generated: number[] = [];
  const offsets = new Map<number, number>();
  for await (const delta of deltas) {
    const { index } = delta;
    const offset = offsets.get(index) ?? null;
    const echoedTokens =
      offset === null && fields.echo === true ? present(prepared[index], 'a choice that was prepared').prompt : [];
    const length = [...echoedTokens, ...delta.tokens.map(({ id }) => id)].reduce(
      (sum, id) => sum + characters(served.model.tokenizer, id),
      0,
    );
    yield {
      ...head,
      choices: [choiceOf(served, fields, prepared, delta, offset)],
      ...(wantsUsage ? { usage: null } : {}),
    };
    offsets.set(index, (offset ?? 0) + length);
    generated[index] = delta.generated.length;
  }
  if (wantsUsage) yield { ...head, choices: [], usage: totalUsage(fields, prepared, generated) };
}

/** A prompt counts once, however many choices it has. */
function totalUsage({ n }: CompletionFields, prepared: readonly Prepared[], generated: readonly number[]): JsonObject {
  const promptTokens = prepared.reduce((sum, { prompt }, i) => sum + (i % (n ?? 1) === 0 ? prompt.length : 0), 0);
  return usageOf(
    promptTokens,
    generated.reduce((sum, count) => sum + count, 0),
  );
}
