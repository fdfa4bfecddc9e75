/** Opens what a recipe names, once and on first need: device, models, judges, prompts. Whatever it opened it closes. */
import { isAbsolute, join } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { joinLines, joinPlain, type JoinTurns } from '../dialogue/join.js';
import type { Judge, ToxicContinuation } from '../dialogue/types.js';
import type { LoraConfig } from '../engine/models/adapters/lora.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import { adaptLanguageModel, copyLanguageModel, type LanguageModel, openLanguageModel } from '../engine/models/languageModel.js';
import type { Device } from '../engine/runtime/device.js';
import { type JudgeOptions, promptListFile, type Recipe, speakerKind } from '../runs/recipe.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { openJudge } from '../speakers/judges/all.js';
import type { OpenAdversary } from '../speakers/adversaries/endpoint.js';
import { openingsOf } from '../speakers/adversaries/promptList.js';
import { createLocalTarget, type LocalTarget } from '../speakers/targets/local.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import { judgeRequests, openPromptList, openRemoteAdversary, openRemoteTarget, type RequestOptions } from './remoteSpeakers.js';
import { explorerOf, rolloutTargetOf } from './rolloutSpeakers.js';
import { formatOf, speakerOptions } from './speakerOptions.js';
import { type DataOptions, type PromptSets, readPromptList, readPrompts, readToxicContinuations, type ToxicQuery } from './data.js';

export interface WorkshopOptions {
  readonly recipe: Recipe;
  /** Where relative paths of the recipe start. */
  readonly folder: string;
  readonly openDevice: () => Promise<Device>;
  /** Where fetched models are kept; null for the standard places. */
  readonly cacheDir: string | null;
  readonly offline: boolean;
  readonly onFetch?: Parameters<typeof resolveModel>[1]['onProgress'];
  /** Judges that a program gives, by the name that the recipe calls them. */
  readonly judges?: Readonly<Record<string, Judge>>;
  /** Targets that a program gives (`createFunctionTarget`), by the name that the recipe calls them. */
  readonly targets?: Readonly<Record<string, OpenTarget>>;
  /** Where answers of remote models are kept; null or left out keeps none. */
  readonly runFolder?: string | null;
  /** Where keys of remote models are looked up; default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Breaks off requests in flight. */
  readonly signal?: AbortSignal;
  /** Told what a reader of the run should know: data left out and the like. */
  readonly note?: (text: string) => void;
}

export interface Workshop {
  readonly device: () => Promise<Device>;
  /** Frozen. */
  readonly target: () => Promise<OpenTarget>;
  /** The target where it is a model on this machine. @throws ConfigError elsewhere */
  readonly localTarget: () => Promise<LocalTarget>;
  /** Whether it is. */
  readonly targetIsLocal: boolean;
  /** The target as training rollouts play it: with the recipe's precision; `target` itself where that is f32. */
  readonly rolloutTarget: () => Promise<OpenTarget>;
  /** A new, trainable adversary: the recipe's, or with the weights of a model folder. Its model is the caller's to close.
   *  With `adversary.lora` what is trained is an adapter, on the target's own weights where both are the same model. */
  readonly openAdversary: (options: {
    readonly name: string;
    readonly folder?: string;
    readonly trainable: boolean;
  }) => Promise<LanguageModelAdversary>;
  /** A frozen adversary of any kind, for a row of an evaluation: the recipe's, or with the weights of a model folder. */
  readonly openRow: (options: { readonly name: string; readonly folder?: string }) => Promise<OpenAdversary & { readonly close: () => Promise<void> }>;
  /** Asks this before every request to a remote model; it throws to end the work. */
  readonly limitRequests: (check: () => void) => void;
  /** Another speaker on an adversary's weights: drawing otherwise, with the recipe's precision for rollouts. */
  readonly explorer: (adversary: LanguageModelAdversary, sampling: Partial<SpeakerSampling>) => LanguageModelAdversary;
  /** Frozen; null when it is the target's own weights. The model is the caller's to close.
   *  @param adversary whose base, with the adapter off, is the reference where the recipe names no other */
  readonly openReference: (adversary: LanguageModel) => Promise<LanguageModel | null>;
  readonly judge: (options: JudgeOptions) => Promise<Judge>;
  readonly prompts: () => Promise<PromptSets>;
  readonly toxicContinuations: (query: ToxicQuery) => Promise<readonly ToxicContinuation[]>;
  /** How an utterance and its reply read together, by the target's format. */
  readonly join: JoinTurns;
  readonly close: () => Promise<void>;
}

export function createWorkshop(options: WorkshopOptions): Workshop {
  const { recipe, folder } = options;
  const inFolder = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const device = once(options.openDevice);
  const judges = new Map<string, Promise<Judge>>();

  const modelPath = async (notation: string): Promise<string> => {
    const local = notation.startsWith('.') ? inFolder(notation) : notation;
    const resolved = await resolveModel(local, {
      cacheDir: options.cacheDir,
      offline: options.offline,
      ...(options.onFetch === undefined ? {} : { onProgress: options.onFetch }),
    });
    if (resolved.kind === 'local') return resolved.path;
    throw new ConfigError('a remote model cannot take this part', { got: notation, expected: 'a model on this machine' });
  };
  const openModel = async (notation: string, trainable: boolean, name: string): Promise<LanguageModel> =>
    openLanguageModel(await device(), await modelPath(notation), { trainable, name, resolveBase: modelPath });

  const localTarget = once(async () => {
    const model = await openModel(recipe.target.model, false, recipe.target.model);
    return createLocalTarget(model, speakerOptions(recipe.target));
  });
  let check = (): void => undefined;
  const requests: RequestOptions = {
    runFolder: options.runFolder ?? null,
    environment: options.environment ?? process.env,
    beforeRequest: () => check(),
    note: options.note ?? ((): void => undefined),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  const givenTarget = options.targets?.[recipe.target.model];
  const targetIsLocal = givenTarget === undefined && speakerKind(recipe.target.model) === 'local';
  const target = once(async (): Promise<OpenTarget> => givenTarget ?? (targetIsLocal ? localTarget() : openRemoteTarget(recipe.target, requests)));
  const listed = promptListFile(recipe);
  const promptList = once(async () => readPromptList(inFolder(listed ?? ''), options.note));
  /** The adversary as it starts; weights that are open already are copied, not read again. */
  const openStart = async (trainable: boolean, name: string): Promise<LanguageModel> =>
    localTarget.started() && recipe.adversary.model === recipe.target.model
      ? copyLanguageModel((await localTarget()).model, { trainable, name })
      : openModel(recipe.adversary.model, trainable, name);
  /** An adapter on the adversary's model: on the target's own weights where that is the same model. */
  const openAdapted = async (lora: LoraConfig, name: string): Promise<LanguageModel> => {
    const notation = recipe.adversary.model;
    const isTarget = notation === recipe.target.model;
    const base = isTarget ? (await localTarget()).model : await openModel(notation, false, notation);
    const source = /^[./~]/.test(notation) ? await modelPath(notation) : notation;
    const model = await adaptLanguageModel(base, lora, { seed: recipe.seed, name, source });
    const close = async (): Promise<void> => {
      await model.close();
      await base.close();
    };
    return isTarget ? model : { ...model, close };
  };
  const rolloutTarget = once(async (): Promise<OpenTarget> => (targetIsLocal ? rolloutTargetOf(await localTarget(), recipe) : target()));
  const judgeModels = new Map<string, Promise<LanguageModel>>();
  /** Judges that are one model share it, with the target too when that is the same. */
  const judgeModel = (notation: string): Promise<LanguageModel> => {
    let opened = judgeModels.get(notation);
    if (opened === undefined) {
      opened = notation === recipe.target.model ? localTarget().then(({ model }) => model) : openModel(notation, false, notation);
      judgeModels.set(notation, opened);
    }
    return opened;
  };
  const judge = (wanted: JudgeOptions): Promise<Judge> => {
    const { maxUnscored: _, ...spec } = wanted;
    const given = options.judges?.[spec.model];
    if (given !== undefined) return Promise.resolve(given);
    const key = JSON.stringify(spec);
    let opened = judges.get(key);
    if (opened === undefined) {
      opened = openJudge(spec, {
        device, cacheDir: options.cacheDir, offline: options.offline, locate: inFolder, openModel: judgeModel, requests: judgeRequests(requests),
      });
      judges.set(key, opened);
    }
    return opened;
  };

  const dataOptions = async (): Promise<DataOptions> => ({
    locate: inFolder,
    judge: await judge(recipe.judge),
    maxUnscored: recipe.judge.maxUnscored,
    turnSeparator: formatOf(recipe.target) === 'lines' ? '\n' : ' ',
    seed: recipe.seed,
    note: options.note ?? ((): void => undefined),
  });

  const prompts = once(async (): Promise<PromptSets> => {
    const { data, test } = recipe.prompts;
    if (listed === null || (data ?? test) !== undefined) return readPrompts(recipe.prompts, await dataOptions());
    return { train: [], dev: [], test: openingsOf(await promptList()) };
  });
  const openAdversary: Workshop['openAdversary'] = async ({ name, folder: from, trainable }) => {
    const { lora } = recipe.adversary;
    const model = from !== undefined
      ? await openLanguageModel(await device(), from, { trainable, name })
      : trainable && lora !== null ? await openAdapted(lora, name) : await openStart(trainable, name);
    return createLanguageModelAdversary(model, speakerOptions(recipe.adversary));
  };

  return {
    device,
    target,
    localTarget,
    targetIsLocal,
    rolloutTarget,
    limitRequests: (given) => {
      check = given;
    },
    judge,
    join: formatOf(recipe.target) === 'lines' ? joinLines : joinPlain,
    openAdversary,
    openRow: async ({ name, folder: from }) => {
      const kind = speakerKind(recipe.adversary.model);
      if (kind === 'local' || from !== undefined) {
        const adversary = await openAdversary({ name, trainable: false, ...(from === undefined ? {} : { folder: from }) });
        return { ...adversary, close: () => adversary.model.close() };
      }
      const speaker = kind === 'prompts' ? openPromptList(recipe.adversary, await promptList(), (await prompts()).test) : openRemoteAdversary(recipe.adversary, requests);
      return { ...speaker, close: async () => undefined };
    },
    explorer: (adversary, sampling) => explorerOf(adversary, sampling, recipe),
    openReference: async (adversary) => {
      const notation = recipe.reference ?? recipe.adversary.model;
      if (notation === recipe.target.model) return null;
      // The adversary closes its base.
      if (notation === recipe.adversary.model && adversary.base !== null) return { ...adversary.base, close: async () => undefined };
      return openModel(notation, false, notation);
    },
    prompts,
    toxicContinuations: async (query) => readToxicContinuations(query, await dataOptions()),
    close: async () => {
      if (device.started()) await (await device()).close();
    },
  };
}

/** Runs `open` at the first call only. */
function once<T>(open: () => Promise<T>): (() => Promise<T>) & { readonly started: () => boolean } {
  let opened: Promise<T> | null = null;
  return Object.assign(() => (opened ??= open()), { started: () => opened !== null });
}
