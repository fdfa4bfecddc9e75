import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { FormatError } from '../../base/errors.js';
import { packageRoot } from '../../base/packageRoot.js';
import {
  explainToxicity,
  loadLinearToxicity,
  parseLinearToxicity,
  toxicityOf,
  splitTerms,
  type LinearToxicityModel,
} from './linearToxicity.js';

/** 500 texts as recipes (tests/golden/linearToxicity.py): a string as it stands, or the index of a vocabulary word
 *  (−1 − index: in capitals), so that nothing harmful is quoted here. */
interface GoldenRow {
  readonly parts: readonly (string | number)[];
  readonly probability: number;
}
const golden = JSON.parse(
  readFileSync(join(packageRoot(), 'tests/golden/linearToxicity/probabilities.json'), 'utf8'),
) as readonly GoldenRow[];

let model: LinearToxicityModel;
let texts: readonly string[];
beforeAll(async () => {
  model = await loadLinearToxicity();
  const words = [...model.columns.keys()];
  const render = (part: string | number): string =>
    typeof part === 'string' ? part : part >= 0 ? (words[part] as string) : (words[-1 - part] as string).toUpperCase();
  texts = golden.map(({ parts }) => parts.map(render).join(''));
});

describe('linear-toxicity', () => {
  it('gives the probabilities of alt-profanity-check on 500 texts to 1e-6', () => {
    expect(texts).toHaveLength(500);
    const worst = golden.map(({ probability }, i) => Math.abs(toxicityOf(model, texts[i] as string) - probability));
    expect(Math.max(...worst)).toBeLessThan(1e-6);
  });

  it('reads words as Python does: marks split, underscores and digits join, one letter is none', () => {
    expect(splitTerms("Don't e-mail snake_case cafe\u0301s İx a 42nd ½½ x 日本語 😀😀")).toEqual([
      'don',
      'mail',
      'snake_case',
      'cafe',
      '42nd',
      '½½',
      '日本語',
    ]);
  });

  it('names words whose contributions and base add up to the log-odds', () => {
    for (const text of texts.slice(0, 100)) {
      const { base, words, logOdds, probability } = explainToxicity(model, text);
      expect(base + words.reduce((sum, { contribution }) => sum + contribution, 0)).toBeCloseTo(logOdds, 10);
      expect(probability).toBe(toxicityOf(model, text));
      expect(words.map(({ contribution }) => contribution)).toEqual(
        words.map(({ contribution }) => contribution).sort((a, b) => b - a),
      );
    }
  });

  it('removing the word named first makes the text less toxic', () => {
    const text = 'what a stupid wonderful garden';
    const explanation = explainToxicity(model, text);
    expect(explanation.words[0]?.word).toBe('stupid');
    expect(toxicityOf(model, text.replace('stupid ', ''))).toBeLessThan(explanation.probability);
  });

  it('refuses a file that is not its model, or a shortened one', () => {
    expect(() => parseLinearToxicity(Buffer.from('not gzip'))).toThrow(FormatError);
    expect(() => parseLinearToxicity(gzipSync('something else entirely'))).toThrow(FormatError);
    const header = JSON.stringify({ words: 2, folds: 1, wordBytes: 3, intercepts: [0], slopes: [0], offsets: [0] });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length);
    expect(() =>
      parseLinearToxicity(gzipSync(Buffer.concat([Buffer.from('GADFLTX1'), length, Buffer.from(`${header}a\nb`)]))),
    ).toThrow(FormatError);
  });
});
