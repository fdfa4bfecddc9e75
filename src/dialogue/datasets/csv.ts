/** Reads CSV files with a header as Python's csv and pandas read them (csvParser.ts), into objects by column name. The
 *  delimiter is a tab in .tsv and .tab, else what cuts the header most often: comma, semicolon, tab or bar; Excel's
 *  first line `sep=;` is obeyed. Columns without a name (an index of pandas, trailing commas of Excel) are left out. */
import { FormatError } from '../../base/errors.js';
import { refuseReservedName } from '../../base/fields.js';
import { createCsvParser, type CsvParser, type OpenQuote, type ParsedRecord } from './csvParser.js';
import type { FileNote, RowItem } from './format.js';
import { readText } from './lines.js';

const delimiters = [',', ';', '\t', '|'] as const;

/** Yields rows as objects of strings.
 *  @throws FormatError with file:line for a quote that never closes, a record with another number of fields than the
 *    header, a column name that occurs twice or is reserved */
export async function* readCsv(path: string, onNote: FileNote = () => undefined): AsyncGenerator<RowItem> {
  let header: readonly string[] | null = null;
  const told = new Set<string>();
  for await (const { fields, line, oddQuote } of readRecords(path)) {
    const where = `${path}:${String(line)}`;
    if (oddQuote !== null && !told.has(oddQuote)) {
      told.add(oddQuote);
      onNote(`${where}: ${oddQuoteText[oddQuote]} (said once per file)`);
    }
    if (header === null) {
      header = columnNames(fields, where);
      continue;
    }
    if (fields.length !== header.length) {
      throw new FormatError('A record has the wrong number of fields', {
        where,
        expected: `${String(header.length)} fields, as in the header`,
        got: `${String(fields.length)} fields`,
        remedy: 'Put fields that hold the delimiter or a line break between quotes.',
      });
    }
    const named = header.flatMap((name, i) => (name === '' ? [] : [[name, fields[i] ?? ''] as const]));
    yield { value: Object.fromEntries(named), where };
  }
}

const oddQuoteText = {
  'inside a quoted field': 'a quote inside a quoted field is not doubled; the field is read as Python’s csv reads it',
  unpaired: 'an unpaired quote in a field without quotes is read as a character, as Python’s csv does',
} as const;

function columnNames(fields: readonly string[], where: string): readonly string[] {
  const names = fields.map((name) => name.trim());
  const repeated = names.find((name, i) => name !== '' && names.indexOf(name) < i);
  if (repeated !== undefined) {
    throw new FormatError('A column name occurs twice', {
      where,
      expected: 'a header with a name of its own for each column',
      got: `${repeated.slice(0, 60)} twice`,
      remedy: 'Rename or remove one of the columns.',
    });
  }
  if (names.every((name) => name === ''))
    throw new FormatError('No column has a name', { where, expected: 'a first line that names the columns' });
  for (const name of names) refuseReservedName(name, where);
  return names;
}

/** Yields records as lists of fields, blank lines skipped. */
async function* readRecords(path: string): AsyncGenerator<ParsedRecord> {
  let parser: CsvParser | null = null;
  let skippedLines = 0;
  for await (const chunk of longHead(readText(path))) {
    let text = chunk;
    if (parser === null) {
      const told = /^sep=(.)(?:\r\n|\r|\n|$)/iu.exec(chunk);
      if (told !== null) {
        skippedLines = 1;
        text = chunk.slice(told[0].length);
      }
      parser = createCsvParser(told?.[1] ?? delimiterOf(text, path));
    }
    yield* placedRecords(parser.push(text), path, skippedLines);
  }
  if (parser !== null) yield* placedRecords(parser.end(), path, skippedLines);
}

function* placedRecords(
  records: readonly ParsedRecord[] | OpenQuote,
  path: string,
  skippedLines: number,
): Generator<ParsedRecord> {
  if ('kind' in records) throw openQuoteError(records, path, skippedLines);
  for (const record of records) {
    const [only = ''] = record.fields;
    const isBlank = record.fields.length === 1 && only !== '' && only.trim() === '';
    if (!isBlank) yield { ...record, line: record.line + skippedLines };
  }
}

function openQuoteError({ line, endsIn }: OpenQuote, path: string, skippedLines: number): FormatError {
  return new FormatError('A quoted field never ends', {
    where: `${path}:${String(line + skippedLines)}`,
    expected: 'a closing " before the delimiter or the end of the line',
    got:
      endsIn === null
        ? 'an unpaired quote: the field goes on to the end of the file'
        : `an unpaired quote: the next one is in the middle of line ${String(endsIn + skippedLines)}`,
    remedy: 'Remove this quote, or put the field between quotes and double the quotes inside it.',
  });
}

/** Yields the same text; the first chunk has at least 64 Ki characters, or all of a shorter file, so that it holds the
 *  header. */
async function* longHead(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let head: string | null = '';
  for await (const chunk of chunks) {
    if (head === null) {
      yield chunk;
      continue;
    }
    head += chunk;
    if (head.length < 1 << 16) continue;
    yield head;
    head = null;
  }
  if (head !== null) yield head;
}

/** Returns the delimiter by the name of the file, else the one that occurs most often in the header, outside quotes; of equals the
 *  first. */
function delimiterOf(text: string, path: string): string {
  if (/\.(?:tsv|tab)(?:\.gz)?$/iu.test(path)) return '\t';
  const counts = new Map<string, number>(delimiters.map((delimiter) => [delimiter, 0]));
  let isQuoted = false;
  for (const character of text) {
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && (character === '\n' || character === '\r')) break;
    else if (!isQuoted && counts.has(character)) counts.set(character, (counts.get(character) ?? 0) + 1);
  }
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}
