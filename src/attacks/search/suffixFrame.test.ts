import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { promptOf } from '../../dialogue/testing/prompts.js';
import { loadTokenizer } from '../../engine/text/tokenizer.js';
import { openFormat } from '../../speakers/formats/all.js';
import { placeSuffix } from './suffixFrame.js';

it('goes on in running text with a space, and begins no empty line where turns are lines', () => {
  const file = resolve(import.meta.dirname, '../../../assets/organism/tokenizer.json');
  const tokenizer = loadTokenizer({ tokenizerJson: JSON.parse(readFileSync(file, 'utf8')), tokenizerConfig: {} });
  const placed = (kind: 'plain' | 'lines') => {
    const format = openFormat(kind, { role: 'target', tokenizer, chatTemplate: null, maxContextTokens: 100 });
    return placeSuffix({ format }, { prompt: promptOf('p'), message: 'now' }, 'the');
  };
  expect(placed('plain')).toBe(' now the');
  expect(placed('lines')).toBe('now the');
});
