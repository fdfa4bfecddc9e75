import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { tinyPlanner, tinyPlannerSettings } from '../../../tests/fakes/tinyPlanner.js';
import { streamKey } from '../../base/random.js';
import { hashLanguageModel, type LanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { placeTokens, placingOf } from './placeTokens.js';
import { openPlanner, type Planner } from './planner.js';
import { type PlannerSettings, stateWidth } from './plannerSettings.js';
import { type CloningExample, createSelfCloningTrainer } from './selfCloning.js';
import { openStateReader, type Situation } from './states.js';
import { deployed, exploring, joinRows, steerBy } from './steer.js';
import { tokenDirections } from './tokenTable.js';

let device: Device;
let model: LanguageModel;
const root = mkdtempSync(join(tmpdir(), 'gadfly-planner-'));
beforeAll(async () => {
  device = await openDevice({ threads: 1 });
  model = await tinyModel(device);
});
afterAll(async () => {
  await device.close();
  rmSync(root, { recursive: true });
});

const newPlanner = (change: Partial<PlannerSettings> = {}) => tinyPlanner(model, change);

const situation = (text: string, exchanges = 0): Situation => ({
  ids: model.tokenizer.encode(text),
  lastUtterance: null,
  exchanges,
});
const asked = (text: string, exchanges = 0) => ({
  context: { ids: situation(text).ids, lastUtterance: null },
  request: { dialogue: { turns: Array.from({ length: 2 * exchanges }, () => turn) }, stream: streamKey(0, text) },
});
const turn = { author: 'target', text: '', tokens: null, finishReason: 'stop' } as const;

describe('the tokens of a planner', () => {
  const placed = (position: PlannerSettings['position'], ids: readonly number[], lastUtterance: number | null) =>
    placeTokens({ ids, lastUtterance, exchanges: 0 }, 1, { position, tokens: 2, bosId: 7, vocabularySize: 100 });

  it('stand behind the start token, before the last utterance, or at the end, and are those of their row', () => {
    expect(placed('prefix', [7, 8, 9], null)).toEqual([7, 102, 103, 8, 9]);
    expect(placed('prefix', [8, 9], null)).toEqual([102, 103, 8, 9]);
    expect(placed('infix', [7, 8, 9], 2)).toEqual([7, 8, 102, 103, 9]);
    expect(placed('infix', [7, 8, 9], null)).toEqual([7, 8, 9, 102, 103]);
    expect(placed('suffix', [7, 8, 9], 2)).toEqual([7, 8, 9, 102, 103]);
  });

  it.each(['prefix', 'infix', 'suffix'] as const)(
    'change what the model says wherever they stand: %s',
    async (position) => {
      const planner = await newPlanner({ position });
      const placing = placingOf(planner.settings, model);
      const prefix = placeTokens({ ...situation('good day'), lastUtterance: 3 }, 0, placing);
      const completion = model.tokenizer.encode('sir');
      const score = async (action: number): Promise<number> => {
        const soft = await planner.raise(new Float32Array(3).fill(action));
        const [logProbs] = await scoreCompletions(model, [{ prefix, completion }], { soft });
        return [...(logProbs ?? [])].reduce((sum, each) => sum + each, 0);
      };
      expect(Math.abs((await score(5)) - (await score(-5)))).toBeGreaterThan(1e-3);
      await planner.release();
    },
  );
});

describe('a planner', () => {
  it('decides on a context alike whatever else is in the batch', async () => {
    const planner = await newPlanner();
    const reader = await openStateReader(model, planner.settings);
    const steering = steerBy(
      model,
      planner,
      reader,
      exploring(planner, { kind: 'residual', deviation: 1, clip: 2, unit: 2 }),
    );
    const both = [asked('one'), asked('another one', 1)];
    const all = await steering.steer(
      both.map(({ context }) => context),
      both.map(({ request }) => request),
    );
    const [, second] = both;
    if (second === undefined) throw new Error('two were asked');
    const alone = await steering.steer([second.context], [second.request]);
    expect(alone.decisions[0]?.action).toEqual(all.decisions[1]?.action);
    expect([...(alone.decisions[0]?.state ?? [])]).toEqual(
      [...(all.decisions[1]?.state ?? [])].map((value): number => expect.closeTo(value, 5) as number),
    );
    await reader.close();
    await planner.release();
  });

  it('is told how many exchanges are left, so that the end of a dialogue is in sight', async () => {
    const settings = await tinyPlannerSettings(model);
    const reader = await openStateReader(model, settings);
    const states = await reader.read([0, 1, 2, 4].map((exchanges) => situation('hello', exchanges)));
    expect(states.map((state) => state.at(-1))).toEqual([1, expect.closeTo(2 / 3, 6), expect.closeTo(1 / 3, 6), 0]);
    await reader.close();
  });

  it('stores noise in units of the box, and whole actions of what it explores absolutely', async () => {
    const planner = await newPlanner();
    const states = joinRows([new Float32Array(stateWidth(planner.settings)).fill(0.1)]);
    const streams = [streamKey(0, 'a request')];
    const residual = await exploring(planner, { kind: 'residual', deviation: 4, clip: 2, unit: 2 })(states, streams);
    const absolute = await exploring(planner, { kind: 'absolute', deviation: 4, clip: 2, unit: 5 })(states, streams);
    const cloned = await planner.cloned(states);
    expect(absolute.actions).toEqual(residual.actions);
    expect(Math.max(...residual.stored.map(Math.abs))).toBeLessThanOrEqual(1);
    residual.actions.forEach((value, i) => {
      expect(value).toBeCloseTo((cloned[i] ?? NaN) + 2 * (residual.stored[i] ?? NaN), 5);
      expect(5 * (absolute.stored[i] ?? NaN)).toBeCloseTo(value, 5);
    });
    const sphere = await exploring(planner, { kind: 'sphere', deviation: 1, clip: 1, unit: 3 })(states, streams);
    expect(Math.hypot(...sphere.actions)).toBeCloseTo(3, 5);
    expect(Math.hypot(...sphere.stored)).toBeCloseTo(1, 5);
    await planner.release();
  });

  it('comes back from its folder as it was, and refuses another model', async () => {
    const folder = mkdtempSync(join(root, 'saved-'));
    const planner = await newPlanner({ mapping: 'pca' });
    await planner.save(folder);
    const { planner: back, actor } = await openPlanner(model, folder);
    expect(actor).toBeNull();
    const state = new Float32Array(stateWidth(planner.settings)).fill(0.2);
    const rows = async (each: Planner) => (await each.raise((await deployed(each, null)(state, [])).actions)).data;
    expect(await rows(back)).toEqual(await rows(planner));
    // Both tokens of a map of directions are the same vector.
    const data = [...((await rows(planner)) as Float32Array)];
    expect(data.slice(0, planner.settings.width)).toEqual(data.slice(planner.settings.width));
    await back.release();
    await planner.release();
    const other = await tinyModel(device, { seed: 1 });
    await expect(openPlanner(other, folder)).rejects.toThrow('this planner steers another model');
    await other.close();
  });
});

describe('self-cloning', () => {
  it('brings the steered model back to what the unsteered one says, and leaves its weights as they were', async () => {
    const before = await hashLanguageModel(model);
    const planner = await newPlanner();
    const reader = await openStateReader(model, planner.settings);
    const texts = ['good day', 'hello there', 'how are you', 'a loaf of bread'];
    const situations = texts.map((text) => situation(text));
    const states = await reader.read(situations);
    const examples: readonly CloningExample[] = situations.map((each, i) => ({
      situation: each,
      state: states[i] ?? new Float32Array(),
      completion: model.tokenizer.encode([' sir', ' madam', ' today', ' please'][i] ?? ''),
    }));
    const trainer = await createSelfCloningTrainer(planner, model, { ...defaultAdamw, learningRate: 3e-2 });
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) losses.push((await trainer.train(examples))['loss'] ?? NaN);
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] ?? 0));
    expect(await hashLanguageModel(model)).toBe(before);
    await trainer.release();
    await reader.close();
    await planner.release();
  });
});

describe('principal directions of the token table', () => {
  it('are orthonormal, and hold as much of the table as its largest eigenvalues say', async () => {
    const { width, vocabularySize } = model.architecture.config;
    const table = await device.read(model.weights, 'model.embed_tokens.weight');
    const directions = await tokenDirections(model, 3);
    const row = (i: number) => [...directions.subarray(i * width, (i + 1) * width)];
    const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * (b[i] ?? NaN), 0);
    const held = (direction: readonly number[]): number => {
      let sum = 0;
      for (let v = 0; v < vocabularySize; v++)
        sum += dot(direction, [...table.subarray(v * width, (v + 1) * width)]) ** 2;
      return sum;
    };
    for (const i of [0, 1, 2]) for (const j of [0, 1, 2]) expect(dot(row(i), row(j))).toBeCloseTo(i === j ? 1 : 0, 5);
    // An eigenvector comes back from the matrix as a multiple of itself.
    const image = Array.from({ length: width }, (_, c) => {
      let sum = 0;
      for (let v = 0; v < vocabularySize; v++)
        sum += (table[v * width + c] ?? NaN) * dot(row(0), [...table.subarray(v * width, (v + 1) * width)]);
      return sum;
    });
    const largest = held(row(0));
    image.forEach((value, c) => {
      expect(value / largest).toBeCloseTo(row(0)[c] ?? NaN, 3);
    });
    expect(held(row(1))).toBeLessThan(largest);
    expect(held(row(2))).toBeLessThan(held(row(1)));
  });

  it('are refused where the table has fewer', async () => {
    await expect(tokenDirections(model, 17)).rejects.toThrow('does not have that many directions');
  });
});
