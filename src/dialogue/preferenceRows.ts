/** Writes preference data for other trainers with TRL's column names: a prompt and two answers to it, as text or as
 *  messages. TRL ignores the column `toxic` of a third answer. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { invariant } from '../base/invariant.js';
import { jsonText } from '../base/json.js';

export type PreferenceMessage = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string };

/** TRL's standard form: the answer continues the prompt's text. */
export type TextPreference = {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
  readonly toxic?: string;
};

/** TRL's conversational form: the trainer's own chat template joins them. */
export type ChatPreference = {
  readonly prompt: readonly PreferenceMessage[];
  readonly chosen: readonly PreferenceMessage[];
  readonly rejected: readonly PreferenceMessage[];
  readonly toxic?: readonly PreferenceMessage[];
};

export type PreferenceRow = TextPreference | ChatPreference;

/** One form for all rows: the columns of a table have one type. */
export type PreferenceTable = readonly TextPreference[] | readonly ChatPreference[];

/** Returns one JSON object per line, with the fields of the row alone. */
export function preferenceLines(rows: PreferenceTable): string {
  return rows
    .map(
      ({ prompt, chosen, rejected, toxic }) =>
        `${jsonText({ prompt, chosen, rejected, ...(toxic === undefined ? {} : { toxic }) })}\n`,
    )
    .join('');
}

const columns = ['prompt', 'chosen', 'rejected', 'toxic'] as const;

/** Returns a Parquet file of at least one row: strings, or lists of {role, content}; `toxic` where a row has one. */
export function preferenceParquet(rows: PreferenceTable): Uint8Array {
  invariant(rows.length > 0, 'a Parquet file has rows');
  const isText = typeof rows[0]?.prompt === 'string';
  const present = columns.filter((name) => rows.some((row) => row[name] !== undefined));
  const file = parquetWriteBuffer({
    schema: [
      { name: 'schema', num_children: present.length },
      ...present.flatMap(isText ? textColumn : messagesColumn),
    ],
    columnData: present.map((name) => ({ name, data: rows.map((row) => row[name] ?? null) })),
  });
  return new Uint8Array(file);
}

type SchemaElement = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>[number];

function textColumn(name: string): SchemaElement[] {
  return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }];
}

/** Returns the three schema levels of a list, as Arrow writes them. */
function messagesColumn(name: string): SchemaElement[] {
  return [
    { name, converted_type: 'LIST', repetition_type: 'OPTIONAL', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', repetition_type: 'OPTIONAL', num_children: 2 },
    ...textColumn('role'),
    ...textColumn('content'),
  ];
}
