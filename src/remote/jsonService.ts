/** Any service that takes a JSON body and answers with JSON, described by a template of the request and the path of the
 *  reply. Paced, retried, cached and counted as an OpenAI-compatible endpoint is. */
import { TargetError } from '../base/errors.js';
import { parseBody } from './answers.js';
import { exchange, shownUrl } from './exchange.js';
import { openQuestions, type QuestionOptions } from './questions.js';
import { fillHeaders, fillTemplate, type TemplateValues, valueAt } from './template.js';
import type { Usage } from './types.js';
import { guessedTokens } from './usageMeter.js';
import { requireUrl } from './wire.js';

export interface JsonServiceOptions extends QuestionOptions {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** With places such as {{utterance}}. */
  readonly body: unknown;
  /** Path of the reply in the answer. */
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
  readonly ask: (values: TemplateValues) => Promise<string>;
  readonly usage: () => Usage;
  readonly close: () => void;
}

/** @throws ConfigError for an address that is none, or an empty variable; asks nothing yet */
export function openJsonService(options: JsonServiceOptions): JsonService {
  const url = requireUrl(options.url, 'http.url');
  const where = shownUrl(url);
  const { headers, secrets } = fillHeaders(options.headers, options.environment ?? process.env);
  const questions = openQuestions(options);
  const all = { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'gadfly', ...headers };
  return {
    name: options.name,
    concurrency: options.concurrency,
    usage: questions.usage,
    close: questions.close,
    ask: (values) => {
      const body = JSON.stringify(fillTemplate(options.body, values));
      return questions.ask({
        // The seed belongs to the question even where the template does not send it: another draw is another question.
        key: JSON.stringify([url, options.reply, body, values['seed'] ?? null]),
        send: (signal) =>
          exchange(
            { url, method: 'POST', headers: all, body },
            { timeoutMs: options.timeoutMs, signal, secrets, keyHint: 'Check http.headers.' },
          ),
        read: (text) => {
          const answer = parseBody(text, where);
          const reply = valueAt(answer, options.reply, where);
          if (typeof reply !== 'string') {
            throw new TargetError('the reply is no text', {
              where: `${where} (${options.reply})`,
              expected: 'a text',
              got: JSON.stringify(reply).slice(0, 120),
              remedy: 'Correct http.reply.',
            });
          }
          const count = (path: string, text: string): number => {
            const value = options.tokens === null ? guessedTokens(text) : valueAt(answer, path, where);
            if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
            throw new TargetError('a count of tokens is none', {
              where: `${where} (${path})`,
              expected: 'a number of at least 0',
              got: JSON.stringify(value),
              remedy: 'Correct http.tokens.',
            });
          };
          return {
            value: reply,
            tokens: {
              prompt: count(options.tokens?.input ?? '', body),
              completion: count(options.tokens?.output ?? '', reply),
            },
          };
        },
      });
    },
  };
}
