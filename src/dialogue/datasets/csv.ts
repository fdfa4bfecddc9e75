/** CSV records (RFC 4180), streamed: quoted fields may hold commas, doubled quotes and line breaks; the first record
 *  names the columns. */
import { FormatError } from '../../base/errors.js';
import { readLines } from './lines.js';

export interface CsvRecord {
  readonly fields: ReadonlyMap<string, string>;
  /** `file:line` of its first line. */
  readonly where: string;
}

/** Maximum length of a record: it makes an open quote near the start of a large file fail early. */
const maxRecordLength = 1 << 24;

/** Reads the records of a CSV file. @throws FormatError with file:line for an open quote or a record with another number of fields than the header */
export async function* readCsv(path: string): AsyncGenerator<CsvRecord> {
  let header: readonly string[] | null = null;
  for await (const { text, where } of readRecords(path)) {
    const values = splitRecord(text);
    if (header === null) {
      header = values;
      continue;
    }
    if (values.length !== header.length) {
      throw new FormatError('A record has the wrong number of fields', {
        where,
        expected: `${header.length} fields, as in the header`,
        got: `${values.length} fields`,
        remedy: 'Quote fields that hold commas.',
      });
    }
    yield { fields: new Map(header.map((name, i) => [name, values[i] ?? ''])), where };
  }
}

/** Yields records as text, without blank ones: lines are joined while a quote is open. */
async function* readRecords(path: string): AsyncGenerator<{ readonly text: string; readonly where: string }> {
  let lines: string[] = [];
  let length = 0;
  let isOpen = false;
  let where = path;
  for await (const { line, text } of readLines(path)) {
    if (lines.length === 0) where = `${path}:${line}`;
    lines.push(text);
    length += text.length;
    if (countQuotes(text) % 2 === 1) isOpen = !isOpen;
    if (isOpen && length <= maxRecordLength) continue;
    if (isOpen) break;
    const record = lines.join('\n');
    lines = [];
    length = 0;
    if (record.trim() !== '') yield { text: record, where };
  }
  if (isOpen) {
    throw new FormatError('A quoted field never ends', {
      where,
      expected: 'a closing "',
      remedy: 'Double the quotes inside quoted fields.',
    });
  }
}

/** Returns the fields of one record; quotes are balanced. */
function splitRecord(text: string): readonly string[] {
  const fields: string[] = [];
  let at = 0;
  while (at <= text.length) {
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1);
      while (end !== -1 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
      const close = end === -1 ? text.length : end;
      const comma = text.indexOf(',', close);
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = (comma === -1 ? text.length : comma) + 1;
    } else {
      const comma = text.indexOf(',', at);
      const end = comma === -1 ? text.length : comma;
      fields.push(text.slice(at, end));
      at = end + 1;
    }
  }
  return fields;
}

function countQuotes(text: string): number {
  return text.split('"').length - 1;
}

/** Returns whether a file's first line is a header with all these columns. */
export function hasColumns(firstLine: string, columns: readonly string[]): boolean {
  const header = splitRecord(firstLine);
  return columns.every((column) => header.includes(column));
}
