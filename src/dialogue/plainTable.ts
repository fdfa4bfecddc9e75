/** Writes tables of plain values for other programs: JSON lines, CSV (RFC 4180, UTF-8, which spreadsheets open) and Parquet. A
 *  value that is not known is null, and an empty field of CSV. */
import { parquetWriteBuffer } from 'hyparquet-writer';
import { jsonText } from '../base/json.js';

/** A column: texts, whole numbers, any numbers, or true and false. */
export type ColumnType = 'text' | 'count' | 'number' | 'flag';

/** Columns by name, in their order. */
export type Columns<Row> = Readonly<Record<keyof Row & string, ColumnType>>;

type Plain<Row> = Readonly<Record<keyof Row, string | number | boolean | null>>;

export function tableLines<Row extends Plain<Row>>(rows: readonly Row[], columns: Columns<Row>): string {
  return rows
    .map((row) => `${jsonText(Object.fromEntries(namesOf(columns).map((name) => [name, row[name]])))}\n`)
    .join('');
}

export function tableCsv<Row extends Plain<Row>>(rows: readonly Row[], columns: Columns<Row>): string {
  const names = namesOf(columns);
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((fields) => `${fields.map(csvField).join(',')}\r\n`)
    .join('');
}

export function tableParquet<Row extends Plain<Row>>(rows: readonly Row[], columns: Columns<Row>): Uint8Array {
  const names = namesOf(columns);
  const file = parquetWriteBuffer({
    schema: [
      { name: 'schema', num_children: names.length },
      ...names.map((name) => ({ name, repetition_type: 'OPTIONAL' as const, ...parquetTypes[columns[name]] })),
    ],
    columnData: names.map((name) => ({ name, data: rows.map((row) => row[name]) })),
  });
  return new Uint8Array(file);
}

const parquetTypes = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  count: { type: 'INT32' },
  number: { type: 'DOUBLE' },
  flag: { type: 'BOOLEAN' },
} as const satisfies Record<ColumnType, object>;

function namesOf<Row>(columns: Columns<Row>): readonly (keyof Row & string)[] {
  return Object.keys(columns) as (keyof Row & string)[]; // Its own keys.
}

/** A field between quotes where a reader could take it for something else. */
function csvField(value: string | number | boolean | null): string {
  if (value === null) return '';
  const text = String(value); // Half a character becomes U+FFFD where the file is written.
  return typeof value === 'string' && (/["\r\n,;\t|]/.test(text) || text.trim() !== text || text === '')
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}
