import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../src/base/random.js';
import { loadTokenizer } from '../src/engine/text/tokenizer.js';
import { dialogueText, sampleDialogue } from './sample.js';
import { buildTokenizer } from './tokenizer.js';

const files = buildTokenizer();
const tokenizer = loadTokenizer({
  tokenizerJson: files.tokenizerJson,
  tokenizerConfig: files.tokenizerConfig,
  generationConfig: files.generationConfig,
});

describe('the organism’s tokenizer', () => {
  it('gives each word and mark of 600 sampled dialogues one token, and each line at most 28', () => {
    const stream = openStream(streamKey(7, 'organism.test'));
    for (let i = 0; i < 600; i++) {
      const text = dialogueText(sampleDialogue(stream));
      const ids = tokenizer.encode(text);
      const pieces = text.match(/ ?[a-z]+|[^a-z ]/g) ?? [];
      expect(ids).toHaveLength(pieces.length);
      expect(tokenizer.decode(ids)).toBe(text);
      expect(Math.max(...text.split('\n').map((line) => tokenizer.encode(`${line}\n`).length))).toBeLessThanOrEqual(28);
    }
  });

  it('ends a turn with the newline, one token that decoding keeps', () => {
    expect(tokenizer.endIds).toEqual([files.endId]);
    expect(tokenizer.encode('\n')).toEqual([files.endId]);
    expect(tokenizer.specialIds.has(files.endId)).toBe(false);
    expect(tokenizer.decode(tokenizer.encode('hello.\nfine.\n'))).toBe('hello.\nfine.\n');
  });

  it('brings any other text back byte for byte', () => {
    for (const text of ['Grüße, 日本語! 😀', '  two  spaces\n\n\ttab', 'UNSEEN Words1234', '<pad', ''])
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it('is small: at most 1,000 tokens, the bytes included', () => {
    expect(files.vocabularySize).toBeLessThanOrEqual(1000);
    expect(tokenizer.vocabularySize).toBe(files.vocabularySize);
  });
});
