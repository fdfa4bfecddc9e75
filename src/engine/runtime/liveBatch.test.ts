import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import {
  openDevice,
  type DecodeResult,
  type Device,
  type LiveEvent,
  type LiveRow,
  type OpenLiveBatch,
  type Program,
  type SamplingOptions,
} from './device.js';
import { plainSampling } from './samplingOptions.js';
import { softmax, tinyEntries, tinyInferenceGraph, tinyLogits, tinyModel, tinyWeights } from './testing/tinyModel.js';

const model = { ...tinyModel, positions: 1400 };
const weights = tinyWeights(model, 5);

function row(
  key: number,
  ids: readonly number[],
  sampling: Partial<SamplingOptions> = {},
  more: Partial<LiveRow> = {},
): LiveRow {
  return {
    key,
    ids,
    scoreFrom: null,
    sampling: { ...plainSampling, maxNewTokens: 8, ...sampling },
    stream: streamKey(key, 'row'),
    alternatives: 0,
    ...more,
  };
}

const prompt = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, i) => (7 * i * i + 3 * seed + i) % model.vocabularySize);

describe('a live batch', () => {
  let device: Device;
  let program: Program;
  let batch: OpenLiveBatch;
  beforeAll(async () => {
    device = await openDevice();
    const store = await device.createStore(tinyEntries(model));
    for (const [name, data] of weights) await device.write(store, name, data);
    program = await device.compile(tinyInferenceGraph(model), { store });
    await device.registerVocabulary(
      program,
      Array.from({ length: model.vocabularySize }, (_, id) => Uint8Array.of(97 + (id % 26))),
    );
    batch = await device.openLiveBatch(program, model.cache);
  });
  afterAll(() => device.close());

  /** Steps until all rows have ended; rows join at the step that `arrivals` names. */
  const run = async (
    arrivals: ReadonlyMap<number, readonly LiveRow[]>,
    drops: ReadonlyMap<number, readonly number[]> = new Map(),
  ): Promise<Map<number, LiveEvent[]>> => {
    const events = new Map<number, LiveEvent[]>();
    const open = new Set([...arrivals.values()].flat().map(({ key }) => key));
    for (let step = 0; open.size > 0 && step < 200; step++) {
      const drop = drops.get(step) ?? [];
      for (const key of drop) open.delete(key);
      for (const event of await batch.step({ admit: arrivals.get(step) ?? [], drop })) {
        events.set(event.key, [...(events.get(event.key) ?? []), event]);
        if (event.finishReason !== null || event.error !== null) open.delete(event.key);
      }
    }
    expect(open.size).toBe(0);
    return events;
  };
  const idsOf = (events: readonly LiveEvent[] = []): number[] =>
    events.flatMap(({ token }) => (token === null ? [] : [token.id]));
  const decoded = async (rows: readonly LiveRow[]): Promise<readonly DecodeResult[]> =>
    device.decode(program, model.cache, rows);

  it('gives rows that come and go what decode gives them', async () => {
    const rows = [
      row(1, prompt(5, 1)),
      row(2, prompt(90, 2), { maxNewTokens: 20 }),
      row(3, prompt(3, 3), { temperature: 0, maxNewTokens: 3 }),
      row(4, prompt(40, 4), { stopIds: [5, 9, 11, 17, 20], maxNewTokens: 30 }),
      row(5, prompt(200, 5), { repetitionPenalty: 1.3, topP: 0.8 }),
      row(6, prompt(17, 6), { stopTexts: ['b'], maxNewTokens: 30 }),
    ];
    const arrivals = new Map([
      [0, rows.slice(0, 2)],
      [3, rows.slice(2, 3)],
      [4, rows.slice(3, 5)],
      [9, rows.slice(5)],
    ]);
    const events = await run(arrivals);
    const expected = await decoded(rows);
    rows.forEach(({ key }, i) => {
      const own = events.get(key) ?? [];
      expect(idsOf(own)).toEqual(expected[i]?.ids);
      expect(own.at(-1)?.finishReason).toBe(expected[i]?.finishReason);
      own.forEach(({ token }, t) => {
        expect(token?.logProb).toBeCloseTo(expected[i]?.logProbs[t] ?? NaN, 4);
      });
    });
  });

  it('reads a long prompt in pieces while other rows go on, with the same tokens and scores', async () => {
    const long = row(1, prompt(1300, 9), { temperature: 0 }, { scoreFrom: 1 });
    const short = row(2, prompt(4, 2), { maxNewTokens: 12 });
    const order: number[] = [];
    const events = await run(
      new Map([
        [0, [short]],
        [1, [long]],
      ]),
    );
    for (const [key, own] of events) order.push(...own.map(() => key));
    const [expected, other] = await decoded([long, short]);
    expect(idsOf(events.get(1))).toEqual(expected?.ids);
    expect(idsOf(events.get(2))).toEqual(other?.ids);
    const scored = events.get(1)?.[0]?.scored?.logProbs ?? [];
    expect(scored).toHaveLength(1299);
    scored.forEach((value, t) => {
      expect(value).toBeCloseTo(expected?.scored?.[t] ?? NaN, 3);
    });
  });

  it('gives the most probable tokens at new and at scored positions', async () => {
    const ids = prompt(6, 4);
    const generated = row(1, ids, { maxNewTokens: 2 }, { scoreFrom: 3, alternatives: 4 });
    const onlyScored = row(2, ids, { maxNewTokens: 0 }, { scoreFrom: 1, alternatives: 2 });
    const events = await run(new Map([[0, [generated, onlyScored]]]));
    const likeliest = (context: readonly number[], count: number): number[] => {
      const logits = tinyLogits(model, weights, context).at(-1) ?? [];
      return logits
        .map((_, id) => id)
        .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0))
        .slice(0, count);
    };
    const own = events.get(1) ?? [];
    expect(own[0]?.token?.alternatives?.ids).toEqual(likeliest(ids, 4));
    expect(own[0]?.scored?.alternatives.map((each) => each.ids)).toEqual(
      [3, 4, 5].map((t) => likeliest(ids.slice(0, t), 4)),
    );
    const probabilities = softmax(tinyLogits(model, weights, ids).at(-1) ?? []);
    const first = own[0]?.token?.alternatives;
    first?.ids.forEach((id, i) => {
      expect(first.logProbs[i]).toBeCloseTo(Math.log(probabilities[id] ?? NaN), 4);
    });
    expect(events.get(2)).toHaveLength(1);
    expect(events.get(2)?.[0]).toMatchObject({ token: null, finishReason: 'length' });
    expect(events.get(2)?.[0]?.scored?.alternatives).toHaveLength(5);
  });

  it('forgets rows that are dropped, waiting ones as well, and the others do not notice', async () => {
    const kept = row(3, prompt(9, 3), { maxNewTokens: 15 });
    const arrivals = new Map([
      [0, [row(1, prompt(5, 1), { maxNewTokens: 200 }), kept]],
      [2, [row(2, prompt(1300, 2))]],
    ]);
    const events = await run(
      arrivals,
      new Map([
        [3, [2]],
        [5, [1]],
      ]),
    );
    expect(events.has(2)).toBe(false);
    expect(events.get(1)?.length).toBeLessThan(7);
    expect(idsOf(events.get(3))).toEqual((await decoded([kept]))[0]?.ids);
  });

  it('a row that cannot be generated fails alone', async () => {
    const good = row(2, prompt(5, 2));
    const events = await run(new Map([[0, [row(1, [999]), good]]]));
    expect(events.get(1)?.[0]?.error).toMatchObject({ code: 'config' });
    expect(idsOf(events.get(2))).toEqual((await decoded([good]))[0]?.ids);
  });
});
