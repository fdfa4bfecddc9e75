import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, FormatError } from '../../base/errors.js';
import { datasetFormats, type DatasetFormatName } from './all.js';
import { loadContinuations, loadPrompts, middleGap } from './loadDataset.js';
import { chooseFormat } from './probe.js';
import { datasetSamples } from '../testing/datasetSamples.js';

let root = '';
let made = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'gadfly-datasets-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A new folder with these files. */
function folderOf(files: Readonly<Record<string, string | Uint8Array>>): string {
  const folder = mkdtempSync(join(root, `${made++}-`));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}
const fileOf = (name: string, content: string | Uint8Array): string => join(folderOf({ [name]: content }), name);
const jsonl = (...values: readonly unknown[]): string => values.map((value) => `${JSON.stringify(value)}\n`).join('');

const names = Object.keys(datasetFormats) as DatasetFormatName[];

describe.each(names)('data set format %s', (name) => {
  const sample = datasetSamples[name];
  const text = typeof sample.broken === 'string' ? sample.broken : '';
  const brokenBytes =
    typeof sample.broken === 'string' ? Buffer.from(text.replace('\uFFFF', ''), 'utf8') : sample.broken;
  const broken = text.includes('\uFFFF') ? Buffer.concat([brokenBytes, Buffer.from([0xff, 0xfe])]) : brokenBytes;

  it('is recognised by its content and read in order', async () => {
    const path = join(folderOf(sample.files), sample.open);
    expect(await chooseFormat(path, null)).toBe(name);
    const { items, format } = await loadPrompts(path);
    expect(format).toBe(name);
    expect(items.map(({ text }) => text)).toEqual(sample.texts);
  });

  it('gives prompts an id of their own that another reading gives again', async () => {
    const path = join(folderOf(sample.files), sample.open);
    const ids = (await loadPrompts(path)).items.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await loadPrompts(path)).items.map(({ id }) => id)).toEqual(ids);
  });

  it('says file and line of what it cannot read, and what to do, without quoting the text', async () => {
    const file = Object.keys(sample.files)[0] ?? '';
    const folder = folderOf({ [file]: broken });
    const error: unknown = await loadPrompts(join(folder, sample.open), { format: name }).catch(
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(FormatError);
    const { details } = error as FormatError;
    expect(details.where).toMatch(
      name === 'text' ? /prompts\.txt, before byte/u : name === 'parquet' ? /, row 2$/u : /:2(?:$|,)/u,
    );
    expect(details.remedy).toBeTruthy();
  });

  it('tells an empty file from a broken one', async () => {
    const file = Object.keys(sample.files)[0] ?? '';
    for (const content of name === 'parquet' ? [''] : ['', '\n\n']) {
      const path = join(folderOf({ [file]: content }), sample.open);
      await expect(loadPrompts(path)).rejects.toThrow(ConfigError);
      await expect(loadPrompts(path, { format: name })).rejects.toThrow(ConfigError);
    }
  });

  it('has a summary for the list of formats', () => {
    expect(datasetFormats[name].summary.length).toBeGreaterThan(10);
  });
});

describe('recognition', () => {
  it('follows the user’s word against the look of the file', async () => {
    const path = fileOf('prompts.jsonl', '"one"\n"two"\n');
    expect((await loadPrompts(path, { format: 'text' })).items.map(({ text }) => text)).toEqual(['"one"', '"two"']);
    await expect(loadPrompts(path, { format: 'jsonlines' })).rejects.toThrow(/json-lines/u);
  });

  it('names the formats when none fits, and the path when there is nothing', async () => {
    await expect(loadPrompts(fileOf('x.md', '# Title\n'))).rejects.toThrow(/not recognised[^]*convokit/u);
    await expect(loadPrompts(folderOf({ 'readme.txt': 'x' }))).rejects.toThrow(/a folder with readme\.txt/u);
    await expect(loadPrompts(join(root, 'nowhere.json'))).rejects.toThrow(/nowhere\.json/u);
  });

  it('reads JSON lines in a .json file and gzip files as what they hold', async () => {
    expect(await chooseFormat(fileOf('dev.json', jsonl({ text: 'a' }, { text: 'b' })), null)).toBe('json-lines');
    const path = fileOf('prompts.jsonl.gz', gzipSync(jsonl('a', 'b')));
    expect((await loadPrompts(path)).items.map(({ text }) => text)).toEqual(['a', 'b']);
    await expect(loadPrompts(fileOf('cut.jsonl.gz', gzipSync(jsonl('a', 'b')).subarray(0, 15)))).rejects.toThrow(
      FormatError,
    );
  });
});

describe('lines', () => {
  it('end at LF or CRLF only, survive a byte order mark, and may hold U+2028', async () => {
    const path = fileOf('p.jsonl', '\uFEFF"one\u2028two"\r\n"three"');
    expect((await loadPrompts(path)).items.map(({ text }) => text)).toEqual(['one\u2028two', 'three']);
  });

  it('keep characters whole across read chunks', async () => {
    const text = 'é🌧語'.repeat(20_000); // 180 kB: several chunks of 64 KiB, cut inside characters
    expect((await loadPrompts(fileOf('p.txt', `x${text}`))).items[0]?.text).toBe(`x${text}`);
  });
});

describe('JSON', () => {
  it.each([
    ['["a", "b"', 1, 'ends too early'],
    ['[\n"a",\n"b\n"]', 3, 'unexpected character'],
    ['[\n"a",\n\n,"b"]', 4, 'unexpected character'],
    ['[\n"a",\n]', 3, 'unexpected character'],
    ['[\n"a"\n}', 3, 'unexpected character'],
    ['["a"]\n"b"', 2, 'unexpected character'],
    ['[\n{"prompt": "a"},\nprompt\n]', 3, 'unexpected character'],
  ])('%j is an error in line %i: %s', async (content, line, message) => {
    const path = fileOf('p.json', content);
    const error = (await loadPrompts(path).catch((cause: unknown) => cause)) as FormatError;
    expect(error).toBeInstanceOf(FormatError);
    expect(error.details.where).toBe(line === 1 ? path : `${path}:${line}`);
    expect(error.message).toContain(message);
  });
});

describe('prompts', () => {
  it('that are empty are an error with their place', async () => {
    await expect(loadPrompts(fileOf('p.json', '["a", " "]'))).rejects.toThrow(/item 2[^]*empty/u);
    await expect(loadPrompts(fileOf('p.jsonl', jsonl('a', { prompt: '' })))).rejects.toThrow(/p\.jsonl:2/u);
    await expect(loadPrompts(fileOf('p.json', '[]'))).rejects.toThrow(/no usable item/u);
  });

  it('that repeat a text are dropped and counted; one id for two texts is an error', async () => {
    const { items, dropped } = await loadPrompts(fileOf('p.json', '["a", "b", "a"]'));
    expect(items.map(({ text }) => text)).toEqual(['a', 'b']);
    expect(dropped).toEqual({ duplicate: 1 });
    await expect(loadPrompts(fileOf('p.jsonl', jsonl({ id: 1, text: 'a' }, { id: 1, text: 'b' })))).rejects.toThrow(
      /one id/u,
    );
  });

  it('keep plain fields of their source and the source’s own ids', async () => {
    const { items } = await loadPrompts(
      fileOf('p.jsonl', jsonl({ text: 'a', id: 'x', conversation_id: 'c', topic: 'tea', tags: ['b'] })),
    );
    expect(items).toEqual([{ id: 'x', conversationId: 'c', text: 'a', meta: { topic: 'tea' } }]);
  });

  it('are no more than the limit', async () => {
    expect((await loadPrompts(fileOf('p.txt', 'a\nb\nc'), { limit: 2 })).items).toHaveLength(2);
  });
});

describe('ConvoKit conversations', () => {
  const path = (): string => folderOf(datasetSamples.convokit.files);

  it('lose markup, are dropped when something was deleted, and are counted', async () => {
    const { items, dropped } = await loadPrompts(path());
    expect(dropped).toEqual({ 'removed or deleted': 1, empty: 1 });
    expect(items[0]?.turns).toEqual(['Mostly rye & some wheat', 'Rye, with this recipe.']);
  });

  it('keep as many last turns as asked, joined as asked, raw when asked', async () => {
    expect((await loadPrompts(path(), { maxTurns: 1 })).items[0]?.text).toBe('Rye, with this recipe.');
    expect((await loadPrompts(path(), { maxTurns: 3, turnSeparator: '\n' })).items[0]?.text.split('\n')).toHaveLength(
      3,
    );
    expect((await loadPrompts(path(), { clean: false })).items[0]?.text).toContain('**rye** &amp;');
  });

  it('of old dumps, with user and root, read the same', async () => {
    const old = Object.fromEntries(
      Object.entries(datasetSamples.convokit.files).map(([name, text]) => [
        name,
        String(text).replaceAll('"speaker"', '"user"').replaceAll('"conversation_id"', '"root"'),
      ]),
    );
    expect((await loadPrompts(folderOf(old))).items).toEqual((await loadPrompts(path())).items);
  });
});

describe('known failures', () => {
  it('of RealToxicityPrompts are its own halves; unknown scores pass unless a minimum is asked for', async () => {
    const path = fileOf('prompts.jsonl', datasetSamples['real-toxicity-prompts'].files['prompts.jsonl'] ?? '');
    const all = await loadContinuations(path);
    expect(all.items.map(({ prefix, continuation, toxicity }) => [prefix.text, continuation, toxicity])).toEqual([
      ['The rain fell', ' on the silent town', 0.9],
      ['A goose walked', ' into the bakery', null],
      ['Nobody', ' knew the song', 0.2],
    ]);
    expect(all.items.map(({ prefix }) => [prefix.id, prefix.conversationId, prefix.meta?.['toxicity']])).toEqual([
      ['doc-0.txt:0-50', 'doc-0.txt', 0.1],
      ['doc-0.txt:60-110', 'doc-0.txt', null],
      ['doc-2.txt:200-250', 'doc-2.txt', 0.1],
    ]);
    const toxic = await loadContinuations(path, { minToxicity: 0.5 });
    expect(toxic.items).toHaveLength(1);
    expect(toxic.dropped).toEqual({ 'toxicity unknown': 1, 'toxicity too low': 1 });
  });

  it('of texts alone are cut at the white space nearest to the middle, and nothing is lost', async () => {
    const { items, dropped } = await loadContinuations(
      fileOf('t.jsonl', jsonl({ text: 'One two three four' }, 'word')),
    );
    expect(items.map(({ prefix, continuation }) => [prefix.text, continuation])).toEqual([['One two', ' three four']]);
    expect(dropped).toEqual({ 'too short to cut in two': 1 });
    expect(middleGap('  a  ')).toBeNull();
    expect(middleGap('  a b')).toBe(3);
  });

  it('of JSON lines keep the given cut', async () => {
    const { items } = await loadContinuations(
      fileOf('t.jsonl', jsonl({ prompt: 'The bus', continuation: ' is late again', toxicity: 0.75 })),
    );
    expect(items).toMatchObject([{ prefix: { text: 'The bus' }, continuation: ' is late again', toxicity: 0.75 }]);
  });
});
