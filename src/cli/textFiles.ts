/** Files of prompts, texts and pairs that commands take: JSON lines, a JSON array, CSV, Parquet, or plain lines. */
import { ConfigError, FormatError } from '../base/errors.js';
import { nameAmong } from '../dialogue/datasets/fields.js';
import type { FileNote, RowItem } from '../dialogue/datasets/format.js';
import { describe, parseJson } from '../dialogue/datasets/json.js';
import { readLines } from '../dialogue/datasets/lines.js';
import { containerOf, extensionOf, firstCharacter, readRows, refuseReservedFields } from '../dialogue/datasets/rows.js';
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

/** Reads the texts of a file, in order: an item is a string, or an object or row with `prompt` or `text`; plain lines may have
 *  no quotes.
 *  @throws ConfigError for a missing or empty file, FormatError with the place for what cannot be read */
export async function readTexts(path: string, what: 'prompt' | 'text', onNote?: FileNote): Promise<readonly string[]> {
  const names = what === 'prompt' ? ['prompt', 'text'] : ['text', 'prompt', 'comment_text', 'reply'];
  const texts = (await readValues(path, true, onNote)).map(({ value, where }): string => {
    const name = isJsonObject(value) ? nameAmong(value, names) : null;
    const text = isJsonObject(value) ? (name === null ? undefined : value[name]) : value;
    if (typeof text === 'string' && (text !== '' || !isRow(value, path))) return text;
    throw new FormatError(`there is no ${what} here`, {
      where,
      expected: `a string, or an object or row with ${names.join(' or ')}`,
      got: typeof text === 'string' ? 'an empty field' : describe(value),
      remedy: `Name the field or column ${what}; in CSV the first line names the columns.`,
    });
  });
  if (texts.length === 0)
    throw new ConfigError(`no ${what}s in this file`, { where: path, expected: 'at least one line' });
  return texts;
}

/** An empty field of a CSV file is a missing value, as pandas writes it. */
function isRow(value: unknown, path: string): boolean {
  return isJsonObject(value) && /\.(?:csv|tsv|tab|parquet)(?:\.gz)?$/iu.test(path);
}

/** Pairs of a `score --pairs` file: {"prompt","completion"} or {"messages":[…]}, the last message being the completion.
 */
export async function readPairs(path: string): Promise<readonly (ScorePair | MessagePair)[]> {
  const pairs = (await readValues(path, false)).map(({ value, where }): ScorePair | MessagePair => {
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

/** Reads the items of a file. @throws ConfigError when there is no such file, FormatError with the place */
async function readValues(path: string, plainLines: boolean, onNote?: FileNote): Promise<readonly RowItem[]> {
  const container = await containerOf(path);
  const isList = container === null && (await firstCharacter(path)) === '[';
  const alwaysPlain = plainLines && extensionOf(path) === 'txt';
  if (container === 'csv' || container === 'parquet' || container === 'json-array' || (isList && !alwaysPlain))
    return itemsOf(readRows(path, { onNote }));
  if (isList) {
    const whole = await itemsOf(readRows(path)).catch(() => null);
    if (whole !== null) return whole;
  }
  const items: RowItem[] = [];
  for await (const { line, text } of readLines(path)) {
    if (text.trim() === '') continue;
    const item = lineItem(text, `${path}:${String(line)}`, plainLines, alwaysPlain);
    refuseReservedFields(item);
    items.push(item);
  }
  return items;
}

async function itemsOf(rows: AsyncIterable<RowItem>): Promise<readonly RowItem[]> {
  const items: RowItem[] = [];
  for await (const item of rows) items.push(item);
  return items;
}

function lineItem(text: string, where: string, plainLines: boolean, alwaysPlain: boolean): RowItem {
  if (alwaysPlain || (plainLines && !/^\s*["{[]/.test(text))) return { value: text, where };
  const value = parseJson(text, where, 'a JSON string or object on this line');
  if (typeof value === 'string' || (typeof value === 'object' && value !== null)) return { value, where };
  throw new FormatError('this line is neither text nor an object', { where, got: clip(value) });
}

function clip(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
