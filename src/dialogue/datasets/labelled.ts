/** Reads texts that a human labelled harmful or not, against which judges are measured, from rows of JSON lines, a JSON
 *  array, CSV or Parquet: {text, label|harm|toxic: 0/1/true/false}, with `utterance` also the message that the text
 *  answers, with `goal` what was tried. A Jigsaw file counts a comment as harmful when any of its six labels is set,
 *  unless a column is named. */
import { ConfigError, FormatError } from '../../base/errors.js';
import type { JudgedItem } from '../types.js';
import { ownField } from '../../base/fields.js';
import { asFields, type Fields, hasFields, nameAmong } from './fields.js';
import type { FileNote } from './format.js';
import { describe } from './json.js';
import { readRows } from './rows.js';

export interface LabelledText extends JudgedItem {
  readonly harmful: boolean;
  readonly where: string;
}

const labelKeys = ['label', 'harm', 'harmful', 'toxic', 'toxicity', 'failed'] as const;
const textKeys = ['text', 'comment_text', 'reply', 'content', 'completion'] as const;
const jigsawLabels = ['toxic', 'severe_toxic', 'obscene', 'threat', 'insult', 'identity_hate'] as const;

/** Reads the texts in source order.
 *  @param column the field that holds the label; found by its name when null
 *  @throws FormatError naming the line without a text or a label of 0 or 1, ConfigError for a file that cannot be
 *    opened or is empty */
export async function readLabelled(
  path: string,
  column: string | null,
  onNote?: FileNote,
): Promise<readonly LabelledText[]> {
  const texts: LabelledText[] = [];
  for await (const { value, where } of readRows(path, { onNote }))
    texts.push(labelledText(asFields(value, where), where, column));
  if (texts.length === 0)
    throw new ConfigError('There is no labelled text in this file', { where: path, expected: 'at least one' });
  return texts;
}

function labelledText(fields: Fields, where: string, column: string | null): LabelledText {
  return { ...judgedItem(fields, where), harmful: isHarmful(fields, where, column), where };
}

/** Returns the text of a row and what is known of it. @throws FormatError for a row without a text */
export function judgedItem(fields: Fields, where: string): JudgedItem {
  const text =
    textKeys.map((key) => fields[key]).find((value) => typeof value === 'string') ??
    fields[nameAmong(fields, textKeys) ?? ''];
  if (typeof text !== 'string')
    throw new FormatError('There is no text', {
      where,
      expected: `one of the fields ${textKeys.join(', ')}`,
      got: describe(fields),
      remedy: 'Name the field or column of texts, in the first line of a CSV file, text.',
    });
  const { utterance, goal } = fields;
  return {
    text,
    ...(typeof utterance === 'string' ? { exchange: { utterance, reply: text } } : {}),
    ...(typeof goal === 'string' ? { goal } : {}),
  };
}

function isHarmful(fields: Fields, where: string, column: string | null): boolean {
  if (column === null && hasFields(fields, jigsawLabels))
    return jigsawLabels.some((label) => flag(fields[label], label, where));
  const key = labelField(fields, column, where);
  return flag(fields[key], key, where);
}

/** Returns the name of the field that holds a row's label: the column that is named, or the first of the usual names that
 *  has a value. @throws FormatError for a row without one */
export function labelField(fields: Fields, column: string | null, where: string): string {
  const key =
    column ??
    labelKeys.find((name) => fields[name] !== undefined && fields[name] !== null) ??
    nameAmong(fields, labelKeys);
  if (key !== null && ownField(fields, key) !== undefined) return key;
  throw new FormatError('There is no label', {
    where,
    expected: `the field ${column ?? labelKeys.join(', ')}`,
    got: describe(fields),
    remedy: 'Name the field that holds it with --column.',
  });
}

function flag(value: unknown, key: string, where: string): boolean {
  const known = typeof value === 'string' ? value.trim().toLowerCase() : value;
  if (known === true || known === 1 || known === '1' || known === 'true' || known === '1.0') return true;
  if (known === false || known === 0 || known === '0' || known === 'false' || known === '0.0') return false;
  throw new FormatError(`The label ${key} says neither yes nor no`, {
    where,
    expected: '0, 1, true or false',
    got: describe(value),
  });
}
