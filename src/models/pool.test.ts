/** Ownership of models: what the pool of a run and the pool around a mended target open and close. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { letterJudge, tinyRecipe, type TinyFiles, writeTinyFiles } from '../../tests/fakes/tinyPool.js';
import { copyLanguageModel, hashLanguageModel, shareWeights } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { openDevice } from '../engine/runtime/device.js';
import type { Recipe } from '../recipe/recipe.js';
import { type ModelPool, openModelPool } from './pool.js';

const items = [{ prefix: [97, 98, 99], completion: [100, 101, 102] }];
const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6 };

describe('the model pool', () => {
  let files: TinyFiles;
  let opened: number;
  beforeEach(async () => {
    files = await writeTinyFiles(await openDevice({ threads: 1 }));
    opened = 0;
  });
  // A pool that was used has closed the device already; closing it again does nothing.
  afterEach(() => files.device.close());

  function poolOf(recipe: Recipe): ModelPool {
    return openModelPool({
      recipe,
      folder: files.folder,
      models: files.models,
      openDevice: () => {
        opened++;
        return Promise.resolve(files.device);
      },
      cacheDir: null,
      offline: true,
    });
  }

  const recipe = tinyRecipe([{ evaluate: {} }], { judge: 'insult-words' });
  const around = (pool: ModelPool): ModelPool =>
    pool.withTarget({ name: 'mended', folder: files.models['another'] ?? '' });

  it('opens nothing before it is asked, and then the device and the target once', async () => {
    const pool = poolOf(recipe);
    await pool.prompts();
    expect(opened).toBe(0);
    const [first, second] = await Promise.all([pool.localTarget(), pool.localTarget()]);
    expect(first).toBe(second);
    expect(await pool.target()).toBe(first);
    expect(opened).toBe(1);
    await pool.close();
    await expect(scoreCompletions(first.model, items)).rejects.toThrow();
  });

  it('around a mended target the device, the judge and the prompts are shared, and the target is the mended one', async () => {
    const pool = poolOf(recipe);
    const inner = around(pool);
    expect(await inner.judge(recipe.judge)).toBe(await pool.judge(recipe.judge));
    expect(await inner.prompts()).toBe(await pool.prompts());
    expect(await inner.device()).toBe(await pool.device());
    const [before, after] = [await pool.localTarget(), await inner.localTarget()];
    expect([before.name, after.name]).toEqual(['tiny', 'mended']);
    expect(shareWeights(before.model, after.model)).toBe(false);
    expect(opened).toBe(1);
    await pool.close();
  });

  it('the pool around a mended target closes what it opened and nothing else', async () => {
    const pool = poolOf(recipe);
    const original = (await pool.localTarget()).model;
    const inner = around(pool);
    const { model } = await inner.localTarget();
    const nested = inner.withTarget({ name: 'again', folder: files.models['another'] ?? '' });
    const innermost = (await nested.localTarget()).model;
    await nested.close();
    await expect(scoreCompletions(innermost, items)).rejects.toThrow();
    expect(await scoreCompletions(model, items)).toHaveLength(1);
    await inner.close();
    await expect(scoreCompletions(model, items)).rejects.toThrow();
    expect(await scoreCompletions(original, items)).toHaveLength(1);
    await around(pool).close();
    expect(await scoreCompletions(original, items)).toHaveLength(1);
    await pool.close();
  });

  it('the reference is the target itself, and around a mended target the one that is open, borrowed', async () => {
    const pool = poolOf(recipe);
    const target = await pool.localTarget();
    const adversary = await pool.openAdversary({ name: 'attack', trainable: true });
    expect(adversary.isOwned).toBe(true);
    expect(await pool.openReference(adversary.value.model)).toBeNull();
    const inner = around(pool);
    const reference = await inner.openReference(adversary.value.model);
    expect(reference).toMatchObject({ value: target.model, isOwned: false });
    await reference?.close();
    expect(await scoreCompletions(target.model, items)).toHaveLength(1);
    await adversary.close();
    await pool.close();
  });

  it('what is not open already is opened for the caller, who owns it', async () => {
    const pool = poolOf({ ...recipe, reference: 'another' });
    const adversary = await pool.openAdversary({ name: 'attack', trainable: true });
    const reference = await pool.openReference(adversary.value.model);
    expect(reference?.isOwned).toBe(true);
    await reference?.close();
    await expect(scoreCompletions(reference?.value as never, items)).rejects.toThrow();
    const writer = await pool.openTeacher({ ...recipe.target, model: 'another' });
    expect(writer.isOwned).toBe(true);
    await pool.target();
    expect((await pool.openTeacher(recipe.target)).isOwned).toBe(false);
    await pool.close();
  });

  it('an adversary starts with the weights of its model, copied from the target or read from the folder', async () => {
    const pool = poolOf(recipe);
    const read = await pool.openAdversary({ name: 'read', trainable: true });
    const target = await pool.localTarget();
    const copied = await pool.openAdversary({ name: 'copied', trainable: true });
    const hashes = [read.value.model, copied.value.model, target.model].map(hashLanguageModel);
    expect(new Set(await Promise.all(hashes)).size).toBe(1);
    expect(shareWeights(copied.value.model, target.model)).toBe(false);
    await pool.close();
  });

  it('an adapter lies on the target’s own weights, which closing it leaves; elsewhere it closes the base it opened', async () => {
    const adapted = tinyRecipe([{ evaluate: {} }], {
      judge: 'insult-words',
      adversary: { ...speaker, lora: { rank: 2, alpha: 4 } },
    });
    const pool = poolOf(adapted);
    const onTarget = await pool.openAdversary({ name: 'adapter', trainable: true });
    const target = (await pool.localTarget()).model;
    expect(onTarget.value.model.base).toBe(target);
    await onTarget.close();
    expect(await scoreCompletions(target, items)).toHaveLength(1);

    const elsewhere = poolOf({ ...adapted, adversary: { ...adapted.adversary, model: 'another' } });
    const alone = await elsewhere.openAdversary({ name: 'adapter', trainable: true });
    const base = alone.value.model.base as never;
    const copy = await copyLanguageModel(base, {});
    await alone.close();
    await expect(copyLanguageModel(base, {})).rejects.toThrow();
    await copy.close();
    await pool.close();
  });

  it('judges and targets of the calling program take the place of what the recipe names', async () => {
    const judge = letterJudge();
    const pool = openModelPool({
      recipe: tinyRecipe([{ evaluate: {} }]),
      folder: files.folder,
      openDevice: () => Promise.reject(new Error('no device is needed')),
      cacheDir: null,
      offline: true,
      judges: { letters: judge },
    });
    const given = await pool.judge({ model: 'letters', maxUnscored: 0 });
    const items = [{ text: 'abc' }, { text: 'xyz' }];
    expect(await given.judge(items)).toEqual(await judge.judge(items));
    expect((await pool.prompts()).test).toHaveLength(8);
    await pool.close();
  });
});
