/** Any service that takes a JSON body and answers with JSON or plain text, described by a template of the request and
 *  the path of the reply. Paced, retried, cached and counted as an OpenAI-compatible endpoint is. */
import { isBlank } from '../base/blank.js';
import { ConfigError, TargetError } from '../base/errors.js';
import { wellFormed } from '../base/json.js';
import { parseBody } from './answerBody.js';
import { exchange, shownUrl } from './exchange.js';
import { failureIn } from './failure.js';
import { noReply } from './noReply.js';
import { proxyFor } from './proxy.js';
import { openQuestions, type QuestionOptions } from './questions.js';
import { createRedaction, holdsKey } from './secrets.js';
import { environmentValues, fillTemplate, type TemplateValues, unfilledPlaces } from './template.js';
import type { NoReply, Usage } from './types.js';
import { guessedTokens } from './usageMeter.js';
import { valueAt } from './valueAt.js';
import { openUrl, requireUrl } from './wire.js';

export interface JsonServiceOptions extends QuestionOptions {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** With places such as {{utterance}}. */
  readonly body: unknown;
  /** Path of the reply in the answer; '$' is the whole of it. */
  readonly reply: string;
  /** Paths of the token counts in the answer; null when it has none. */
  readonly tokens: { readonly input: string; readonly output: string } | null;
  readonly timeoutMs: number;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export interface JsonService {
  readonly name: string;
  readonly concurrency: number;
  /** @throws TargetError, InterruptedError */
  readonly ask: (values: TemplateValues) => Promise<ServiceReply>;
  readonly usage: () => Usage;
  readonly close: () => void;
}

/** A service does not say why its reply ended: it ended by itself. */
export type ServiceReply = { readonly kind: 'reply'; readonly text: string; readonly finishReason: 'stop' } | NoReply;

/** The slots of a dialogue that a body may hold. */
export const servicePlaces = [
  'utterance',
  'messages',
  'text',
  'system',
  'seed',
  'maxTokens',
  'temperature',
  'topP',
] as const;

/** @throws ConfigError for an address that is none, a place that nothing fills, or an empty variable; asks nothing yet */
export function openJsonService(options: JsonServiceOptions): JsonService {
  const { body: bodyTemplate, environment = process.env } = options;
  requireFilled(options);
  const inUrl = environmentValues(options.url, environment, 'http.url');
  const inBody = environmentValues(bodyTemplate, environment, 'http.body');
  const inHeaders = environmentValues(options.headers, environment, 'http.headers');
  const literal = Object.entries(options.headers).flatMap(([name, value]) =>
    holdsKey(name, value) ? [value, value.replace(/^\w+ /, '')] : [],
  );
  const redaction = createRedaction([
    ...literal,
    ...[inUrl, inBody, inHeaders].flatMap((values) => Object.values(values)),
  ]);
  const url = openUrl(options.url, inUrl, 'http.url').href;
  const proxy = proxyFor(new URL(url), environment);
  const where = redaction.message(shownUrl(url));
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/plain;q=0.9, */*;q=0.1',
    'user-agent': 'gadfly',
    ...Object.fromEntries(
      Object.entries(options.headers).map(([name, value]) => [
        name.toLowerCase(),
        String(fillTemplate(value, inHeaders)),
      ]),
    ),
  };
  const questions = openQuestions(options);
  // As it was written: a key in the address is no part of the question.
  const address = Object.keys(inUrl).length === 0 ? url : options.url;
  return {
    name: options.name,
    concurrency: options.concurrency,
    usage: questions.usage,
    close: questions.close,
    ask: async (values) => {
      const question = JSON.stringify(fillTemplate(bodyTemplate, values));
      const body = wellFormed(JSON.stringify(fillTemplate(bodyTemplate, { ...values, ...inBody })));
      const asked = questions.ask({
        // The seed belongs to the question even where the template does not send it: another draw is another question.
        key: JSON.stringify([address, options.reply, question, values['seed'] ?? null]),
        send: async (signal) =>
          redaction.body(
            await exchange(
              { url, method: 'POST', headers, body },
              { timeoutMs: options.timeoutMs, signal, redaction, proxy, keyHint: 'Check http.headers.' },
            ),
          ),
        read: (answer) => readReply(answer, body, options, where),
      });
      return asked.catch((error: unknown) => {
        const refusal = failureIn(error)?.refusedPrompt ?? null;
        if (refusal === null) throw error;
        return noReply(refusal === 'content' ? 'promptContent' : 'promptLength');
      });
    },
  };
}

/** @throws ConfigError */
function requireFilled({ url, headers, body }: JsonServiceOptions): void {
  requireUrl(url, 'http.url');
  for (const [where, template, known] of [
    ['http.headers', headers, []],
    ['http.body', body, servicePlaces],
  ] as const) {
    const [unknown] = unfilledPlaces(template, known);
    if (unknown === undefined) continue;
    throw new ConfigError('a place that nothing fills', {
      where,
      expected: [...known.map((name) => `{{${name}}}`), '{{env:NAME}}'].join(', '),
      got: `{{${unknown}}}`,
    });
  }
}

function readReply(
  body: string,
  sent: string,
  { reply: path, tokens }: JsonServiceOptions,
  where: string,
): { readonly value: ServiceReply; readonly tokens: { readonly prompt: number; readonly completion: number } } {
  const answer = path === '$' ? wholeAnswer(body) : parseBody(body, where);
  const text = replyText(path === '$' ? answer : valueAt(answer, path, where), `${where} (${path})`);
  const count = (at: string | undefined, guessed: string): number => {
    const value = at === undefined ? guessedTokens(guessed) : valueAt(answer, at, where);
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
    throw new TargetError('a count of tokens is none', {
      where: `${where} (${at ?? ''})`,
      expected: 'a number of at least 0',
      got: JSON.stringify(value),
      remedy: 'Correct http.tokens.',
    });
  };
  return {
    value: isBlank(text) ? noReply('empty') : { kind: 'reply', text, finishReason: 'stop' },
    tokens: { prompt: count(tokens?.input, sent), completion: count(tokens?.output, text) },
  };
}

/** A JSON document, or else plain text. */
function wholeAnswer(body: string): unknown {
  try {
    return parseBody(body, '$');
  } catch (error) {
    if (error instanceof TargetError) return body;
    throw error;
  }
}

/** A text, a number, or a list of them, one a line; null is no text. @throws TargetError for anything else */
function replyText(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (value === null) return '';
  if (Array.isArray(value))
    return value
      .map((each) => replyText(each, where))
      .filter((text) => text !== '')
      .join('\n');
  throw new TargetError('the reply is no text', {
    where,
    expected: 'a text, or a list of texts',
    got: JSON.stringify(value).slice(0, 120),
    remedy: 'Correct http.reply.',
  });
}
