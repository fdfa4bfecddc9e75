import { describe, expect, it } from 'vitest';
import { distinctiveWords } from './distinctiveWords.js';

const repeat = (word: string, times: number): string => Array.from({ length: times }, () => word).join(' ');

describe('distinctive words', () => {
  it('have the log-odds ratio and its error of Monroe, Colaresi and Quinn', () => {
    // Group 1: the 30, cat 10; group 2: the 30, dog 20, cat 10. A prior of 10 words: the 6, cat 2, dog 2.
    const groups = [
      [repeat('the', 30), repeat('Cat', 10)],
      [repeat('the', 30), repeat('dog', 20), `${repeat('cat', 10)}!`],
    ];
    const [first = [], second = []] = distinctiveWords(groups, { priorWords: 10, minZScore: 0 });
    // cat: ln(12/38) − ln(12/58) over √(1/12 + 1/12). the: ln(36/14) − ln(36/34) over √(1/36 + 1/36).
    const cat = (Math.log(12 / 38) - Math.log(12 / 58)) / Math.sqrt(2 / 12);
    const the = (Math.log(36 / 14) - Math.log(36 / 34)) / Math.sqrt(2 / 36);
    expect(first.map(({ word, count }) => [word, count])).toEqual([
      ['the', 30],
      ['cat', 10],
    ]);
    expect(first[0]?.zScore).toBeCloseTo(the, 12);
    expect(first[1]?.zScore).toBeCloseTo(cat, 12);
    // dog: ln(22/48) − ln(2/48) over √(1/22 + 1/2); the others are used less.
    expect(second.map(({ word }) => word)).toEqual(['dog']);
    expect(second[0]?.zScore).toBeCloseTo((Math.log(22 / 48) - Math.log(2 / 48)) / Math.sqrt(1 / 22 + 1 / 2), 12);
  });

  it('are not those that all groups use, nor rare ones, nor marks', () => {
    const groups = ['cat', 'dog', 'bird'].map((animal) => [
      ...Array.from({ length: 40 }, (_, i) => `the ${animal} sat there on day ${String(i)}.`),
      `a single ${animal}ly word`,
    ]);
    expect(distinctiveWords(groups).map((words) => words.map(({ word }) => word))).toEqual([
      ['cat'],
      ['dog'],
      ['bird'],
    ]);
    expect(distinctiveWords(groups, { words: 0 })).toEqual([[], [], []]);
  });

  it('of no text, or of one group alone, are none', () => {
    expect(distinctiveWords([[], ['']])).toEqual([[], []]);
    expect(distinctiveWords([['the cat sat']])).toEqual([[]]);
  });
});
