/** Files of prompts, texts and pairs that commands take: JSON lines, a JSON array, or plain lines. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { ConfigError, FormatError } from '../base/errors.js';
import { parseJson } from '../dialogue/datasets/json.js';
import { isJsonObject } from '../base/json.js';

export interface ScorePair {
  readonly kind: 'text';
  readonly prompt: string;
  readonly completion: string;
}

export interface MessagePair {
  readonly kind: 'messages';
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
}

/** Texts of a file, in order. A line is a string (quoted or not), or an object with `prompt` or `text`.
 *  @throws ConfigError for a missing or empty file, FormatError with the line for one that cannot be read */
export function readTexts(path: string, what: 'prompt' | 'text'): readonly string[] {
  const texts = readValues(path, true).map(({ value, where }): string => {
    const text =
      typeof value === 'string'
        ? value
        : isJsonObject(value)
          ? (value[what] ?? value[what === 'prompt' ? 'text' : 'prompt'])
          : undefined;
    if (typeof text === 'string') return text;
    throw new FormatError(`no ${what} on this line`, {
      where,
      expected: `a string, or an object with "${what}"`,
      got: clip(value),
    });
  });
  if (texts.length === 0)
    throw new ConfigError(`no ${what}s in this file`, { where: path, expected: 'at least one line' });
  return texts;
}

/** Pairs of a `score --pairs` file: {"prompt","completion"} or {"messages":[…]}, the last message being the completion.
 */
export function readPairs(path: string): readonly (ScorePair | MessagePair)[] {
  const pairs = readValues(path, false).map(({ value, where }): ScorePair | MessagePair => {
    if (isJsonObject(value)) {
      const { prompt, completion, messages } = value;
      if (typeof prompt === 'string' && typeof completion === 'string') return { kind: 'text', prompt, completion };
      if (Array.isArray(messages))
        return { kind: 'messages', messages: messages.map((message: unknown) => readMessage(message, where)) };
    }
    throw new FormatError('no pair on this line', {
      where,
      expected: '{"prompt", "completion"} or {"messages": […]}',
      got: clip(value),
    });
  });
  if (pairs.length === 0)
    throw new ConfigError('no pairs in this file', { where: path, expected: 'at least one line' });
  for (const [i, pair] of pairs.entries()) {
    if (pair.kind === 'messages' && pair.messages.length < 2)
      throw new FormatError('a pair of messages needs at least two', { where: `${path}, pair ${i + 1}` });
  }
  return pairs;
}

function readMessage(value: unknown, where: string): MessagePair['messages'][number] {
  if (isJsonObject(value)) {
    const { role, content } = value;
    if ((role === 'system' || role === 'user' || role === 'assistant') && typeof content === 'string')
      return { role, content };
  }
  throw new FormatError('not a message', {
    where,
    expected: '{"role": "system" | "user" | "assistant", "content": string}',
    got: clip(value),
  });
}

function readValues(path: string, plainLines: boolean): readonly { readonly value: unknown; readonly where: string }[] {
  const text = readTextFile(path);
  const alwaysPlain = plainLines && path.endsWith('.txt');
  if (text.trimStart().startsWith('[')) {
    const list = alwaysPlain ? jsonOrNothing(text) : parseJson(text, path, 'one JSON array');
    if (Array.isArray(list)) return list.map((value: unknown, i) => ({ value, where: `${path}, entry ${i + 1}` }));
  }
  return text.split(/\r?\n/).flatMap((line, i) => {
    const where = `${path}:${i + 1}`;
    if (line.trim() === '') return [];
    if (alwaysPlain) return [{ value: line, where }];
    const value = jsonOrNothing(line);
    if (value !== undefined && (typeof value === 'string' || typeof value === 'object')) return [{ value, where }];
    if (plainLines && !/^\s*["{[]/.test(line)) return [{ value: line, where }];
    const other = parseJson(line, where, 'a JSON string or object on this line');
    throw new FormatError('this line is neither text nor an object', { where, got: clip(other) });
  });
}

/** @throws ConfigError when there is no such file, FormatError when it is not UTF-8 text */
export function readTextFile(path: string): string {
  if (!existsSync(path)) throw new ConfigError('no such file', { where: path });
  if (statSync(path).isDirectory()) throw new ConfigError('this is a folder, not a file', { where: path });
  const bytes = readFileSync(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new FormatError('this file is not UTF-8 text', { where: path, cause: error });
  }
}

/** Undefined when it does not parse. */
function jsonOrNothing(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function clip(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
