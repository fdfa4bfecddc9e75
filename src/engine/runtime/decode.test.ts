import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InterruptedError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import {
  openDevice,
  type DecodeOptions,
  type DecodeProgress,
  type DecodeResult,
  type DecodeRow,
  type Device,
  type Program,
  type SamplingOptions,
} from './device.js';
import { plainSampling } from './samplingOptions.js';
import { softmax, tinyEntries, tinyInferenceGraph, tinyLogits, tinyModel, tinyWeights } from './testing/tinyModel.js';

const model = tinyModel;
const weights = tinyWeights(model, 5);

/** log p of each id after the first, by the reference in double precision. */
function referenceLogProbs(ids: readonly number[]): number[] {
  return tinyLogits(model, weights, ids)
    .slice(0, -1)
    .map((logits, t) => Math.log(softmax(logits)[ids[t + 1] ?? 0] ?? NaN));
}

function row(
  ids: readonly number[],
  seed: number,
  sampling: Partial<SamplingOptions> = {},
  scoreFrom: number | null = null,
): DecodeRow {
  return {
    ids,
    scoreFrom,
    sampling: { ...plainSampling, maxNewTokens: 8, ...sampling },
    stream: streamKey(seed, 'row'),
  };
}

/** Equal tokens; log-probabilities up to the rounding of matrix products of another height. */
function expectSame(a: DecodeResult | undefined, b: DecodeResult | undefined): void {
  expect(a?.ids).toEqual(b?.ids);
  expect(a?.finishReason).toBe(b?.finishReason);
  for (const key of ['logProbs', 'samplingLogProbs', 'scored'] as const) {
    expect(a?.[key] === null).toBe(b?.[key] === null);
    (a?.[key] ?? []).forEach((value, index) => {
      expect(value).toBeCloseTo(b?.[key]?.[index] ?? NaN, 4);
    });
  }
}

describe('decode', () => {
  let device: Device;
  let program: Program;
  beforeAll(async () => {
    device = await openDevice();
    const store = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights) await device.write(store, name, data);
    program = await device.compile(tinyInferenceGraph(model), { store });
    const bytes = Array.from({ length: model.vocabularySize }, (_, id) => Uint8Array.of(97 + (id % 26)));
    await device.registerVocabulary(program, bytes);
  });
  afterAll(() => device.close());

  const decode = (rows: readonly DecodeRow[], options?: DecodeOptions): Promise<readonly DecodeResult[]> =>
    device.decode(program, model.cache, rows, options);
  const one = async (request: DecodeRow): Promise<DecodeResult> => {
    const [result] = await decode([request]);
    if (result === undefined) throw new Error('no result');
    return result;
  };

  it('cached decoding equals the full forward in plain loops, token by token', async () => {
    const prompt = [3, 14, 15, 9, 26];
    const { ids, logProbs } = await one(row(prompt, 0, { temperature: 0, maxNewTokens: 10 }));
    expect(ids).toHaveLength(10);
    ids.forEach((id, index) => {
      const logits = tinyLogits(model, weights, [...prompt, ...ids.slice(0, index)]).at(-1) ?? [];
      expect(id).toBe(logits.indexOf(Math.max(...logits)));
      expect(logProbs[index]).toBeCloseTo(Math.log(softmax(logits)[id] ?? NaN), 4);
    });
  });

  it('scores the prompt in the pass that reads it, with or without generating', async () => {
    const ids = [1, 2, 3, 4, 5, 6, 7];
    const expected = referenceLogProbs(ids);
    const results = await decode([
      row(ids, 0, {}, 1),
      row(ids, 0, { maxNewTokens: 0 }, 4),
      row(ids, 0, {}, 7),
      row(ids.slice(0, 3), 1, {}, 2),
    ]);
    const scored = results.map((result) => result.scored);
    expected.forEach((value, index) => {
      expect(scored[0]?.[index]).toBeCloseTo(value, 4);
    });
    expect(scored[1]).toEqual(scored[0]?.slice(3));
    expect(scored[2]).toEqual([]);
    expect(scored[3]?.[0]).toBeCloseTo(expected[1] ?? NaN, 4);
    expect(results[1]).toMatchObject({ ids: [], finishReason: 'length' });
    expect(results[0]?.ids).toHaveLength(8);
  });

  it('refuses weights that give no finite score, naming row and token', async () => {
    const broken = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights)
      await device.write(
        broken,
        name,
        data.map(() => NaN),
      );
    const diverged = await device.compile(tinyInferenceGraph(model), { store: broken });
    const rows = [row([1, 2, 3], 0, { maxNewTokens: 0 }, 1)];
    await expect(device.decode(diverged, model.cache, rows)).rejects.toThrow(
      /row 0, token 1: The model gave a log-probability that is not a finite number/,
    );
  });

  it('what it generates is what it scores', async () => {
    const { ids, logProbs } = await one(row([7, 8], 4, { temperature: 1.3, topK: 20 }));
    const { scored } = await one(row([7, 8, ...ids], 0, { maxNewTokens: 0 }, 2));
    ids.forEach((_, index) => {
      expect(scored?.[index]).toBeCloseTo(logProbs[index] ?? NaN, 4);
    });
  });

  it('ragged rows give together, in any order, what each gives alone', async () => {
    const anyRow = fc
      .record({
        ids: fc.array(fc.nat(model.vocabularySize - 1), { minLength: 1, maxLength: 12 }),
        seed: fc.nat(50),
        sampling: fc.record({
          temperature: fc.constantFrom(0, 0.7, 1),
          topP: fc.constantFrom(1, 0.8),
          repetitionPenalty: fc.constantFrom(1, 1.2),
          noRepeatNgram: fc.constantFrom(0, 2),
          maxNewTokens: fc.integer({ min: 0, max: 9 }),
          minNewTokens: fc.nat(4),
          stopIds: fc.constantFrom([], [5, 6, 7, 8, 9, 10]),
        }),
        scored: fc.boolean(),
      })
      .map(({ ids, seed, sampling, scored }) => row(ids, seed, sampling, scored ? 1 : null));
    await fc.assert(
      fc.asyncProperty(fc.array(anyRow, { minLength: 1, maxLength: 9 }), async (rows) => {
        const together = await decode(rows);
        for (const [index, request] of rows.entries()) expectSame(together[index], await one(request));
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it('no pair of tokens comes twice in prompt and new tokens with noRepeatNgram 2, and often without', async () => {
    const pairsOf = (ids: readonly number[]): readonly string[] =>
      ids.slice(1).map((id, i) => `${String(ids[i])} ${String(id)}`);
    const repeats = async (noRepeatNgram: number): Promise<number> => {
      const prompts = [[3, 14], [40], [5, 6, 5]];
      const rows = prompts.map((ids, seed) => row(ids, seed, { temperature: 0, maxNewTokens: 30, noRepeatNgram }));
      const results = await decode(rows);
      const pairs = results.map(({ ids }, n) => pairsOf([...(prompts[n] ?? []), ...ids]));
      return pairs.filter((each) => new Set(each).size < each.length).length;
    };
    expect(await repeats(0)).toBe(3);
    expect(await repeats(2)).toBe(0);
  });

  it('equal prompts share a pass and still draw from their own streams', async () => {
    const rows = Array.from({ length: 6 }, (_, seed) => row([4, 4, 4], seed));
    const together = await decode([...rows, row([9], 1), row([4, 4, 4], 2)]);
    expect(new Set(together.slice(0, 6).map(({ ids }) => ids.join())).size).toBeGreaterThan(3);
    expect(together[7]).toEqual(together[2]);
    for (const [index, request] of rows.entries()) expectSame(together[index], await one(request));
  });

  it('prompts that begin alike share those tokens and give what each gives alone', async () => {
    const prefix = Array.from({ length: 20 }, (_, t) => (t * 7) % 53);
    const ends = [[1], [1, 2, 3], [1, 2, 9, 9], [5, 6], [5], []];
    const rows = ends.map((end, seed) => row([...prefix, ...end], seed, {}, prefix.length));
    const together = await decode([...rows, row([8, 8], 9, {}, 1)]);
    for (const [index, request] of rows.entries()) expectSame(together[index], await one(request));
  });

  it('rows that continue what the last call kept give what each gives when it is read from the beginning', async () => {
    const roots = [row([3, 14, 15, 9], 1, {}, 2), row([3, 14, 8], 2), row([40], 3, { maxNewTokens: 1 })];
    const first = await decode(roots, { keep: true });
    const grown = first.map(({ ids }, n) => [...(roots[n]?.ids ?? []), ...ids]);
    const next = (ids: readonly number[] | undefined, seed: number, scoreFrom: number | null): DecodeRow => ({
      ...row(ids ?? [], seed, {}, scoreFrom),
      continues: true,
    });
    const rows = [
      next([...(grown[0] ?? []), 7, 7, 7], 4, 12),
      next([...(grown[0] ?? []), 7, 8], 5, 13),
      next(grown[0]?.slice(0, 8), 6, 1),
      next(grown[1], 7, null),
      next(grown[1], 8, grown[1]?.length ?? 0),
      next([...(grown[2] ?? []), 1], 9, 1),
      next([9, 9, 9], 10, 1),
    ];
    const second = await decode(rows, { keep: true });
    const third = await decode(
      rows.map(({ ids, ...rest }, n) => ({
        ...rest,
        ids: [...ids, ...(second[n]?.ids ?? []), 4],
        scoreFrom: ids.length,
      })),
    );
    for (const [index, { ids, ...rest }] of rows.entries()) {
      expectSame(second[index], await one({ ...rest, ids, continues: false }));
      expectSame(
        third[index],
        await one({
          ...rest,
          ids: [...ids, ...(second[index]?.ids ?? []), 4],
          scoreFrom: ids.length,
          continues: false,
        }),
      );
    }
  });

  it('a row that does not ask to continue gives the same bits whatever was kept', async () => {
    const rows = [row([1, 2, 3, 4, 5, 6], 1, {}, 1), row([1, 2, 3], 2)];
    const fresh = await decode(rows);
    await decode([row([1, 2, 3, 4, 5], 3)], { keep: true });
    expect(await decode(rows)).toEqual(fresh);
  });

  it('what was read with other weights is not continued', async () => {
    const store = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights) await device.write(store, name, data);
    const live = await device.compile(tinyInferenceGraph(model), { store });
    const prompt = [5, 6, 7, 8, 9];
    await device.decode(live, model.cache, [row(prompt, 1)], { keep: true });
    for (const [name, data] of weights)
      await device.write(
        store,
        name,
        data.map((value) => value * 1.5),
      );
    const rows = [{ ...row([...prompt, 1, 2], 2, {}, 1), continues: true }];
    const [continued] = await device.decode(live, model.cache, rows);
    const [fresh] = await device.decode(
      live,
      model.cache,
      rows.map((each) => ({ ...each, continues: false })),
    );
    expect(continued).toEqual(fresh);
  });

  it('the same rows give the same bits again', async () => {
    const rows = Array.from({ length: 5 }, (_, seed) => row([seed, 3], seed));
    expect(await decode(rows)).toEqual(await decode(rows));
  });

  it('ends at a stop id, which belongs to the result, but not before the minimum', async () => {
    const free = await one(row([2, 3], 9, { maxNewTokens: 12 }));
    const stopId = free.ids[3] ?? -1;
    const first = free.ids.indexOf(stopId);
    const stopped = await one(row([2, 3], 9, { maxNewTokens: 12, stopIds: [stopId] }));
    expect(stopped).toMatchObject({ ids: free.ids.slice(0, first + 1), finishReason: 'stop' });
    const later = await one(row([2, 3], 9, { maxNewTokens: 12, stopIds: [stopId], minNewTokens: 6 }));
    expect(later.ids.slice(0, 6)).not.toContain(stopId);
    expect(free.finishReason).toBe('length');
  });

  it('ends at a sequence of ids, and at a text that spans tokens', async () => {
    const free = await one(row([2, 3], 9, { maxNewTokens: 12 }));
    const pair = free.ids.slice(4, 6);
    const at = free.ids.findIndex((_, index) => free.ids[index] === pair[0] && free.ids[index + 1] === pair[1]);
    expect((await one(row([2, 3], 9, { maxNewTokens: 12, stopSequences: [pair] }))).ids).toEqual(
      free.ids.slice(0, at + 2),
    );
    const text = free.ids.map((id) => String.fromCharCode(97 + (id % 26))).join('');
    const stopText = text.slice(3, 6);
    const result = await one(row([2, 3], 9, { maxNewTokens: 12, stopTexts: ['0', stopText] }));
    expect(result).toMatchObject({ ids: free.ids.slice(0, text.indexOf(stopText) + 3), finishReason: 'stop' });
  });

  it('frozen weights give the same tokens', async () => {
    const store = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights) await device.write(store, name, data);
    const frozen = await device.compile(tinyInferenceGraph(model), { store, frozen: true });
    await device.release(store);
    const rows = [row([1, 2, 3], 1, {}, 1), row([50], 2)];
    const live = await decode(rows);
    (await device.decode(frozen, model.cache, rows)).forEach((result, index) => {
      expectSame(result, live[index]);
    });
  });

  it('reports progress up to the last token', async () => {
    const seen: DecodeProgress[] = [];
    await decode([row([1], 1, { maxNewTokens: 3 }), row([2, 3], 2, { maxNewTokens: 5 })], {
      onProgress: (progress) => seen.push(progress),
    });
    expect(seen.at(-1)).toEqual({ rows: 2, rowsDone: 2, tokens: 8 });
    expect(seen.map(({ tokens }) => tokens)).toEqual([...seen.map(({ tokens }) => tokens)].sort((a, b) => a - b));
  });

  it('aborted, it ends after the pass that runs; later calls that compute are refused, weights are still read', async () => {
    const abort = new AbortController();
    const stoppable = await openDevice({ signal: abort.signal });
    const store = await stoppable.createStore(tinyEntries(model));
    for (const [name, data] of weights) await stoppable.write(store, name, data);
    const own = await stoppable.compile(tinyInferenceGraph(model), { store });
    const seen: DecodeProgress[] = [];
    const many = stoppable.decode(own, model.cache, [row([1, 2], 1, { maxNewTokens: 4000 })], {
      onProgress: (progress) => {
        seen.push(progress);
        if (seen.length === 3) abort.abort();
      },
    });
    await expect(many).rejects.toThrow(InterruptedError);
    expect(seen.at(-1)?.tokens).toBeLessThan(4000);
    await expect(stoppable.decode(own, model.cache, [row([1], 1)])).rejects.toThrow(InterruptedError);
    await expect(stoppable.compile(tinyInferenceGraph(model), { store })).rejects.toThrow(InterruptedError);
    const [name, data] = present([...weights][0], 'the model has weights');
    expect(await stoppable.read(store, name)).toEqual(data);
    await stoppable.close();
  });

  it('no rows give no results', async () => {
    expect(await decode([])).toEqual([]);
  });

  it('refuses what cannot be generated, naming the row', async () => {
    await expect(decode([row([1], 0), row([], 0)])).rejects.toThrow(/^row 1: a row has no token/);
    await expect(decode([row([99], 0)])).rejects.toThrow(/^row 0: an id is not in the vocabulary/);
    await expect(decode([row([1, 2], 0, {}, 0)])).rejects.toThrow(/scoreFrom is out of range/);
    await expect(decode([row([1, 2], 0, { topP: 1.5 })])).rejects.toThrow(/topP is out of range/);
  });

  it('weights that are not numbers give an error that names the row, and the device goes on', async () => {
    const store = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights) await device.write(store, name, name === 'o.1' ? data.map(() => NaN) : data);
    const broken = await device.compile(tinyInferenceGraph(model), { store });
    await expect(device.decode(broken, model.cache, [row([1], 0)])).rejects.toThrow(
      /^row 0, new token 0: The model gave a logit/,
    );
    expect((await one(row([1], 0))).ids).toHaveLength(8);
  });
});
