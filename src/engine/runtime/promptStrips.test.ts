import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  comparePrompts,
  familiesOf,
  packPrompts,
  planPasses,
  sharedLength,
  sliceSpans,
  tokenIndex,
  writeStripBias,
  type PromptToPack,
} from './promptStrips.js';

/** Few letters, so that prompts often begin alike. */
const prompts = fc.array(fc.array(fc.nat(2), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 12 });
/** The same with beginnings that have been read before, at any length. */
const partlyKnown = fc.array(
  fc
    .array(fc.nat(2), { minLength: 1, maxLength: 12 })
    .chain((ids) => fc.record({ ids: fc.constant(ids), known: fc.nat(ids.length - 1) })),
  { minLength: 1, maxLength: 12 },
);
const unread = (ids: readonly number[]): PromptToPack => ({ ids, known: 0 });
const stripLength = fc.integer({ min: 1, max: 40 });

describe('packed prompts', () => {
  it('every prompt reads back from its strip, in order and with its positions, known tokens first', () => {
    fc.assert(
      fc.property(partlyKnown, stripLength, (given, length) => {
        const { strips, prompts: packed } = packPrompts(given, length);
        given.forEach(({ ids, known }, index) => {
          const prompt = packed[index];
          const strip = strips[prompt?.strip ?? -1];
          const places = ids.map((_, position) => tokenIndex(prompt ?? { strip: 0, spans: [] }, position));
          expect(places.map((at) => strip?.ids[at])).toEqual(ids);
          expect(places.map((at) => strip?.positions[at])).toEqual(ids.map((_, position) => position));
          expect(places.map((at) => at < (strip?.known ?? 0))).toEqual(ids.map((_, position) => position < known));
        });
      }),
    );
  });

  it('a strip says for each known token which prompt knows it', () => {
    fc.assert(
      fc.property(partlyKnown, stripLength, (given, length) => {
        for (const { ids, positions, known, sources } of packPrompts(given, length).strips) {
          const from = sources.flatMap(({ prompt, position, length: count }) =>
            Array.from({ length: count }, (_, n) => ({ prompt, position: position + n })),
          );
          expect(from.map(({ prompt, position }) => given[prompt]?.ids[position])).toEqual(ids.slice(0, known));
          expect(from.map(({ position }) => position)).toEqual(positions.slice(0, known));
          for (const { prompt, position } of from) expect(position).toBeLessThan(given[prompt]?.known ?? 0);
        }
      }),
    );
  });

  it('a token to read sees its own prompt up to itself and nothing else', () => {
    fc.assert(
      fc.property(partlyKnown, stripLength, (given, length) => {
        const { strips, prompts: packed } = packPrompts(given, length);
        const W = Math.max(...strips.map(({ ids }) => ids.length));
        let compared = 0;
        strips.forEach((strip, s) => {
          const T = W - strip.known;
          const bias_TW = new Float32Array(T * W).fill(7);
          writeStripBias([strip], { T, W }, bias_TW);
          packed.forEach((prompt, index) => {
            if (prompt.strip !== s) return;
            const { ids, known } = given[index] ?? unread([]);
            const places = ids.map((_, position) => tokenIndex(prompt, position));
            places.slice(known).forEach((at, n) => {
              const row = bias_TW.subarray((at - strip.known) * W, (at - strip.known + 1) * W);
              const seen = Array.from(row.keys()).filter((other) => row[other] === 0);
              expect(seen).toEqual(places.slice(0, known + n + 1).sort((a, b) => a - b));
              compared++;
            });
          });
        });
        expect(compared).toBe(given.reduce((sum, { ids, known }) => sum + ids.length - known, 0));
      }),
    );
  });

  it('a family holds no token twice', () => {
    fc.assert(
      fc.property(prompts, (given) => {
        const sorted = [...given].sort(comparePrompts);
        for (const family of familiesOf(sorted).map((members) => members.map((index) => sorted[index] ?? []))) {
          const { strips } = packPrompts(family.map(unread), 1000);
          const prefixes = new Set(family.flatMap((ids) => ids.map((_, end) => ids.slice(0, end + 1).join())));
          expect(strips.map(({ ids }) => ids.length)).toEqual([prefixes.size]);
        }
      }),
    );
  });

  it('a family that fits a strip is not cut, and no strip grows past its limits', () => {
    let whole = 0;
    fc.assert(
      fc.property(prompts, stripLength, (given, length) => {
        const longest = Math.max(...given.map((ids) => ids.length));
        const { strips, prompts: packed } = packPrompts(given.map(unread), length);
        for (const { ids } of strips) expect(ids.length).toBeLessThanOrEqual(Math.max(2 * length, longest));
        const tokens = (family: readonly number[]): number =>
          family.reduce((sum, index) => sum + (given[index]?.length ?? 0), 0);
        for (const family of familiesOf(given).filter((each) => tokens(each) <= length)) {
          expect(new Set(family.map((index) => packed[index]?.strip)).size).toBe(1);
          whole++;
        }
      }),
    );
    expect(whole).toBeGreaterThan(0);
  });

  it('compares by the first difference, a prompt before its continuations', () => {
    expect(sharedLength([1, 2, 3], [1, 2, 4])).toBe(2);
    expect([[1, 2], [1], [0, 9], [1, 2]].sort(comparePrompts)).toEqual([[0, 9], [1], [1, 2], [1, 2]]);
  });
});

describe('spans', () => {
  it('are cut by the tokens that they hold', () => {
    const spans = [
      { at: 5, length: 3 },
      { at: 20, length: 2 },
    ];
    const tokens = (of: readonly { at: number; length: number }[]): number[] =>
      of.flatMap(({ at, length }) => Array.from({ length }, (_, n) => at + n));
    for (let from = 0; from <= 5; from++) {
      for (let to = from; to <= 6; to++)
        expect(tokens(sliceSpans(spans, from, to))).toEqual([5, 6, 7, 20, 21].slice(from, to));
    }
  });
});

describe('passes over strips', () => {
  const strip = (length: number, known = 0) => ({
    ids: new Array<number>(length).fill(0),
    positions: [],
    parents: [],
    known,
    sources: [],
  });

  it('hold every strip once, in order, within the limits', () => {
    const strips = [10, 12, 3, 40, 5, 5].map((length) => strip(length));
    expect(planPasses(strips, [0, 0, 0, 0, 0, 0], { tokens: 24, scoredTokens: 10 })).toEqual([
      [0, 1],
      [2],
      [3],
      [4, 5],
    ]);
    expect(planPasses(strips.slice(4), [6, 6], { tokens: 100, scoredTokens: 10 })).toEqual([[0], [1]]);
  });

  it('a strip with known tokens is read alone', () => {
    const strips = [strip(5), strip(5, 2), strip(5, 1), strip(5), strip(5)];
    expect(planPasses(strips, [0, 0, 0, 0, 0], { tokens: 100, scoredTokens: 10 })).toEqual([[0], [1], [2], [3, 4]]);
  });
});
