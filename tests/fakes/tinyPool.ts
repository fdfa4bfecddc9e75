/** A recipe whose models are tiny and whose judge counts a letter, in the model pool that every run has: stages run
 *  whole in seconds. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock } from '../../src/base/clock.js';
import { playJobsHere } from '../../src/dialogue/rollout/jobs.js';
import { promptsOf } from '../../src/dialogue/testing/prompts.js';
import { scriptedJudge } from '../../src/dialogue/testing/scripted.js';
import type { Judge } from '../../src/dialogue/types.js';
import { saveLanguageModel } from '../../src/engine/models/languageModel.js';
import type { Device } from '../../src/engine/runtime/device.js';
import { type ModelPool, type ModelPoolOptions, openModelPool } from '../../src/models/pool.js';
import { type Recipe, recipeSchema } from '../../src/recipe/recipe.js';
import type { RunDirectory } from '../../src/runs/runDirectory.js';
import { openLimits } from '../../src/stages/limits.js';
import type { StageContext } from '../../src/stages/stageContext.js';
import { tinyModel } from './tinyModel.js';

/** Share of bytes below 128 that are letters a to m: random models reach many values of it, ties are rare. */
export const letterJudge = (name = 'letters'): Judge => scriptedJudge(letterShare, { name, threshold: 0.1 });

/** Letters a to m. */
export function letterShare(text: string): number {
  return text.length === 0 ? 0 : [...text].filter((c) => c >= 'a' && c <= 'm').length / text.length;
}

export function tinyRecipe(stages: readonly unknown[], changes: Readonly<Record<string, unknown>> = {}): Recipe {
  const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
  return recipeSchema.parse({
    name: 'tiny',
    seed: 3,
    target: speaker,
    adversary: speaker,
    judge: 'letters',
    prompts: { train: 'train.json', dev: 'dev.json', test: 'test.json' },
    stages,
    ...changes,
  });
}

/** A tiny recipe names these on the disk: two models, prompts, and texts that go wrong (`toxic.jsonl`). */
export interface TinyFiles {
  readonly device: Device;
  readonly folder: string;
  readonly models: Readonly<Record<string, string>>;
}

export async function writeTinyFiles(device: Device): Promise<TinyFiles> {
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-tiny-'));
  const start = await tinyModel(device, { seed: 1 });
  const models = { tiny: join(folder, 'tiny'), another: join(folder, 'another') };
  for (const path of Object.values(models)) {
    await mkdir(path);
    await saveLanguageModel(start, path);
  }
  await start.close();
  const prompts = promptsOf(24);
  const sets = { train: prompts.slice(0, 12), dev: prompts.slice(12, 16), test: prompts.slice(16) };
  for (const [name, set] of Object.entries(sets))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(set.map(({ id, text }) => ({ id, text }))));
  const texts = promptsOf(6).map(({ text }, i) => ({ prompt: text, continuation: ` abc${'lmk'.repeat(i)}` }));
  writeFileSync(join(folder, 'toxic.jsonl'), texts.map((text) => `${JSON.stringify(text)}\n`).join(''));
  return { device, folder, models };
}

export interface TinyOptions {
  readonly judge?: Judge;
  readonly session?: Partial<Pick<ModelPoolOptions, 'runFolder' | 'spending' | 'beforeRequest' | 'offline'>>;
}

/** The device stays its owner's: this pool is not closed. */
export function tinyPool(
  { device, folder, models }: TinyFiles,
  recipe: Recipe,
  { judge = letterJudge(), session = {} }: TinyOptions = {},
): ModelPool {
  return openModelPool({
    recipe,
    folder,
    models,
    openDevice: () => Promise.resolve(device),
    cacheDir: null,
    offline: true,
    ...session,
    judges: { letters: judge, 'linear-toxicity': letterJudge('linear-toxicity') },
  });
}

export interface TinyContextOptions {
  readonly judge?: Judge;
  readonly interrupted?: () => boolean;
  /** False lets a judge ask a server on the loopback. */
  readonly offline?: boolean;
}

/** Builds the context of the stages of a tiny recipe, for one session of a run. */
export function tinyContext(
  files: TinyFiles,
  recipe: Recipe,
  run: RunDirectory,
  { judge = letterJudge(), interrupted = (): boolean => false, offline = true }: TinyContextOptions = {},
): StageContext {
  const limits = openLimits(run, recipe.limits, interrupted);
  return {
    recipe,
    run,
    pool: tinyPool(files, recipe, {
      judge,
      session: { runFolder: run.path, spending: run.spending, beforeRequest: limits.mayGoOn, offline },
    }),
    playJobs: playJobsHere,
    limits,
    progress: () => undefined,
    clock: manualClock(),
  };
}
