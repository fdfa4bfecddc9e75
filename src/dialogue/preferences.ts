/** Reads preference data: dialogues with a better and a worse answer. Forms: hh-rlhf, and TRL's rows (`prompt`,
 *  `chosen`, `rejected`, as text or as messages, where the prompt may be given only as the common start of both answers), in JSON
 *  lines (.gz too), a JSON array or Parquet. */
import { ConfigError, FormatError } from '../base/errors.js';
import { asFields, type Fields, isFields, stringField } from './datasets/fields.js';
import { humanAssistantTurns, isHumanAssistant, splitAnswers } from './datasets/hhRlhf.js';
import { describe, type JsonItem, readJsonArray, readJsonLines } from './datasets/json.js';
import { readParquet } from './datasets/parquet.js';
import { textId } from './identity.js';
import type { Dialogue } from './types.js';

export interface AnsweredPreference {
  /** The dialogue up to the turn to be answered, which is the adversary's; earlier turns belong to the prompt. The text of
   *  the prompt is empty where the dialogue has one turn. */
  readonly dialogue: Dialogue;
  readonly chosen: string;
  readonly rejected: string;
  /** A third answer, where the row has one. */
  readonly toxic?: string;
  /** File and line or row. */
  readonly where: string;
}

export interface PreferenceQuery {
  /** Maximum number of rows. */
  readonly limit?: number;
  /** Text between the turns of the prompt; default a space. */
  readonly turnSeparator?: string;
  /** Called for every row that is left out. */
  readonly onLeftOut?: (reason: 'an empty answer' | 'answers alike' | 'no user turn to answer') => void;
}

/** Reads rows in the order of the file. A text prompt that is no dialogue of Human and Assistant is one turn; a system message
 *  goes before the first user's; of an answer with several turns the first counts.
 *  @throws ConfigError when nothing is left, FormatError with file and line for a row of another form */
export async function readPreferences(
  path: string,
  query: PreferenceQuery = {},
): Promise<readonly AnsweredPreference[]> {
  const { limit = Infinity, turnSeparator = ' ', onLeftOut } = query;
  const items: AnsweredPreference[] = [];
  for await (const { value, where } of rowsOf(path)) {
    if (items.length >= limit) break;
    const { turns, chosen, rejected, toxic } = readRow(asFields(value, where), where);
    const dialogue = dialogueOfTurns(turns, turnSeparator);
    if (dialogue === null) onLeftOut?.('no user turn to answer');
    else if (chosen.trim() === '' || rejected.trim() === '') onLeftOut?.('an empty answer');
    else if (chosen.trim() === rejected.trim()) onLeftOut?.('answers alike');
    else items.push({ dialogue, chosen, rejected, ...(toxic === null ? {} : { toxic }), where });
  }
  if (items.length > 0) return items;
  throw new ConfigError('The data has no usable pair of answers', {
    where: path,
    expected: 'rows with prompt, chosen and rejected',
    remedy: 'Check how the file was made.',
  });
}

function rowsOf(path: string): AsyncIterable<JsonItem> {
  const name = path.toLowerCase();
  if (name.endsWith('.parquet')) return readParquet(path, ['prompt', 'chosen', 'rejected', 'toxic']);
  return /\.json(\.gz)?$/.test(name) ? readJsonArray(path) : readJsonLines(path);
}

interface Turn {
  readonly role: string;
  readonly content: string;
}

interface Row {
  /** Turns before the answers. */
  readonly turns: readonly Turn[];
  readonly chosen: string;
  readonly rejected: string;
  readonly toxic: string | null;
}

function readRow(row: Fields, where: string): Row {
  const { prompt, chosen, rejected } = row;
  if (Array.isArray(chosen) || Array.isArray(rejected)) return messagesRow(row, where);
  const answers = { chosen: stringField(row, 'chosen', where), rejected: stringField(row, 'rejected', where) };
  const toxic = row['toxic'] === undefined || row['toxic'] === null ? null : stringField(row, 'toxic', where);
  if (Array.isArray(prompt)) return { turns: readMessages(row, 'prompt', where), ...answers, toxic };
  if (typeof prompt === 'string') {
    const turns = isHumanAssistant(prompt)
      ? alternating(humanAssistantTurns(prompt))
      : [{ role: 'user', content: prompt }];
    return { turns, ...answers, toxic };
  }
  const split = isHumanAssistant(answers.chosen) ? splitAnswers(answers.chosen, answers.rejected) : null;
  if (split !== null) return { ...split, turns: alternating(split.turns), toxic };
  throw new FormatError('This row has no prompt', {
    where,
    expected: 'a prompt, or two dialogues of Human and Assistant with a common start',
    got: describe(row),
    remedy: 'Add the column prompt.',
  });
}

/** Reads a row of messages. Where the answers are whole dialogues, the prompt is their common start, whatever the column
 *  `prompt` holds. */
function messagesRow(row: Fields, where: string): Row {
  const [chosen, rejected] = [readMessages(row, 'chosen', where), readMessages(row, 'rejected', where)];
  const toxic = row['toxic'] === undefined || row['toxic'] === null ? null : readMessages(row, 'toxic', where);
  const given = chosen[0]?.role === 'assistant' ? (row['prompt'] ?? null) : null;
  let shared = 0;
  while (
    given === null &&
    shared < Math.min(chosen.length, rejected.length) - 1 &&
    isSame(chosen[shared], rejected[shared])
  )
    shared++;
  const turns =
    given === null
      ? chosen.slice(0, shared)
      : typeof given === 'string'
        ? [{ role: 'user', content: given }]
        : readMessages(row, 'prompt', where);
  const answer = (messages: readonly Turn[]): string => {
    const first = messages[shared];
    if (first?.role === 'assistant') return first.content;
    throw new FormatError('An answer does not begin with the assistant', {
      where,
      expected: '[{"role": "assistant", "content": …}]',
      got: first?.role ?? 'nothing',
    });
  };
  return { turns, chosen: answer(chosen), rejected: answer(rejected), toxic: toxic === null ? null : answer(toxic) };
}

function isSame(a: Turn | undefined, b: Turn | undefined): boolean {
  return a?.role === b?.role && a?.content === b?.content;
}

function readMessages(row: Fields, key: string, where: string): readonly Turn[] {
  const list = row[key];
  const isTurn = (item: unknown): item is Turn =>
    isFields(item) && typeof item['role'] === 'string' && typeof item['content'] === 'string';
  if (Array.isArray(list) && list.every(isTurn)) return list;
  throw new FormatError(`The field ${key} is not a list of messages`, {
    where,
    expected: '[{"role", "content"}…]',
    got: describe(list ?? null),
    remedy: 'Correct this row.',
  });
}

function alternating(turns: readonly string[]): readonly Turn[] {
  return turns.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));
}

/** Returns the dialogue of the turns; null when no user turn is left to answer. */
function dialogueOfTurns(turns: readonly Turn[], separator: string): Dialogue | null {
  const merged: Turn[] = [];
  for (const { role, content } of turns) {
    if (content.trim() === '') continue;
    const previous = merged.at(-1);
    const side = role === 'assistant' ? 'assistant' : 'user'; // A system message, and what a tool says, is read by the one who answers.
    if (previous?.role === side)
      merged[merged.length - 1] = { role: side, content: `${previous.content}\n\n${content}` };
    else merged.push({ role: side, content });
  }
  const last = merged.at(-1);
  if (last?.role !== 'user') return null;
  const before = merged.slice(0, -1).map(({ content }) => content);
  const contents = merged.map(({ content }) => content);
  return {
    prompt: {
      id: textId(JSON.stringify(contents)),
      conversationId: textId(contents[0] ?? ''),
      text: before.join(separator),
      ...(before.length === 0 ? {} : { turns: before }),
    },
    turns: [{ author: 'adversary', text: last.content, tokens: null, finishReason: 'stop' }],
  };
}
