/** ConvoKit corpora: a folder with utterances.jsonl, or that file. Current dumps say speaker and conversation_id, old
 *  ones user and root. A conversation gives one prompt: its last turns by time (two, as in arXiv 2407.09447). A
 *  conversation in which anything was removed or deleted is dropped. Memory grows with the number of conversations, not
 *  with their text. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError } from '../../base/errors.js';
import { asFields, isFields, stringField, type Fields } from './fields.js';
import type { DatasetFormat, DatasetItem } from './format.js';
import { describe } from './json.js';
import { readRows } from './rows.js';

const utterancesFile = 'utterances.jsonl';
const removed = /\[(?:removed|deleted)\]/iu;

interface Turn {
  readonly time: number;
  /** Place in the file, which orders utterances of equal time. */
  readonly order: number;
  readonly text: string;
}

interface Conversation {
  /** Oldest first, never more than the wanted number. */
  turns: readonly Turn[];
  removed: boolean;
  readonly where: string;
}

export const convokit: DatasetFormat = {
  summary: 'ConvoKit folder with utterances.jsonl: the last two utterances of each conversation',
  cleans: true,
  recognises: (probe) =>
    probe.kind === 'folder'
      ? probe.entries.includes(utterancesFile)
      : isFields(probe.firstValue) &&
        'text' in probe.firstValue &&
        hasKey(probe.firstValue, conversationKeys) &&
        hasKey(probe.firstValue, speakerKeys),
  read: async function* (path, { maxTurns = 2 }) {
    const conversations = new Map<string, Conversation>();
    let order = 0;
    for await (const { value, where } of readRows(await utterancesPath(path))) {
      const record = asFields(value, where);
      const id = firstString(record, conversationKeys, where);
      const text = record['text'] === null ? '' : stringField(record, 'text', where);
      const conversation = conversations.get(id) ?? { turns: [], removed: false, where };
      conversations.set(id, conversation);
      conversation.removed ||= removed.test(text);
      // Text that cannot be used any more is not kept.
      conversation.turns = conversation.removed
        ? []
        : latest([...conversation.turns, { time: timeOf(record, where), order: order++, text }], maxTurns);
    }
    for (const [id, conversation] of conversations) yield itemOf(id, conversation);
  },
};

const conversationKeys = ['conversation_id', 'root'] as const;
const speakerKeys = ['speaker', 'user'] as const;

function itemOf(id: string, { turns, removed: dropped, where }: Conversation): DatasetItem {
  if (dropped) return { kind: 'dropped', reason: 'removed or deleted' };
  const texts = turns.map(({ text }) => text).filter((text) => text.trim() !== '');
  if (texts.length === 0) return { kind: 'dropped', reason: 'empty' };
  return {
    kind: 'row',
    prompt: { id, text: texts.join(' '), conversationId: id, turns: texts },
    continuation: null,
    toxicity: null,
    where,
  };
}

function latest(turns: readonly Turn[], count: number): readonly Turn[] {
  return [...turns].sort((a, b) => a.time - b.time || a.order - b.order).slice(-count);
}

/** Seconds since the epoch as number or text; utterances without a time count as the oldest, in file order. */
function timeOf(record: Fields, where: string): number {
  const value = record['timestamp'];
  if (value === undefined || value === null || value === '') return Number.MIN_SAFE_INTEGER;
  const time = typeof value === 'string' || typeof value === 'number' ? Number(value) : NaN;
  const parsed = Number.isNaN(time) && typeof value === 'string' ? Date.parse(value) / 1000 : time;
  if (Number.isFinite(parsed)) return parsed;
  throw new FormatError('The field timestamp is no time', {
    where,
    expected: 'seconds since 1970, a date, or null',
    got: describe(value),
    remedy: 'Correct this line.',
  });
}

function hasKey(record: Fields, keys: readonly string[]): boolean {
  return keys.some((key) => key in record);
}

function firstString(record: Fields, keys: readonly string[], where: string): string {
  const key = keys.find((name) => record[name] !== undefined && record[name] !== null);
  if (key !== undefined) return stringField(record, key, where);
  throw new FormatError('An utterance belongs to no conversation', {
    where,
    expected: keys.join(' or '),
    got: describe(record),
    remedy: 'Export the corpus again with ConvoKit: corpus.dump(NAME).',
  });
}

async function utterancesPath(path: string): Promise<string> {
  return (await stat(path)).isDirectory() ? join(path, utterancesFile) : path;
}
