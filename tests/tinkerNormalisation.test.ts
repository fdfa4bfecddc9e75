/** The client finds out how a server divides a loss: over our own server, and over servers that do it otherwise. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Device, openDevice } from '../src/engine/runtime/device.js';
import { measureNormalisation } from '../src/learning/elsewhere/normalisation.js';
import { openTinkerConnection, type TinkerConnection } from '../src/remote/tinker/connection.js';
import { openTinkerModel, type TinkerLesson, type TinkerModel } from '../src/remote/tinker/model.js';
import { type RunningTinker, serveTinker } from '../src/server/tinker/serveTinker.js';
import { tinyModel } from './fakes/tinyModel.js';

describe('the normalisation of a trainer', () => {
  let device: Device;
  let server: RunningTinker;
  let connection: TinkerConnection;
  let model: TinkerModel;
  let start: string;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    server = await serveTinker(await tinyModel(device), { name: 'tiny' });
    connection = openTinkerConnection({
      baseUrl: server.url,
      apiKeyEnv: 'KEY',
      environment: { KEY: server.token ?? '' },
      timeoutMs: 10_000,
      retries: 0,
      requestsPerMinute: null,
      prices: null,
    });
    model = await openTinkerModel(connection, { baseModel: 'tiny', rank: 2, seed: 1, note: () => undefined });
    start = await model.save('start');
  });
  afterAll(async () => {
    await model.close();
    connection.close();
    await server.close();
    await device.close();
  });

  /** The same server, dividing in another way, or not clipping. */
  const divided = (
    share: (lesson: TinkerLesson, all: readonly TinkerLesson[]) => number,
    changes: Partial<TinkerModel> = {},
    clips = true,
  ): TinkerModel => ({
    ...model,
    train: (lessons, adam) =>
      model.train(
        lessons.map((lesson) => ({
          ...lesson,
          advantages: lesson.advantages.map((each) => each * share(lesson, lessons)),
        })),
        clips ? adam : { ...adam, grad_clip_norm: 0 },
      ),
    ...changes,
  });
  const measure = (of: TinkerModel): ReturnType<typeof measureNormalisation> =>
    measureNormalisation(of, start, 264, 'here');

  it('of our own server is a sum, and it clips; the model is afterwards as it was', async () => {
    const before = await model.forward([{ inputs: [1, 2, 3], targets: [2, 3, 4] }]);
    expect(await measure(model)).toEqual({ normalisation: 'sum', clips: true });
    expect(await model.forward([{ inputs: [1, 2, 3], targets: [2, 3, 4] }])).toEqual(before);
  });

  it('is recognised where a sequence counts as its mean, and so is a server that ignores the clipping', async () => {
    const byMeans = divided(({ inputs }, all) => 1 / (inputs.length * all.length), {}, false);
    expect(await measure(byMeans)).toEqual({ normalisation: 'sequenceMean', clips: false });
  });

  it.each([
    [
      'a mean over all tokens',
      (_: TinkerLesson, all: readonly TinkerLesson[]) => 1 / all.flatMap((e) => e.inputs).length,
    ],
    ['a mean over sequences', (_: TinkerLesson, all: readonly TinkerLesson[]) => 1 / all.length],
    ['a mean over tokens of a sequence', ({ inputs }: TinkerLesson) => 1 / inputs.length],
    ['a doubled gradient', () => 2],
  ])('%s is refused', async (_name, share) => {
    await expect(measure(divided(share))).rejects.toThrow(/another gradient than is known here[^]*a factor of/);
  });

  it('a server that trains uphill, or does not load what it saved, is refused', async () => {
    await expect(measure(divided(() => -1))).rejects.toThrow(/none of ten steps/);
    await model.load(start);
    await expect(measure(divided(() => 1, { load: async () => undefined }))).rejects.toThrow(/when they are loaded/);
  });
});
