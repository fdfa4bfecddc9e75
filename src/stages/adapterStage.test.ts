import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyRecipe, tinyWorkshop } from '../../tests/fakes/tinyWorkshop.js';
import { manualClock } from '../base/clock.js';
import { InterruptedError } from '../base/errors.js';
import { openAdapter } from '../engine/models/adapters/adapter.js';
import { openLanguageModel, wearAdapter } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { type Device, openDevice } from '../engine/runtime/device.js';
import type { JsonObject } from '../runs/json.js';
import type { Recipe } from '../runs/recipe.js';
import { RunDirectory } from '../runs/runDirectory.js';
import { runStages } from './runStages.js';
import type { StageContext } from './stageContext.js';

const ipo = {
  attack: 'ipo',
  horizon: 1,
  epochs: 2,
  promptsPerEpoch: 4,
  batchPairs: 4,
  warmupSteps: 1,
  learningRate: 1e-2,
  devEvery: 1,
  devPrompts: 2,
};
const speaker = { model: 'tiny', format: 'plain', maxNewTokens: 6, temperature: 1, topP: 1, repetitionPenalty: 1 };
const recipeWith = (adversary: JsonObject): Recipe =>
  tinyRecipe([{ exploit: ipo }, { evaluate: { turns: 1 } }], { adversary: { ...speaker, ...adversary } });

describe('an adversary with an adapter', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  function openRun(recipe: Recipe, folder: string, how: 'create' | 'resume' = 'create'): RunDirectory {
    const configuration = recipe as unknown as JsonObject;
    return RunDirectory[how](
      folder,
      { name: recipe.name, seed: 3, configuration, source: { file: null, folder }, inputs: [] },
      manualClock(),
    );
  }

  const contextOf = (recipe: Recipe, run: RunDirectory, interrupted = (): boolean => false): StageContext => ({
    recipe,
    run,
    workshop: tinyWorkshop(device, recipe),
    interrupted,
    progress: () => undefined,
    clock: manualClock(),
  });

  async function runIn(folder: string, recipe: Recipe): Promise<StageContext> {
    const run = openRun(recipe, folder);
    const context = contextOf(recipe, run);
    await runStages(context);
    run.close('done');
    return context;
  }

  const freshFolder = (): string => join(mkdtempSync(join(tmpdir(), 'gadfly-adapter-stage-')), 'run');
  const bytes = (folder: string): string =>
    ['rollouts.jsonl', 'pairs.jsonl', 'metrics.jsonl'].map((file) => readFileSync(join(folder, file), 'utf8')).join();

  it('is trained on the target’s weights, which stay; models/NAME is merged, models/NAME/adapter is the adapter', async () => {
    const folder = freshFolder();
    const { workshop } = await runIn(folder, recipeWith({ lora: { rank: 2, alpha: 4 } }));
    const target = (await workshop.localTarget()).model;
    const items = [{ prefix: [97, 98, 99], completion: [100, 101, 102] }];
    const merged = await openLanguageModel(device, join(folder, 'models/ipo'));
    const worn = wearAdapter(
      target,
      await openAdapter(device, target.architecture, join(folder, 'models/ipo/adapter')),
    );
    const [a, b, c] = [
      await scoreCompletions(merged, items),
      await scoreCompletions(worn, items),
      await scoreCompletions(target, items),
    ];
    a[0]?.forEach((value, i) => {
      expect(value).toBeCloseTo(b[0]?.[i] ?? NaN, 4);
    });
    expect(b).not.toEqual(c);
    expect(existsSync(join(folder, 'report.json'))).toBe(true);
    await worn.close();
    await merged.close();
  });

  it.each([{}, { rolloutPrecision: 'int8' }])(
    'interrupted and resumed, leaves the same bytes and the same model; what it kept is the adapter alone (%j)',
    async (extra) => {
      const recipe = recipeWith({ lora: { rank: 2, alpha: 4 }, ...extra });
      const [whole, cut] = [freshFolder(), freshFolder()];
      await runIn(whole, recipe);
      const run = openRun(recipe, cut);
      await expect(runStages(contextOf(recipe, run, () => existsSync(join(cut, 'checkpoints'))))).rejects.toThrow(
        InterruptedError,
      );
      run.close('interrupted');
      const [checkpoint = ''] = readdirSync(join(cut, 'checkpoints')).filter((name) => name.startsWith('step-'));
      expect(readdirSync(join(cut, 'checkpoints', checkpoint)).sort()).toEqual([
        'adapter',
        'checkpoint.json',
        'optimizer',
        'trainer.json',
      ]);
      const resumed = openRun(recipe, cut, 'resume');
      await runStages(contextOf(recipe, resumed));
      resumed.close('done');
      expect(bytes(cut)).toBe(bytes(whole));
      for (const file of ['model.safetensors', 'adapter/adapter_model.safetensors']) {
        expect(
          readFileSync(join(cut, 'models/ipo', file)).equals(readFileSync(join(whole, 'models/ipo', file))),
          file,
        ).toBe(true);
      }
    },
  );
});
