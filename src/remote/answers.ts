/** Reads what OpenAI-compatible servers answer, in their dialects, and refuses what cannot be right: another model's
 *  name, more tokens than were asked for, a count of log-probabilities that is not the count of tokens,
 *  log-probabilities that are none. */
import { z } from 'zod';
import { TargetError } from '../base/errors.js';
import type { RemoteReply, ReplyToken, TokenLogProb } from './types.js';
import { guessedTokens } from './usageMeter.js';

export interface AnswerContext {
  /** The place, for messages. */
  readonly where: string;
  /** Names by which the answer may call the model. */
  readonly names: readonly string[];
  readonly maxTokens: number;
  /** Characters of what was asked, for servers that do not count. */
  readonly askedCharacters: number;
  readonly wantsLogProbs: boolean;
}

const logProb = z.number();
const chatToken = z.object({ token: z.string(), logprob: logProb });
const chatLogProbs = z.object({
  content: z.array(chatToken.extend({ top_logprobs: z.array(chatToken).nullish() })).nullish(),
});
const completionLogProbs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(logProb.nullable()),
  top_logprobs: z.array(z.record(z.string(), logProb).nullable()).nullish(),
});
const contentPart = z.object({ type: z.string(), text: z.string().optional() });
const chatChoice = z.object({
  finish_reason: z.string().nullish(),
  message: z.object({
    content: z.union([z.string(), z.array(contentPart)]).nullish(),
    refusal: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    reasoning: z.string().nullish(),
  }),
  logprobs: chatLogProbs.nullish(),
});
const completionChoice = z.object({
  finish_reason: z.string().nullish(),
  text: z.string(),
  logprobs: z.union([chatLogProbs.required(), completionLogProbs]).nullish(),
});
const envelope = z.object({
  model: z.string().nullish(),
  choices: z.array(z.unknown()),
  usage: z.object({ prompt_tokens: z.int().min(0), completion_tokens: z.int().min(0).nullish() }).nullish(),
});

export interface ReadAnswer {
  readonly value: RemoteReply;
  readonly tokens: { readonly prompt: number; readonly completion: number };
}

/** @throws TargetError */
export function readChatAnswer(body: string, context: AnswerContext): ReadAnswer {
  const answer = openAnswer(body, context);
  const choice = parseAs(chatChoice, answer.choice, context);
  const { message } = choice;
  const filtered = choice.finish_reason === 'content_filter';
  const content =
    typeof message.content === 'string'
      ? message.content
      : (message.content?.map(({ text }) => text ?? '').join('') ?? null);
  const text = content !== null && content !== '' ? content : (message.refusal ?? content ?? (filtered ? '' : null));
  const thought = message.reasoning_content ?? message.reasoning ?? '';
  if (text === null || (text === '' && thought !== '')) {
    throw wrong(
      'an answer without text',
      context,
      'a message with content',
      thought === '' ? 'content: null' : 'reasoning only',
      thought === ''
        ? 'Check that this model answers chats in text.'
        : 'Raise maxNewTokens, or turn reasoning off (remote.extraBody).',
    );
  }
  return finish(
    answer,
    { text, filtered, finishReason: choice.finish_reason, tokens: chatTokens(choice.logprobs?.content, context) },
    context,
  );
}

/** @throws TargetError */
export function readCompletionAnswer(body: string, context: AnswerContext): ReadAnswer {
  const answer = openAnswer(body, context);
  const choice = parseAs(completionChoice, answer.choice, context);
  const given = choice.logprobs;
  const tokens =
    given === null || given === undefined
      ? null
      : 'tokens' in given
        ? completionTokens(given, context)
        : chatTokens(given.content, context);
  return finish(
    answer,
    {
      text: choice.text,
      filtered: choice.finish_reason === 'content_filter',
      finishReason: choice.finish_reason,
      tokens,
    },
    context,
  );
}

/** The body as JSON. @throws TargetError */
export function parseBody(body: string, where: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    const isNan = /[:[,]\s*-?(NaN|Infinity)\b/.test(body);
    throw new TargetError('the answer is not JSON', {
      where,
      expected: 'one JSON document',
      got:
        body === ''
          ? 'nothing'
          : isNan
            ? 'NaN or Infinity, which JSON does not have'
            : `${JSON.stringify(body.slice(0, 120))}`,
      remedy: isNan
        ? 'The model computes NaN: check its weights and precision.'
        : 'Check that the address is that of an API, not of a web page.',
      cause: error,
    });
  }
}

interface OpenedAnswer {
  readonly choice: unknown;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
}

function openAnswer(body: string, context: AnswerContext): OpenedAnswer {
  const parsed = parseAs(envelope, parseBody(body, context.where), context);
  requireName(parsed.model ?? null, context);
  const [choice] = parsed.choices;
  if (choice === undefined)
    throw wrong('an answer without choices', context, 'one choice', 'choices: []', 'Look at the server’s own log.');
  return {
    choice,
    promptTokens: parsed.usage?.prompt_tokens ?? null,
    completionTokens: parsed.usage?.completion_tokens ?? null,
  };
}

/** Servers add a date, a revision or a folder to the name they were asked for; another model altogether is refused. */
function requireName(said: string | null, { where, names }: Pick<AnswerContext, 'where' | 'names'>): void {
  if (said === null || said === '') return;
  const plain = (name: string): string =>
    (name.toLowerCase().replace(/\/+$/, '').split('/').at(-1) ?? '').replace(/(@.*|\.gguf)$/, '');
  const same = names.some(
    (name) =>
      said === name ||
      plain(said) === plain(name) ||
      extendsName(plain(said), plain(name)) ||
      said.startsWith(`${name}@`),
  );
  if (same) return;
  throw new TargetError('another model answers', {
    where,
    expected: names.join(' or '),
    got: said,
    remedy: `Name the model that the server has; or, where that is what it calls it, set remote.servedAs: ${JSON.stringify(said)}.`,
  });
}

/** 'gpt-4o-mini-2024-07-18' is a dated 'gpt-4o-mini', but 'gpt-4o-mini' is no 'gpt-4o'; 'llama3.2:latest' is
 *  'llama3.2'. */
function extendsName(said: string, name: string): boolean {
  return said.startsWith(name) && /^(-\d[\d-]*|:latest)$/.test(said.slice(name.length));
}

function finish(
  { promptTokens, completionTokens }: OpenedAnswer,
  said: {
    readonly text: string;
    readonly filtered: boolean;
    readonly finishReason: string | null | undefined;
    readonly tokens: readonly ReplyToken[] | null;
  },
  context: AnswerContext,
): ReadAnswer {
  const { maxTokens } = context;
  // Some servers count the end token, some do not.
  const count = completionTokens ?? said.tokens?.length ?? null;
  if (count !== null && count > maxTokens + 1) {
    throw wrong(
      'more tokens than were asked for',
      context,
      `at most ${maxTokens}`,
      String(count),
      'This server ignores the limit, so replies of equal length cannot be had.',
    );
  }
  if (said.tokens !== null && completionTokens !== null && Math.abs(said.tokens.length - completionTokens) > 1) {
    throw wrong(
      'log-probabilities of another number of tokens',
      context,
      `${completionTokens}, as the server counts`,
      String(said.tokens.length),
      'Look at the server’s own log.',
    );
  }
  return {
    value: {
      text: said.text,
      finishReason: finishReasonOf(said.finishReason, context),
      tokens: said.tokens,
      completionTokens,
      filtered: said.filtered,
    },
    tokens: {
      prompt: promptTokens ?? Math.ceil(context.askedCharacters / 4),
      completion: completionTokens ?? guessedTokens(said.text),
    },
  };
}

const finishReasons: Readonly<Record<string, RemoteReply['finishReason']>> = {
  stop: 'stop',
  stop_sequence: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  end_turn: 'stop',
  content_filter: 'stop',
  length: 'length',
  max_tokens: 'length',
};

function finishReasonOf(said: string | null | undefined, context: AnswerContext): RemoteReply['finishReason'] {
  const known = finishReasons[said ?? ''];
  if (known !== undefined) return known;
  throw wrong(
    'an answer that ended for an unknown reason',
    context,
    Object.keys(finishReasons).join(', '),
    String(said),
    'Tools and functions cannot take part in a dialogue.',
  );
}

type ChatTokens = NonNullable<z.output<typeof chatLogProbs>['content']>;

function chatTokens(content: ChatTokens | null | undefined, context: AnswerContext): readonly ReplyToken[] | null {
  if (content === null || content === undefined || !context.wantsLogProbs) return null;
  return content.map(({ token, logprob, top_logprobs }) => ({
    ...checked({ text: token, logProb: logprob }, context),
    top: (top_logprobs ?? []).map((each) => checked({ text: each.token, logProb: each.logprob }, context)),
  }));
}

function completionTokens(
  { tokens, token_logprobs, top_logprobs }: z.output<typeof completionLogProbs>,
  context: AnswerContext,
): readonly ReplyToken[] | null {
  if (!context.wantsLogProbs) return null;
  if (tokens.length !== token_logprobs.length) {
    throw wrong(
      'log-probabilities of another number of tokens',
      context,
      String(tokens.length),
      String(token_logprobs.length),
      'Look at the server’s own log.',
    );
  }
  return tokens.map((text, i) => ({
    ...checked({ text, logProb: token_logprobs[i] ?? NaN }, context),
    top: Object.entries(top_logprobs?.[i] ?? {})
      .map(([top, value]) => checked({ text: top, logProb: value }, context))
      .sort((a, b) => b.logProb - a.logProb),
  }));
}

/** 1e-3: rounding of a float32 log-sum-exp. @throws TargetError for what cannot be a log-probability */
export function checked(token: TokenLogProb, { where }: Pick<AnswerContext, 'where'>): TokenLogProb {
  if (Number.isFinite(token.logProb) && token.logProb <= 1e-3)
    return { text: token.text, logProb: Math.min(0, token.logProb) };
  throw new TargetError('a log-probability that cannot be one', {
    where,
    expected: 'a finite number of nats, at most 0',
    got: String(token.logProb),
    remedy: 'The server computes or reports it wrongly; ask for none.',
  });
}

export function parseAs<T>(schema: z.ZodType<T>, value: unknown, { where }: Pick<AnswerContext, 'where'>): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TargetError('an answer of another form', {
    where,
    expected: `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'another form'}`,
    got: JSON.stringify(value)?.slice(0, 200) ?? 'nothing',
    remedy: 'Check that the server speaks the OpenAI protocol at this address.',
  });
}

function wrong(summary: string, { where }: AnswerContext, expected: string, got: string, remedy: string): TargetError {
  return new TargetError(summary, { where, expected, got, remedy });
}
