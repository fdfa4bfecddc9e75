import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FormatError } from '../base/errors.js';
import { readWrittenAnswers } from './writtenAnswers.js';

function fileOf(...lines: readonly string[]): string {
  const path = join(mkdtempSync(join(tmpdir(), 'gadfly-answers-')), 'answers.jsonl');
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const answer = (prompt: string, chosen: string): string => JSON.stringify({ prompt, chosen, rejected: 'no' });

describe('written answers', () => {
  it('may be a table', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'gadfly-answers-')), 'answers.csv');
    writeFileSync(path, 'prompt;chosen\nhow much?;"two; or ""three"" coins"\n');
    const answerTo = await readWrittenAnswers(path);
    expect(answerTo({ text: '', lastTurn: 'how much?' })).toBe('two; or "three" coins');
  });

  it('are found by the whole dialogue, or else by its last turn; white space around them does not count', async () => {
    const answerTo = await readWrittenAnswers(
      fileOf(answer('a shop.\nhow much?\n', 'two coins.'), '', answer(' how much? ', 'it depends.')),
    );
    expect(answerTo({ text: 'a shop.\nhow much?', lastTurn: 'how much?' })).toBe('two coins.');
    expect(answerTo({ text: 'a stall.\nhow much?', lastTurn: 'how much?' })).toBe('it depends.');
    expect(answerTo({ text: 'a stall.\nhow many?', lastTurn: 'how many?' })).toBeNull();
  });

  it('the first of several counts, and an empty one is none', async () => {
    const answerTo = await readWrittenAnswers(fileOf(answer('q', ' '), answer('q', 'first'), answer('q', 'second')));
    expect(answerTo({ text: 'q', lastTurn: 'q' })).toBe('first');
  });

  it('a line of something else is named', async () => {
    await expect(readWrittenAnswers(fileOf(answer('q', 'a'), '{"prompt": "q"}'))).rejects.toMatchObject({
      details: { where: expect.stringMatching(/answers\.jsonl:2$/) as string },
    });
    await expect(readWrittenAnswers(fileOf('{"prompt"'))).rejects.toBeInstanceOf(FormatError);
  });
});
