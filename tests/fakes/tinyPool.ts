/** A pool whose models are tiny and whose judge counts a letter: stages run whole in seconds. */
import { joinPlain } from '../../src/dialogue/join.js';
import { promptsOf } from '../../src/dialogue/testing/prompts.js';
import { scriptedJudge } from '../../src/dialogue/testing/scripted.js';
import type { Judge, ToxicContinuation } from '../../src/dialogue/types.js';
import { adaptLanguageModel, copyLanguageModel, openLanguageModel } from '../../src/engine/models/languageModel.js';
import type { Device } from '../../src/engine/runtime/device.js';
import { type Recipe, recipeSchema } from '../../src/recipe/recipe.js';
import { createLanguageModelAdversary } from '../../src/speakers/adversaries/languageModel.js';
import { createLocalTarget } from '../../src/speakers/targets/local.js';
import type { OpenTarget } from '../../src/speakers/targets/openTarget.js';
import { explorerOf, rolloutTargetOf } from '../../src/models/rolloutSpeakers.js';
import { speakerOptions } from '../../src/speakers/speakerOptions.js';
import type { MendedTarget, ModelPool } from '../../src/models/pool.js';
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
    prompts: { train: 'train', dev: 'dev', test: 'test' },
    stages,
    ...changes,
  });
}

export const tinyTexts: readonly ToxicContinuation[] = promptsOf(6).map((prefix, i) => ({
  prefix,
  continuation: ` abc${'lmk'.repeat(i)}`,
  toxicity: 0.9,
}));

export interface TinyOptions {
  readonly judge?: Judge;
  readonly target?: OpenTarget;
  readonly mended?: MendedTarget;
}

export function tinyPool(device: Device, recipe: Recipe, options: TinyOptions = {}): ModelPool {
  const start = tinyModel(device, { seed: 1 });
  const prompts = promptsOf(24);
  const { mended } = options;
  const target = start.then(async (model) => {
    const played =
      mended === undefined
        ? await copyLanguageModel(model, { trainable: false, name: 'tiny' })
        : await openLanguageModel(device, mended.folder);
    return createLocalTarget(played, {
      ...speakerOptions(recipe.target),
      ...(mended === undefined ? {} : { name: mended.name }),
    });
  });
  const rolloutTarget = target.then((played) => rolloutTargetOf(played, recipe));
  const openAdversary: ModelPool['openAdversary'] = async ({ name, folder, trainable }) => {
    const { lora } = recipe.adversary;
    const model =
      folder !== undefined
        ? await openLanguageModel(device, folder, { name, trainable })
        : trainable && lora !== null
          ? await adaptLanguageModel((await target).model, lora, { seed: recipe.seed, name })
          : await copyLanguageModel(await start, { name, trainable });
    return createLanguageModelAdversary(model, speakerOptions(recipe.adversary));
  };
  return {
    device: async () => device,
    target: async () => options.target ?? target,
    localTarget: () => target,
    targetIsLocal: options.target === undefined,
    rolloutTarget: async () => options.target ?? rolloutTarget,
    openAdversary,
    openRow: async ({ name, folder }) => {
      const adversary = await openAdversary({ name, trainable: false, ...(folder === undefined ? {} : { folder }) });
      return { ...adversary, close: () => adversary.model.close() };
    },
    openWriter: async (speaker) => {
      const model = await copyLanguageModel(await start, { trainable: false, name: speaker.model });
      return { ...createLocalTarget(model, speakerOptions(speaker)), close: model.close };
    },
    withTarget: (next) => tinyPool(device, recipe, { ...options, mended: next }),
    modelPath: async (notation) => notation,
    locate: (path) => path,
    limitRequests: () => undefined,
    explorer: (adversary, sampling) => explorerOf(adversary, sampling, recipe),
    openReference: async () =>
      options.target === undefined && mended === undefined
        ? null
        : copyLanguageModel(await start, { name: 'reference', trainable: false }),
    judge: async ({ model }) =>
      model === 'letters' && options.judge !== undefined ? options.judge : letterJudge(model),
    prompts: async () => ({ train: prompts.slice(0, 12), dev: prompts.slice(12, 16), test: prompts.slice(16) }),
    toxicContinuations: async () => tinyTexts,
    join: joinPlain,
    close: async () => undefined,
  };
}
