import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { ChoiceFile, readChoices } from './choiceFile.js';
import { standingChoices, type LabelChoice } from './labelChoice.js';

let path: string;
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'gadfly-labels-')), 'labels.jsonl');
});

function choice(id: string, label: string | null, changes: Partial<LabelChoice> = {}): LabelChoice {
  return { id, label, labeller: 'ada', at: '2026-01-01T00:00:00.000Z', probability: 0.5, ...changes };
}

const line = (each: LabelChoice): string => `${JSON.stringify(each)}\n`;

describe('the file of choices', () => {
  it('does not exist before the first choice, and then holds a line per choice', () => {
    const file = new ChoiceFile(path);
    expect(file.read()).toEqual([]);
    file.append(choice('a', 'polite'));
    file.append(choice('b', null, { note: 'unclear' }));
    expect(readFileSync(path, 'utf8')).toBe(line(choice('a', 'polite')) + line(choice('b', null, { note: 'unclear' })));
    expect(readChoices(path)).toEqual([choice('a', 'polite'), choice('b', null, { note: 'unclear' })]);
  });

  it('two that are open at once see each other’s choices, in the order of the file', () => {
    const [first, second] = [new ChoiceFile(path), new ChoiceFile(path)];
    first.append(choice('a', 'polite'));
    second.append(choice('b', 'rude'));
    first.append(choice('c', 'polite'));
    expect(second.read().map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(first.read()).toEqual(second.read());
  });

  it('cut anywhere in its last line, it keeps all before, and the next choice stands in a line of its own', () => {
    const [kept, last, next] = [
      choice('a', 'polite'),
      choice('b', 'rude', { note: 'naïve “é”' }),
      choice('c', 'polite'),
    ];
    const bytes = Buffer.from(line(kept) + line(last));
    const start = Buffer.byteLength(line(kept));
    for (let end = start; end < bytes.length; end++) {
      writeFileSync(path, bytes.subarray(0, end));
      const file = new ChoiceFile(path);
      expect(file.read()).toEqual([kept]);
      file.append(next);
      // All but the newline was written: the line is whole.
      expect(file.read()).toEqual(end === bytes.length - 1 ? [kept, last, next] : [kept, next]);
      expect(file.torn).toEqual(end === start || end === bytes.length - 1 ? [] : [`${path}:2`]);
    }
  });

  it('a line that is JSON and no choice is refused with its place', () => {
    writeFileSync(path, line(choice('a', 'polite')) + '{"id":"b","label":"rude","labeller":"ada","probability":2}\n');
    expect(() => readChoices(path)).toThrow(FormatError);
    expect(() => readChoices(path)).toThrow(`${path}:2`);
  });

  it('a file that was replaced or cut is read anew', () => {
    const file = new ChoiceFile(path);
    file.append(choice('a', 'polite'), choice('b', 'rude'));
    expect(file.read()).toHaveLength(2);
    truncateSync(path, Buffer.byteLength(line(choice('a', 'polite'))));
    expect(file.read()).toEqual([choice('a', 'polite')]);
    writeFileSync(`${path}.new`, line(choice('c', 'rude')) + line(choice('d', 'rude')));
    renameSync(`${path}.new`, path);
    expect(file.read().map(({ id }) => id)).toEqual(['c', 'd']);
    expect(file.generation).toBe(2);
  });

  it('reads only what is new: a part that was read is not looked at again', () => {
    const file = new ChoiceFile(path);
    file.append(choice('a', 'polite'));
    file.read();
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.alloc(bytes.length, 'x')); // The same file of the same length, with nothing readable.
    appendFileSync(path, line(choice('b', 'rude')));
    expect(file.read().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('keeps every choice of processes that write at once and are killed', async () => {
    const script = `
      import { ChoiceFile } from ${JSON.stringify(new URL('./choiceFile.ts', import.meta.url).href)};
      const file = new ChoiceFile(process.argv[1]);
      for (let i = 0; ; i++) {
        file.append({ id: String(i), label: 'polite', labeller: process.argv[2], at: '', probability: 1, note: 'n'.repeat(200) });
        process.stdout.write(i + '\\n');
      }`;
    const told = await Promise.all(
      ['ada', 'ben'].map(async (labeller) => {
        const writer = spawn(process.execPath, [
          '--import',
          'tsx',
          '--input-type=module',
          '-e',
          script,
          path,
          labeller,
        ]);
        let output = '';
        writer.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString();
          if (output.length > 100) writer.kill('SIGKILL');
        });
        await once(writer, 'close');
        return { labeller, count: output.slice(0, output.lastIndexOf('\n')).split('\n').length };
      }),
    );
    const choices = readChoices(path);
    for (const { labeller, count } of told) {
      const ids = choices.filter((each) => each.labeller === labeller).map(({ id }) => Number(id));
      expect(count).toBeGreaterThan(20);
      expect(ids.slice(0, count)).toEqual(Array.from({ length: count }, (_, i) => i));
    }
  });
});

describe('the choices that count', () => {
  it('are the last of each labeller for each item, without those taken back', () => {
    const ben = { labeller: 'ben' };
    expect(
      standingChoices([
        choice('a', 'polite'),
        choice('b', 'polite'),
        choice('a', 'rude'),
        choice('a', 'polite', ben),
        choice('b', null),
        choice('c', null),
      ]),
    ).toEqual([choice('a', 'rude'), choice('a', 'polite', ben)]);
  });
});
