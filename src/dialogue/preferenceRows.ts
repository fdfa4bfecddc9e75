/** Writes preference data for other trainers with TRL's column names, as text or as messages: a prompt and two answers to
 *  it, or what SFT and KTO read of these. TRL ignores the column `toxic` of a third answer. */
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

/** Columns by the trainer of TRL that reads them: two answers (DPO), the better one alone (SFT), or each answer with
 *  whether it is wanted (KTO). */
const trainerColumns = {
  dpo: ['prompt', 'chosen', 'rejected', 'toxic'],
  sft: ['prompt', 'completion'],
  kto: ['prompt', 'completion', 'label'],
} as const;

export type TrainerName = keyof typeof trainerColumns;

type Cell = string | readonly PreferenceMessage[] | boolean;
type TrainerRow = Readonly<Record<string, Cell | undefined>>;

/** Returns the rows of a trainer: of KTO two per preference, the wanted answer first. */
function rowsFor(trainer: TrainerName, rows: PreferenceTable): readonly TrainerRow[] {
  const all: readonly PreferenceRow[] = rows;
  switch (trainer) {
    case 'dpo':
      return all;
    case 'sft':
      return all.map(({ prompt, chosen }) => ({ prompt, completion: chosen }));
    case 'kto':
      return all.flatMap(({ prompt, chosen, rejected }) => [
        { prompt, completion: chosen, label: true },
        { prompt, completion: rejected, label: false },
      ]);
  }
}

/** Returns one JSON object per line, with the fields of the row alone. */
export function preferenceLines(rows: PreferenceTable, trainer: TrainerName = 'dpo'): string {
  return rowsFor(trainer, rows)
    .map((row) => {
      const present = trainerColumns[trainer].filter((name) => row[name] !== undefined);
      return `${jsonText(Object.fromEntries(present.map((name) => [name, row[name]])))}\n`;
    })
    .join('');
}

/** Returns a Parquet file of at least one row: strings, or lists of {role, content}; `toxic` where a row has one. */
export function preferenceParquet(preferences: PreferenceTable, trainer: TrainerName = 'dpo'): Uint8Array {
  invariant(preferences.length > 0, 'a Parquet file has rows');
  const rows = rowsFor(trainer, preferences);
  const isText = typeof preferences[0]?.prompt === 'string';
  const present = trainerColumns[trainer].filter((name) => rows.some((row) => row[name] !== undefined));
  const file = parquetWriteBuffer({
    schema: [
      { name: 'schema', num_children: present.length },
      ...present.flatMap((name) =>
        name === 'label' ? flagColumn(name) : isText ? textColumn(name) : messagesColumn(name),
      ),
    ],
    columnData: present.map((name) => ({ name, data: rows.map((row) => row[name] ?? null) })),
  });
  return new Uint8Array(file);
}

type SchemaElement = NonNullable<Parameters<typeof parquetWriteBuffer>[0]['schema']>[number];

function textColumn(name: string): SchemaElement[] {
  return [{ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' }];
}

function flagColumn(name: string): SchemaElement[] {
  return [{ name, type: 'BOOLEAN', repetition_type: 'OPTIONAL' }];
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
