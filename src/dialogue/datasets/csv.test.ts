import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { createCsvParser, type ParsedRecord } from './csvParser.js';
import type { RowItem } from './format.js';
import { readRows } from './rows.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-csv-'));
afterAll(() => rmSync(root, { recursive: true }));
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
};
async function rows(path: string, notes: string[] = []): Promise<readonly RowItem[]> {
  const items: RowItem[] = [];
  for await (const item of readRows(path, { onNote: (note) => notes.push(note) })) items.push(item);
  return items;
}
const values = async (path: string): Promise<readonly unknown[]> => (await rows(path)).map(({ value }) => value);

interface PythonCase {
  readonly text: string;
  readonly records: readonly (readonly string[])[];
  readonly strictError: string | null;
}

/** Written by tests/golden/tables.py. */
const python = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/tables/csv.json'), 'utf8'),
) as readonly PythonCase[];

/** Returns null for a quote that never closes. */
function parse(text: string, chunk: number): readonly ParsedRecord[] | null {
  const parser = createCsvParser(',');
  const records: ParsedRecord[] = [];
  for (let at = 0; at <= text.length; at += chunk) {
    const found = at < text.length ? parser.push(text.slice(at, at + chunk)) : [];
    if ('kind' in found) return null;
    records.push(...found);
  }
  const last = parser.end();
  return 'kind' in last ? null : [...records, ...last];
}

describe('the CSV parser', () => {
  it('gives the records of Python’s csv wherever a quote closes, and names odd quotes where its strict mode does', () => {
    let open = 0;
    for (const { text, records, strictError } of python) {
      const found = parse(text, text.length);
      if (found === null) {
        open++;
        expect(strictError, text).not.toBeNull();
        continue;
      }
      expect(
        found.map(({ fields }) => fields),
        text,
      ).toEqual(records);
      const isOdd = found.some(({ oddQuote }) => oddQuote === 'inside a quoted field');
      expect(isOdd, text).toBe(strictError?.includes('expected after') === true);
    }
    expect(open).toBeLessThan(python.length / 2);
  });

  it('gives the same whatever the chunks are', () => {
    for (const { text } of python) for (const chunk of [1, 2, 3]) expect(parse(text, chunk)).toEqual(parse(text, 1000));
  });
});

describe('CSV files', () => {
  it.each([
    ['commas', 'a.csv', 'text,label\n"x, y",1\n'],
    ['semicolons', 'a.csv', 'text;label\n"x, y";1\n'],
    ['bars', 'a.csv', 'text|label\nx, y|1\n'],
    ['tabs, by name', 'a.tsv', 'text\tlabel\nx, y\t1\n'],
    ['tabs, by the header', 'a.csv', 'text\tlabel\nx, y\t1\n'],
    ['what Excel says in its first line', 'a.csv', 'sep=;\r\ntext;label\r\nx, y;1\r\n'],
    ['CR alone', 'a.csv', 'text,label\r"x, y",1\r'],
    ['a byte order mark', 'a.csv', '\uFEFF"text","label"\n"x, y","1"\n'],
    ['spaces in the header, an index and trailing commas', 'a.csv', ', text , label,,\n0,"x, y",1,,\n'],
  ])('with %s give the same rows', async (_what, name, content) => {
    expect(await values(file(name, content))).toEqual([{ text: 'x, y', label: '1' }]);
    expect(await values(file(`${name}.gz`, gzipSync(content)))).toEqual([{ text: 'x, y', label: '1' }]);
  });

  it('number records by their first line, whatever line breaks their fields hold', async () => {
    const path = file('lines.csv', 'text\r\n"a\r\nb"\r\n\r\n"c\nd\re"\r\nf\r\n');
    expect((await rows(path)).map(({ where }) => where.replace(path, ''))).toEqual([':2', ':5', ':8']);
    expect(await values(path)).toEqual([{ text: 'a\r\nb' }, { text: 'c\nd\re' }, { text: 'f' }]);
  });

  it('tell each kind of odd quote once, with its line', async () => {
    const notes: string[] = [];
    const path = file('odd.csv', 'text,label\n9" tile,0\n8" tile,0\n"a "b" c",1\n');
    expect((await rows(path, notes)).map(({ value }) => value)).toEqual([
      { text: '9" tile', label: '0' },
      { text: '8" tile', label: '0' },
      { text: 'a b" c"', label: '1' },
    ]);
    expect(notes.map((note) => note.replace(path, '').split(' (')[0])).toEqual([
      expect.stringMatching(/^:2: an unpaired quote in a field without quotes/),
      expect.stringMatching(/^:4: a quote inside a quoted field/),
    ]);
  });

  it.each([
    ['a quote that never closes', 'text,label\na,1\n"b,0\nc,1\n', /x\.csv:3[^]*unpaired quote[^]*end of the file/],
    ['a quote that closes inside a later line', 'text,label\n"a,1\nb" c,0\n', /x\.csv:2[^]*middle of line 3/],
    ['too many fields', 'text,label\na,1\nb, c,0\n', /x\.csv:3[^]*wrong number of fields/],
    ['too few fields', 'text,label\na\n', /x\.csv:2[^]*wrong number of fields/],
    ['a column twice', 'text,label,text\na,1,b\n', /x\.csv:1[^]*text twice/],
    ['a column with a reserved name', 'text,__proto__\na,1\n', /x\.csv:1[^]*reserved name/],
    ['UTF-16 with its mark', Buffer.from('\uFEFFtext\na\n', 'utf16le'), /UTF-16[^]*iconv -f utf-16/],
    ['UTF-16 without its mark', Buffer.from('text\na\n', 'utf16le'), /zero bytes: UTF-16/],
    ['Latin-1', Buffer.from('text\ncaf\u00e9\n', 'latin1'), /not UTF-8[^]*windows-1252/],
    ['a workbook', Buffer.from('PK\u0003\u0004xl/workbook.xml', 'latin1'), /workbook[^]*CSV UTF-8/],
  ])('with %s are refused with the place and what to do', async (_what, content, message) => {
    const failure = values(file('x.csv', content));
    await expect(failure).rejects.toThrow(FormatError);
    await expect(failure).rejects.toThrow(message);
  });
});

describe('Parquet files', () => {
  it.each(['none', 'snappy', 'zstd', 'gzip', 'brotli', 'lz4'])('of pyarrow in %s give the same rows', async (codec) => {
    const golden = readFileSync(join(import.meta.dirname, `../../../tests/golden/tables/${codec}.parquet`));
    const found = await values(file(`${codec}.parquet`, golden));
    expect(found).toEqual([
      {
        prompt: 'Where is the shop?',
        id: 1,
        toxicity: 0.25,
        label: true,
        day: '1970-01-01T00:00:00.000Z',
        turns: [{ role: 'user', content: 'hi' }],
      },
      {
        prompt: 'A goose walks in. '.repeat(40),
        id: 2,
        toxicity: null,
        label: false,
        day: '1970-01-01T00:00:00.001Z',
        turns: [],
      },
      { prompt: null, id: '9007199254740993', toxicity: null, label: null, day: null, turns: null },
    ]);
    // By its first bytes, whatever its name.
    expect(await values(file(`${codec}.jsonl`, golden))).toEqual(found);
  });
});

describe('JSON rows', () => {
  it('read NaN and infinities of Python as null, and leave such words in texts alone', async () => {
    const path = file('nan.jsonl', '{"text": "NaN \\" Infinity", "a": NaN, "b": [-Infinity, 1]}\n');
    expect(await values(path)).toEqual([{ text: 'NaN " Infinity', a: null, b: [null, 1] }]);
  });

  it('with a reserved field are refused with the line', async () => {
    const path = file('own.jsonl', '{"text": "a"}\n{"text": "b", "__proto__": {"label": 1}}\n');
    await expect(values(path)).rejects.toThrow(/own\.jsonl:2[^]*reserved name/);
  });

  it('may be an array in a file of lines, and may end lines by CR', async () => {
    expect(await values(file('array.jsonl', '[{"text": "a"},\n{"text": "b"}]'))).toEqual([
      { text: 'a' },
      { text: 'b' },
    ]);
    expect(await values(file('cr.jsonl', '{"text": "a"}\r{"text": "b"}\r'))).toEqual([{ text: 'a' }, { text: 'b' }]);
  });
});
