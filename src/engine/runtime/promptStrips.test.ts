import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePrompts, familiesOf, packPrompts, planPasses, sharedLength, tokenIndex, writeStripBias } from './promptStrips.js';

/** Few letters, so that prompts often begin alike. */
const prompts = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 });
const stripLength = fc.integer({ min: 1, max: 40 });

describe('packed prompts', () => {
  it('every prompt reads back from its strip, in order and with its positions', () => {
    fc.assert(fc.property(prompts, stripLength, (given, length) => {
      const { strips, prompts: packed } = packPrompts(given, length);
      given.forEach((ids, index) => {
        const prompt = packed[index];
        const strip = strips[prompt?.strip ?? -1];
        const places = ids.map((_, position) => tokenIndex(prompt ?? { strip: 0, spans: [] }, position));
        expect(places.map((at) => strip?.ids[at])).toEqual(ids);
        expect(places.map((at) => strip?.positions[at])).toEqual(ids.map((_, position) => position));
      });
    }));
  });

  it('a token sees its own prompt up to itself and nothing else', () => {
    fc.assert(fc.property(prompts, stripLength, (given, length) => {
      const { strips, prompts: packed } = packPrompts(given, length);
      const T = Math.max(...strips.map(({ ids }) => ids.length));
      const bias_STT = new Float32Array(strips.length * T * T).fill(7);
      writeStripBias(strips, T, bias_STT);
      packed.forEach((prompt, index) => {
        const places = (given[index] ?? []).map((_, position) => tokenIndex(prompt, position));
        places.forEach((at, position) => {
          const row = bias_STT.subarray((prompt.strip * T + at) * T, (prompt.strip * T + at + 1) * T);
          const seen = Array.from(row.keys()).filter((other) => row[other] === 0);
          expect(seen).toEqual(places.slice(0, position + 1).sort((a, b) => a - b));
        });
      });
    }));
  });

  it('a family holds no token twice', () => {
    fc.assert(fc.property(prompts, (given) => {
      const sorted = [...given].sort(comparePrompts);
      for (const family of familiesOf(sorted).map((members) => members.map((index) => sorted[index] ?? []))) {
        const { strips } = packPrompts(family, 1000);
        const prefixes = new Set(family.flatMap((ids) => ids.map((_, end) => ids.slice(0, end + 1).join())));
        expect(strips.map(({ ids }) => ids.length)).toEqual([prefixes.size]);
      }
    }));
  });

  it('a family that fits a strip is not cut, and no strip grows past its limits', () => {
    fc.assert(fc.property(prompts, stripLength, (given, length) => {
      const longest = Math.max(...given.map((ids) => ids.length));
      const { strips, prompts: packed } = packPrompts(given, length);
      for (const { ids } of strips) expect(ids.length).toBeLessThanOrEqual(Math.max(2 * length, longest));
      for (const family of familiesOf(given)) {
        const whole = family.reduce((sum, index) => sum + (given[index]?.length ?? 0), 0) <= length;
        if (whole) expect(new Set(family.map((index) => packed[index]?.strip)).size).toBe(1);
      }
    }));
  });

  it('compares by the first difference, a prompt before its continuations', () => {
    expect(sharedLength([1, 2, 3], [1, 2, 4])).toBe(2);
    expect([[1, 2], [1], [0, 9], [1, 2]].sort(comparePrompts)).toEqual([[0, 9], [1], [1, 2], [1, 2]]);
  });
});

describe('passes over strips', () => {
  it('hold every strip once, in order, within the limits', () => {
    const strip = (length: number) => ({ ids: new Array<number>(length).fill(0), positions: [], parents: [] });
    const strips = [10, 12, 3, 40, 5, 5].map(strip);
    expect(planPasses(strips, [0, 0, 0, 0, 0, 0], { tokens: 24, scoredTokens: 10 })).toEqual([[0, 1], [2], [3], [4, 5]]);
    expect(planPasses(strips.slice(4), [6, 6], { tokens: 100, scoredTokens: 10 })).toEqual([[0], [1]]);
  });
});
