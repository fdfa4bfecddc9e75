import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../base/errors.js';
import {
  type ChatPreference,
  preferenceLines,
  preferenceParquet,
  type PreferenceTable,
  type TextPreference,
} from './preferenceRows.js';
import { type AnsweredPreference, readPreferences } from './preferences.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gadfly-preferences-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}
const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const user = (content: string) => ({ role: 'user', content }) as const;
const assistant = (content: string) => ({ role: 'assistant', content }) as const;
/** The roles and texts that a target's chat format gives the dialogue. */
const asRead = ({ dialogue, chosen, rejected, toxic }: AnsweredPreference): unknown => ({
  before: dialogue.prompt.turns ?? [],
  last: dialogue.turns.map(({ author, text }) => `${author}: ${text}`),
  chosen,
  rejected,
  ...(toxic === undefined ? {} : { toxic }),
});

const texts: readonly TextPreference[] = [
  { prompt: 'The geese said', chosen: ' hello “there”', rejected: ' go away\n' },
  { prompt: 'Ducks', chosen: ' swim', rejected: ' bite', toxic: ' bite hard' },
];
const chats: readonly ChatPreference[] = [
  {
    prompt: [user('hi'), assistant('hello'), user('who are you?')],
    chosen: [assistant('a goose')],
    rejected: [assistant('none of your business')],
  },
  { prompt: [user('hi')], chosen: [assistant('hello')], rejected: [assistant('go')], toxic: [assistant('go away')] },
];

describe.each([
  ['text', texts],
  ['messages', chats],
] as const)('rows of %s', (_form, rows: PreferenceTable) => {
  it('are read back from JSON lines, from the same gzipped, from a JSON array and from Parquet as one and the same', async () => {
    const paths = [
      file('a.jsonl', preferenceLines(rows)),
      file('b.jsonl.gz', gzipSync(preferenceLines(rows))),
      file('c.json', JSON.stringify(rows)),
      file('d.parquet', preferenceParquet(rows)),
    ];
    const read = await Promise.all(paths.map(async (path) => (await readPreferences(path)).map(asRead)));
    for (const each of read) expect(each).toEqual(read[0]);
    expect(read[0]?.map((item) => (item as { chosen: string }).chosen)).toEqual(
      rows.map(({ chosen }) => (typeof chosen === 'string' ? chosen : chosen[0]?.content)),
    );
  });

  it('in Parquet are the columns of TRL, with null where a row has no toxic answer', async () => {
    const path = file('rows.parquet', preferenceParquet(rows));
    const read = await parquetReadObjects({ file: await asyncBufferFromFile(path) });
    expect(read.map((row) => ({ ...row, toxic: (row['toxic'] as unknown) ?? null }))).toEqual(
      rows.map((row) => ({ ...row, toxic: row.toxic ?? null })),
    );
  });
});

it('a table without a toxic answer has no such column', async () => {
  const path = file('rows.parquet', preferenceParquet(texts.slice(0, 1)));
  expect(await parquetReadObjects({ file: await asyncBufferFromFile(path) })).toEqual(texts.slice(0, 1));
  expect(preferenceLines(texts.slice(0, 1))).toBe(`${JSON.stringify(texts[0])}\n`);
});

it('rows of several row groups are numbered through', async () => {
  const many = Array.from({ length: 2500 }, (_, i) => ({ prompt: `p${String(i)}`, chosen: 'a', rejected: 'b' }));
  const read = await readPreferences(file('many.parquet', preferenceParquet(many)));
  expect(read).toHaveLength(2500);
  expect(read[2400]?.where).toMatch(/row 2401$/);
  expect(read[2400]?.dialogue.turns[0]?.text).toBe('p2400');
});

describe('dialogues of preference data', () => {
  const read = async (...rows: readonly unknown[]): Promise<unknown> =>
    (await readPreferences(file('rows.jsonl', lines(...rows)))).map(asRead);

  it('of hh-rlhf are the common start, and the first answers that differ', async () => {
    const start = '\n\nHuman: hi\n\nAssistant: hello\n\nHuman: and now?\n\nAssistant:';
    expect(
      await read({ chosen: `${start} we swim`, rejected: `${start} we bite\n\nHuman: oh\n\nAssistant: yes` }),
    ).toEqual([{ before: ['hi', 'hello'], last: ['adversary: and now?'], chosen: 'we swim', rejected: 'we bite' }]);
  });

  it('of a text prompt are one turn, or the turns that it marks', async () => {
    expect(
      await read(
        { prompt: 'Ducks', chosen: ' swim', rejected: ' bite' },
        { prompt: '\n\nHuman: hi\n\nAssistant: hello\n\nHuman: bye\n\nAssistant:', chosen: ' bye', rejected: ' go' },
      ),
    ).toEqual([
      { before: [], last: ['adversary: Ducks'], chosen: ' swim', rejected: ' bite' },
      { before: ['hi', 'hello'], last: ['adversary: bye'], chosen: ' bye', rejected: ' go' },
    ]);
  });

  it('of messages may have the prompt in both answers, a system message, and several user messages in a row', async () => {
    const context = [{ role: 'system', content: 'Be kind.' }, user('hi'), user('who?')];
    expect(
      await read(
        { chosen: [...context, assistant('a goose')], rejected: [...context, assistant('go')] },
        { prompt: 'hi', chosen: [user('hi'), assistant('a')], rejected: [user('hi'), assistant('b')] },
      ),
    ).toEqual([
      { before: [], last: ['adversary: Be kind.\n\nhi\n\nwho?'], chosen: 'a goose', rejected: 'go' },
      { before: [], last: ['adversary: hi'], chosen: 'a', rejected: 'b' },
    ]);
  });

  it('have one conversation where they begin alike, and an id of their own', async () => {
    const [a, b] = await readPreferences(file('rows.jsonl', lines(...chats)));
    expect(a?.dialogue.prompt.conversationId).toBe(b?.dialogue.prompt.conversationId);
    expect(a?.dialogue.prompt.id).not.toBe(b?.dialogue.prompt.id);
    expect(a?.dialogue.prompt.text).toBe('hi hello');
  });

  it('that cannot be used are told, and the limit counts usable ones', async () => {
    const rows = [
      { prompt: 'a', chosen: 'x', rejected: ' x ' },
      { prompt: 'b', chosen: '', rejected: 'x' },
      { prompt: [user('c'), assistant('d')], chosen: [assistant('x')], rejected: [assistant('y')] },
      { prompt: 'e', chosen: 'x', rejected: 'y' },
      { prompt: 'f', chosen: 'x', rejected: 'y' },
    ];
    const reasons: string[] = [];
    const items = await readPreferences(file('rows.jsonl', lines(...rows)), {
      limit: 1,
      onLeftOut: (reason) => reasons.push(reason),
    });
    expect(items.map(({ dialogue }) => dialogue.turns[0]?.text)).toEqual(['e']);
    expect(reasons).toEqual(['answers alike', 'an empty answer', 'no user turn to answer']);
  });
});

describe('rows in which something is missing', () => {
  it('are left out and counted, and the others are read', async () => {
    const path = file(
      'rows.jsonl',
      lines(
        { prompt: null, chosen: 'a', rejected: 'b' },
        { prompt: 'p', chosen: null, rejected: 'b' },
        { prompt: [user('p')], chosen: [], rejected: [assistant('b')] },
        { prompt: [user('p')], chosen: [{ role: 'assistant', content: null }], rejected: [assistant('b')] },
        { chosen: '\n\nHuman: x y\n\nAssistant: a', rejected: '\n\nHuman: x\n\nAssistant: b' },
        { prompt: 'p', chosen: 'a', rejected: 'b' },
      ),
    );
    const reasons: string[] = [];
    expect(await readPreferences(path, { onLeftOut: (reason) => reasons.push(reason) })).toHaveLength(1);
    expect(reasons).toEqual([
      'no prompt',
      'an empty answer',
      'an empty answer',
      'an empty answer',
      'no prompt in common',
    ]);
  });

  it('are counted in the message where none is left', async () => {
    const path = file('rows.csv', 'prompt,chosen,rejected\np,a,a\np,b,b\n');
    await expect(readPreferences(path)).rejects.toThrow(/2 answers alike/);
  });

  it('give the first answers that differ where answers go on, and the texts of content in parts', async () => {
    const parts = (text: string): unknown => [{ role: 'assistant', content: [{ type: 'text', text }] }];
    const path = file(
      'rows.jsonl',
      lines(
        {
          prompt: [user('hi')],
          chosen: [assistant('a'), user('more'), assistant('c')],
          rejected: [assistant('a'), user('more'), assistant('d')],
        },
        { prompt: [user('hi')], chosen: parts('a'), rejected: parts('b') },
      ),
    );
    expect((await readPreferences(path)).map(asRead)).toEqual([
      { before: ['hi', 'a'], last: ['adversary: more'], chosen: 'c', rejected: 'd' },
      { before: [], last: ['adversary: hi'], chosen: 'a', rejected: 'b' },
    ]);
  });
});

describe('a file that is no preference data', () => {
  it.each([
    ['no prompt', { chosen: 'a', rejected: 'b' }],
    ['a number for a prompt', { prompt: 7, chosen: 'a', rejected: 'b' }],
    ['a number for an answer', { prompt: 'a', chosen: 1, rejected: 'b' }],
    ['messages without roles', { prompt: 'a', chosen: [{ content: 'a' }], rejected: [assistant('b')] }],
    ['an answer of the user', { prompt: [user('a')], chosen: [user('b')], rejected: [assistant('c')] }],
  ])('with %s is a FormatError that names the line', async (_name, row) => {
    await expect(readPreferences(file('rows.jsonl', lines(row)))).rejects.toThrow(/rows\.jsonl:1/);
  });

  it('without a usable row is a ConfigError, one that is no Parquet a FormatError', async () => {
    await expect(readPreferences(file('rows.jsonl', '\n'))).rejects.toThrow(ConfigError);
    await expect(readPreferences(file('rows.parquet', 'not a table at all'))).rejects.toThrow(FormatError);
  });
});
