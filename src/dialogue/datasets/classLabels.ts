/** Reads texts that people put into classes, of any number: CommonClaim and CREAK, found like any data set, and rows of
 *  JSON lines, a JSON array, CSV or Parquet: {text, label}, with `utterance` also the message that the text answers, with
 *  `goal` what was tried, with `id` and `conversation_id` what they are called. A class is its name as it is written. */
import { ConfigError, FormatError } from '../../base/errors.js';
import { ownField } from '../../base/fields.js';
import { textId } from '../identity.js';
import type { JudgedItem } from '../types.js';
import { datasetFormats, type DatasetFormatName } from './all.js';
import { asFields, textOf } from './fields.js';
import type { DatasetFormat, FileNote, RowItem } from './format.js';
import { describe } from './json.js';
import { judgedItem, labelField } from './labelled.js';
import { chooseFormat } from './probe.js';
import { readRows } from './rows.js';

/** A text and its class. */
export interface ClassLabel extends JudgedItem {
  /** The source's own name of the item, else a hash of its text. An item that several people labelled occurs several times. */
  readonly id: string;
  /** Name of the class, without white space around it, never empty. */
  readonly label: string;
  /** Texts of one group belong to the same part of a split: a conversation, an entity, or the text itself. */
  readonly group: string;
  readonly where: string;
}

export interface ClassLabelQuery {
  /** Field that holds the class; default: by its name. */
  readonly column?: string | null;
  /** A name of `datasetFormats`; default: recognised from the file. */
  readonly format?: string | null;
  readonly onNote?: FileNote | undefined;
}

/** Formats that name the class of each text themselves. */
const classFormats: readonly DatasetFormatName[] = ['commonclaim', 'creak'];

/** Reads the texts in source order, those without text left out.
 *  @throws FormatError naming the line without a text or a class, ConfigError for a file that cannot be opened or has no
 *    labelled text */
export async function readClassLabels(path: string, query: ClassLabelQuery = {}): Promise<readonly ClassLabel[]> {
  const { column = null, onNote } = query;
  const format = await chooseFormat(path, query.format ?? null);
  const labels: ClassLabel[] = [];
  if (column === null && classFormats.includes(format)) {
    for await (const label of formatLabels(path, datasetFormats[format], onNote)) labels.push(label);
  } else {
    for await (const item of readRows(path, { onNote })) labels.push(rowLabel(item, column));
  }
  if (labels.length === 0)
    throw new ConfigError('There is no labelled text in this file', { where: path, expected: 'at least one' });
  return labels;
}

async function* formatLabels(path: string, format: DatasetFormat, onNote?: FileNote): AsyncGenerator<ClassLabel> {
  for await (const item of format.read(path, { onNote })) {
    if (item.kind === 'dropped' || item.label === undefined) continue;
    const { prompt, label, where } = item;
    yield { id: prompt.id, text: prompt.text, label, group: prompt.conversationId, where };
  }
}

function rowLabel({ value, where }: RowItem, column: string | null): ClassLabel {
  const fields = asFields(value, where);
  const item = judgedItem(fields, where);
  const key = labelField(fields, column, where);
  const given = ownField(fields, key);
  const label = (typeof given === 'boolean' ? String(given) : textOf(fields, key)).trim();
  if (label === '') {
    throw new FormatError(`The label ${key} names no class`, {
      where,
      expected: 'a name, a number, true or false',
      got: describe(given),
      remedy: 'Give this text its class, or remove it.',
    });
  }
  const id = textOf(fields, 'id') || textId(item.text);
  return { ...item, id, label, group: textOf(fields, 'conversation_id') || textId(item.text), where };
}
