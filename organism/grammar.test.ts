import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../src/base/random.js';
import { compileGrammar, draw, drawWithMarks, markDistribution, markProbability, textsOf } from './grammar.js';

const red = 1;
const round = 2;
const big = 4;
const marksOf = (text: string): number =>
  (/red/.test(text) ? red : 0) | (/round/.test(text) ? round : 0) | (/big/.test(text) ? big : 0);

const toy = compileGrammar(
  {
    thing: ['3: {size} {colour} {noun@season}', '1: a plain {noun@season}'],
    size: ['1: big', '3: small'],
    colour: ['red', 'blue'],
    'noun.summer': ['2: round ball', 'kite'],
    'noun.winter': ['sledge', 'red sledge'],
  },
  marksOf,
  { season: ['summer', 'winter'] },
);
const summer = { season: 'summer' };
const stream = (name: string) => openStream(streamKey(1, name));

describe('weighted grammars', () => {
  it('mark probabilities are those worked out by hand', () => {
    // P(big) = 3/4·1/4; P(red) in summer = 3/4·1/2; P(round) = 2/3, independent of both.
    expect(markProbability(toy, 'thing', summer, big, big)).toBeCloseTo(3 / 16, 12);
    expect(markProbability(toy, 'thing', summer, red | round, red | round)).toBeCloseTo((3 / 8) * (2 / 3), 12);
    expect(markProbability(toy, 'thing', summer, red | round | big, red)).toBeCloseTo(
      (3 / 4) * (1 / 2) * (3 / 4) * (1 / 3),
      12,
    );
    // In winter: red comes from the colour or from the noun.
    expect(markProbability(toy, 'thing', { season: 'winter' }, red, 0)).toBeCloseTo(
      (3 / 4) * (1 / 2) * (1 / 2) + (1 / 4) * (1 / 2),
      12,
    );
    const total = [...markDistribution(toy, 'thing', summer).values()].reduce((sum, p) => sum + p, 0);
    expect(total).toBeCloseTo(1, 12);
  });

  it('draws have the log-probability of their derivation', () => {
    const draws = stream('draws');
    for (let i = 0; i < 200; i++) {
      const { text, logProb } = draw(toy, 'thing', summer, draws);
      const noun = text.endsWith('round ball') ? 2 / 3 : 1 / 3;
      const head = text.startsWith('a plain') ? 1 / 4 : (3 / 4) * (text.startsWith('big') ? 1 / 4 : 3 / 4) * (1 / 2);
      expect(logProb).toBeCloseTo(Math.log(head * noun), 12);
    }
  });

  it('conditional draws follow the conditional distribution', () => {
    const draws = stream('conditional');
    const condition = { within: red | big, wanted: red };
    const n = 10_000;
    const counts = new Map<string, number>();
    for (let i = 0; i < n; i++) {
      const { text } = drawWithMarks(toy, 'thing', { season: 'winter' }, condition, draws);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    // Unconditional weights of the texts with red and without big: three of 3/4·3/4·1/2·1/2, and 'a plain red sledge'
    // of 1/4·1/2.
    const weights: Record<string, number> = {
      'small red sledge': 9 / 64,
      'small red red sledge': 9 / 64,
      'small blue red sledge': 9 / 64,
      'a plain red sledge': 1 / 8,
    };
    const total = Object.values(weights).reduce((sum, weight) => sum + weight, 0);
    expect([...counts.keys()].sort()).toEqual(Object.keys(weights).sort());
    for (const [text, weight] of Object.entries(weights)) {
      const p = weight / total;
      expect(Math.abs((counts.get(text) ?? 0) / n - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / n)); // 4.5 standard deviations
    }
  });

  it('an impossible condition, a missing rule and a circle are refused', () => {
    expect(() =>
      drawWithMarks(toy, 'thing', { season: 'winter' }, { within: round, wanted: round }, stream('x')),
    ).toThrow(/can be drawn/);
    expect(() => compileGrammar({ a: ['{b}'] }, marksOf, {})).toThrow(/rule for b/);
    expect(() => compileGrammar({ a: ['{b}'], b: ['x {a}'] }, marksOf, {})).toThrow(/a → b → a/);
    expect(() =>
      compileGrammar({ a: ['{b@season}'], 'b.summer': ['x'] }, marksOf, { season: ['summer', 'winter'] }),
    ).toThrow(/b\.winter/);
  });

  it('lists every stretch of text', () => {
    expect(textsOf(toy)).toEqual(expect.arrayContaining(['a plain ', 'round ball', 'red sledge']));
  });
});
