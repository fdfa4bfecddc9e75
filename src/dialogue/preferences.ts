/** Reads preference data: dialogues with a better and a worse answer. Forms: hh-rlhf, and TRL's rows (`prompt`,
 *  `chosen`, `rejected`, as text or as messages, where the prompt may be only the common start of both answers), in JSON
 *  lines, a JSON array, CSV or Parquet. A row in which something is missing is left out and counted; a row of another
 *  form ends the reading. */
import { ConfigError, FormatError } from '../base/errors.js';
import { asFields, type Fields, isFields, stringField } from './datasets/fields.js';
import { humanAssistantTurns, isHumanAssistant, splitAnswers } from './datasets/hhRlhf.js';
import type { FileNote } from './datasets/format.js';
import { describe } from './datasets/json.js';
import { readRows } from './datasets/rows.js';
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
  readonly onLeftOut?: (reason: LeftOut) => void;
  readonly onNote?: FileNote | undefined;
}

export type LeftOut =
  | 'an empty answer'
  | 'answers alike'
  | 'no prompt'
  | 'no prompt in common'
  | 'no answer of the assistant'
  | 'no user turn to answer';

/** Reads rows in the order of the file. A text prompt that is no dialogue of Human and Assistant is one turn; a system message
 *  goes before the first user's; of an answer with several turns the first counts.
 *  @throws ConfigError when nothing is left, FormatError with file and line for a row of another form */
export async function readPreferences(
  path: string,
  query: PreferenceQuery = {},
): Promise<readonly AnsweredPreference[]> {
  const { limit = Infinity, turnSeparator = ' ', onLeftOut, onNote } = query;
  const items: AnsweredPreference[] = [];
  const leftOut = new Map<LeftOut, number>();
  for await (const { value, where } of readRows(path, { columns, onNote })) {
    if (items.length >= limit) break;
    const item = preferenceOf(readRow(asFields(value, where), where), turnSeparator, where);
    if (typeof item !== 'string') items.push(item);
    else {
      leftOut.set(item, (leftOut.get(item) ?? 0) + 1);
      onLeftOut?.(item);
    }
  }
  if (items.length > 0) return items;
  const reasons = [...leftOut].map(([reason, count]) => `${String(count)} ${reason}`);
  throw new ConfigError('The data has no usable pair of answers', {
    where: path,
    expected: 'rows with prompt, chosen and rejected',
    got: reasons.length === 0 ? 'no row' : `only rows left out: ${reasons.join(', ')}`,
    remedy: 'Check how the file was made.',
  });
}

const columns = ['prompt', 'chosen', 'rejected', 'toxic'] as const;

function preferenceOf(row: Row | LeftOut, turnSeparator: string, where: string): AnsweredPreference | LeftOut {
  if (typeof row === 'string') return row;
  const { turns, chosen, rejected, toxic } = row;
  const dialogue = dialogueOfTurns(turns, turnSeparator);
  if (dialogue === null) return 'no user turn to answer';
  if (chosen.trim() === '' || rejected.trim() === '') return 'an empty answer';
  if (chosen.trim() === rejected.trim()) return 'answers alike';
  return { dialogue, chosen, rejected, ...(toxic === null ? {} : { toxic }), where };
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

function readRow(row: Fields, where: string): Row | LeftOut {
  const { prompt, chosen, rejected } = row;
  if (chosen === null || rejected === null) return 'an empty answer';
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
  if (prompt !== undefined && prompt !== null) {
    throw new FormatError('The field prompt is neither text nor a list of messages', {
      where,
      expected: 'a string, or [{"role", "content"}…]',
      got: describe(prompt),
      remedy: 'Correct this row.',
    });
  }
  if (isHumanAssistant(answers.chosen) || isHumanAssistant(answers.rejected)) {
    const split = splitAnswers(answers.chosen, answers.rejected);
    return split === null ? 'no prompt in common' : { ...split, turns: alternating(split.turns), toxic };
  }
  if (prompt === null) return 'no prompt';
  throw new FormatError('This row has no prompt', {
    where,
    expected: 'a prompt, or two dialogues of Human and Assistant with a common start',
    got: describe(row),
    remedy: 'Add the column prompt.',
  });
}

/** Reads a row of messages. Where the answers are whole dialogues, the prompt is their common start, whatever the column
 *  `prompt` holds; after a given prompt, what both answers begin with belongs to it. */
function messagesRow(row: Fields, where: string): Row | LeftOut {
  const [chosen, rejected] = [readMessages(row, 'chosen', where), readMessages(row, 'rejected', where)];
  const toxic = row['toxic'] === undefined || row['toxic'] === null ? null : readMessages(row, 'toxic', where);
  if (chosen.length === 0 || rejected.length === 0) return 'an empty answer';
  const given = chosen[0]?.role === 'assistant' ? (row['prompt'] ?? null) : null;
  let shared = 0;
  while (shared < Math.min(chosen.length, rejected.length) - 1 && isSame(chosen[shared], rejected[shared])) shared++;
  const before =
    given === null
      ? []
      : typeof given === 'string'
        ? [{ role: 'user', content: given }]
        : readMessages(row, 'prompt', where);
  const answerOf = (messages: readonly Turn[]): string | null => {
    const first = messages[shared];
    if (first?.role === 'assistant') return first.content;
    if (shared > 0) return null;
    throw new FormatError('An answer does not begin with the assistant', {
      where,
      expected: '[{"role": "assistant", "content": …}]',
      got: first?.role ?? 'nothing',
    });
  };
  const [better, worse] = [answerOf(chosen), answerOf(rejected)];
  if (better === null || worse === null) return 'no answer of the assistant';
  const third = toxic === null ? null : answerOf(toxic);
  return { turns: [...before, ...chosen.slice(0, shared)], chosen: better, rejected: worse, toxic: third };
}

function isSame(a: Turn | undefined, b: Turn | undefined): boolean {
  return a?.role === b?.role && a?.content === b?.content;
}

/** Reads a list of messages. Content may be text, a list of parts of which the texts are read, or null, as of a message that only calls a tool. */
function readMessages(row: Fields, key: string, where: string): readonly Turn[] {
  const list = row[key];
  const turns = Array.isArray(list) ? list.map(toTurn) : [null];
  if (turns.every((turn) => turn !== null)) return turns;
  throw new FormatError(`The field ${key} is not a list of messages`, {
    where,
    expected: '[{"role", "content"}…]',
    got: describe(list ?? null),
    remedy: 'Correct this row.',
  });
}

function toTurn(item: unknown): Turn | null {
  if (!isFields(item) || typeof item['role'] !== 'string') return null;
  const { role, content } = item;
  if (content === null || content === undefined) return { role, content: '' };
  if (typeof content === 'string') return { role, content };
  if (!Array.isArray(content)) return null;
  const texts = content.map((part: unknown) =>
    isFields(part) && part['type'] === 'text' && typeof part['text'] === 'string' ? part['text'] : null,
  );
  return texts.every((text) => text !== null) ? { role, content: texts.join('') } : null;
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
