/** The one way to read a list of anything from a file: the items of JSON lines, of a JSON array, of CSV and of Parquet,
 *  with the place of each. What a file is follows from its first bytes, then from its name. */
import { open, stat } from 'node:fs/promises';
import { ConfigError, FormatError } from '../../base/errors.js';
import { refuseReservedName } from '../../base/fields.js';
import { readCsv } from './csv.js';
import type { Container, FileNote, RowItem } from './format.js';
import { readJsonArray, readJsonLines } from './json.js';
import { readText } from './lines.js';

/** Returns what a file holds rows in; null for a file whose name and first character say none of these, as plain text does.
 *  @throws ConfigError when there is no such file, FormatError for an archive or a workbook */
export async function containerOf(path: string): Promise<Container | null> {
  const magic = await firstBytes(path);
  if (magic.startsWith('PAR1')) return 'parquet';
  if (magic.startsWith('PK\u0003\u0004')) {
    throw new FormatError('This is a zip archive or a workbook, not text', {
      where: path,
      expected: 'JSON lines, JSON, CSV, Parquet or plain text',
      remedy: 'Save the sheet as "CSV UTF-8", or unpack the archive.',
    });
  }
  const extension = extensionOf(path);
  if (extension === 'parquet') return 'parquet';
  if (['csv', 'tsv', 'tab'].includes(extension)) return 'csv';
  if (!['json', 'jsonl', 'ndjson'].includes(extension)) return null;
  return (await firstCharacter(path)) === '[' ? 'json-array' : 'json-lines';
}

/** Returns the extension in lower case, without the dot and without a final .gz; empty for none. */
export function extensionOf(path: string): string {
  return /\.([^./\\]+)$/u.exec(path.replace(/\.gz$/iu, ''))?.[1]?.toLowerCase() ?? '';
}

export interface RowsQuery {
  /** Default: what the file is; JSON by its first character where the name says nothing. */
  readonly container?: Container;
  /** Columns of a Parquet file that are read; default all. */
  readonly columns?: readonly string[];
  readonly onNote?: FileNote | undefined;
}

/** Yields the items in the order of the file.
 *  @throws ConfigError when there is no such file, FormatError with the place for what cannot be read, and for a field
 *    with a reserved name */
export async function* readRows(path: string, query: RowsQuery = {}): AsyncGenerator<RowItem> {
  for await (const item of itemsOf(path, query)) {
    refuseReservedFields(item);
    yield item;
  }
}

/** Yields the rows of a table; it is CSV where the name says nothing of it. */
export async function* readTable(path: string, onNote?: FileNote): AsyncGenerator<RowItem> {
  yield* readRows(path, { container: (await containerOf(path)) ?? 'csv', onNote });
}

/** Checks the names of a row's fields. @throws FormatError for an object with a field that no data may have */
export function refuseReservedFields({ value, where }: RowItem): void {
  if (typeof value === 'object' && value !== null)
    for (const name of Object.keys(value)) refuseReservedName(name, where);
}

async function* itemsOf(path: string, { container, columns, onNote }: RowsQuery): AsyncGenerator<RowItem> {
  const kind = container ?? (await containerOf(path)) ?? ((await firstCharacter(path)) === '[' ? 'json-array' : null);
  switch (kind) {
    case 'parquet':
      // Loaded on demand: few commands read Parquet.
      yield* (await import('./parquet.js')).readParquet(path, columns ?? null);
      break;
    case 'csv':
      yield* readCsv(path, onNote);
      break;
    case 'json-array':
      yield* readJsonArray(path);
      break;
    case 'json-lines':
    case null:
      yield* readJsonLines(path);
      break;
  }
}

/** Checks that there is such a file. @throws ConfigError when it cannot be opened */
async function requireFile(path: string): Promise<void> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new ConfigError('no such file', { where: path, remedy: 'Check the path.', cause });
  });
  if (info.isDirectory()) throw new ConfigError('this is a folder, not a file', { where: path });
}

async function firstBytes(path: string): Promise<string> {
  await requireFile(path);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Returns the first character that is no white space; empty for none. */
export async function firstCharacter(path: string): Promise<string> {
  for await (const chunk of readText(path)) {
    const text = chunk.trimStart();
    if (text !== '') return text[0] ?? '';
  }
  return '';
}
