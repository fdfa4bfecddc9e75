/** Cuts CSV text into records as Python's csv module and pandas do, chunk by chunk (source: the state machine of
 *  CPython's Modules/_csv.c, not strict, doubled quotes, no escape character). A quote opens a quoted field only where
 *  the field begins; elsewhere it is a character. What follows a closing quote goes on as text. LF, CR and CRLF end a
 *  record; inside quotes they stay as they are.
 *
 *  Where it differs: a quote that never closes is an error with the line of its beginning (Python gives what is left
 *  of the file as one field), and so is one that closes in the middle of a later line. */

export interface ParsedRecord {
  readonly fields: readonly string[];
  /** Number of the line on which it begins, 1 for the first. */
  readonly line: number;
  /** A quote that the format does not foresee, kept as Python keeps it; null where there is none. */
  readonly oddQuote: 'inside a quoted field' | 'unpaired' | null;
}

/** Returned by the parser, which does not know the file. */
export interface OpenQuote {
  readonly kind: 'open quote';
  /** Number of the line on which the quoted field begins. */
  readonly line: number;
  /** Number of the line on which it ends in the middle of other text; null when it never ends. */
  readonly endsIn: number | null;
}

export interface CsvParser {
  /** Returns the records that end in this chunk, or what is wrong. */
  readonly push: (chunk: string) => readonly ParsedRecord[] | OpenQuote;
  /** Returns the last record where no line break ends it. */
  readonly end: () => readonly ParsedRecord[] | OpenQuote;
}

type State = 'fieldStart' | 'plain' | 'quoted' | 'quoteInQuoted';

/** No quoted field is longer: an open quote near the start of a large file fails early. */
const maxFieldLength = 1 << 24;

export function createCsvParser(delimiter: string): CsvParser {
  let state: State = 'fieldStart';
  let fields: string[] = [];
  let field = '';
  let line = 1;
  let recordLine = 1;
  let quoteLine = 1;
  let plainQuotes = 0;
  let oddQuote: ParsedRecord['oddQuote'] = null;
  /** Whether the last character was a CR: an LF after it belongs to it. */
  let afterCr = false;
  let isEmpty = true;

  const endField = (): void => {
    fields.push(field);
    if (plainQuotes % 2 === 1) oddQuote ??= 'unpaired';
    field = '';
    plainQuotes = 0;
    state = 'fieldStart';
  };
  const endRecord = (records: ParsedRecord[]): void => {
    if (!isEmpty) {
      endField();
      records.push({ fields, line: recordLine, oddQuote });
    }
    fields = [];
    oddQuote = null;
    isEmpty = true;
    state = 'fieldStart';
  };

  const push = (chunk: string): readonly ParsedRecord[] | OpenQuote => {
    const records: ParsedRecord[] = [];
    /** Start of the characters of this chunk that are not in `field` yet. */
    let from = 0;
    const take = (to: number): void => {
      if (to > from) field += chunk.slice(from, to);
      from = to + 1;
    };
    for (let at = 0; at < chunk.length; at++) {
      const character = chunk[at] as string; // In range.
      const isBreak = character === '\n' || character === '\r';
      const continuesCr = afterCr && character === '\n';
      afterCr = character === '\r';
      if (isBreak && !continuesCr) line++;
      if (state === 'quoted') {
        if (character !== '"') continue;
        take(at);
        state = 'quoteInQuoted';
        continue;
      }
      if (isBreak) {
        take(at);
        endRecord(records);
        recordLine = line;
        continue;
      }
      if (isEmpty) recordLine = line;
      isEmpty = false;
      if (character === delimiter) {
        take(at);
        endField();
        continue;
      }
      if (state === 'quoteInQuoted') {
        if (character === '"') {
          from = at; // The second of a doubled quote is a character of the field.
          state = 'quoted';
          continue;
        }
        if (line > quoteLine) return { kind: 'open quote', line: quoteLine, endsIn: line };
        oddQuote = 'inside a quoted field';
        state = 'plain';
        from = at;
        continue;
      }
      if (character !== '"') {
        if (state === 'fieldStart') {
          state = 'plain';
          from = at;
        }
        continue;
      }
      if (state === 'fieldStart') {
        state = 'quoted';
        quoteLine = line;
        from = at + 1;
      } else if (oddQuote !== 'inside a quoted field') {
        plainQuotes++;
      }
    }
    if (from < chunk.length && state !== 'quoteInQuoted' && state !== 'fieldStart') field += chunk.slice(from);
    if (state === 'quoted' && field.length > maxFieldLength)
      return { kind: 'open quote', line: quoteLine, endsIn: null };
    return records;
  };

  const end = (): readonly ParsedRecord[] | OpenQuote => {
    if (state === 'quoted') return { kind: 'open quote', line: quoteLine, endsIn: null };
    const records: ParsedRecord[] = [];
    endRecord(records);
    return records;
  };

  return { push, end };
}
