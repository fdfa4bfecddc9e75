/** Opens what a recipe names, once and on first need: device, models, judges, prompts. Whatever it opened it closes. */
import { isAbsolute, join } from 'node:path';
import { ConfigError } from '../base/errors.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { Judge, ToxicContinuation } from '../dialogue/types.js';
import type { LoraConfig } from '../engine/models/adapters/lora.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import {
  adaptLanguageModel,
  copyLanguageModel,
  type LanguageModel,
  openLanguageModel,
} from '../engine/models/languageModel.js';
import { readProduct } from './products.js';
import type { Device } from '../engine/runtime/device.js';
import { promptListFile, type Recipe } from '../recipe/recipe.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import { speakerKind, type SpeakerOptions } from '../speakers/options.js';
import { createLanguageModelAdversary, type LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import { openJudge } from '../speakers/judges/all.js';
import type { OpenAdversary } from '../speakers/adversaries/endpoint.js';
import { createPromptListAdversary, openingsOf } from '../speakers/adversaries/promptList.js';
import { createLocalTarget, type LocalTarget } from '../speakers/targets/local.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import {
  judgeRequests,
  openPromptList,
  openRemoteAdversary,
  openRemoteTarget,
  type RequestOptions,
} from './remoteSpeakers.js';
import { explorerOf, rolloutTargetOf } from './rolloutSpeakers.js';
import { formatOf, joinOf, speakerOptions } from '../speakers/speakerOptions.js';
import {
  type DataOptions,
  type PromptSets,
  readPromptList,
  readPrompts,
  readToxicContinuations,
  type ToxicQuery,
} from './data.js';

export interface ModelPoolOptions {
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

export interface ModelPool {
  readonly device: () => Promise<Device>;
  /** Frozen. */
  readonly target: () => Promise<OpenTarget>;
  /** The target where it is a model on this machine. @throws ConfigError elsewhere */
  readonly localTarget: () => Promise<LocalTarget>;
  /** Whether it is. */
  readonly targetIsLocal: boolean;
  /** The target as training rollouts play it: with the recipe's precision; `target` itself where that is f32. */
  readonly rolloutTarget: () => Promise<OpenTarget>;
  /** The same pool around a mended target. What does not hang on the target is shared; close it before this one. */
  readonly withTarget: (mended: MendedTarget) => ModelPool;
  /** The file or folder of a model on this machine, fetched where it is not here. */
  readonly modelPath: (notation: string) => Promise<string>;
  /** A path of the recipe as a path of this machine. */
  readonly locate: (path: string) => string;
  /** A new, trainable adversary: the recipe's, or with the weights of a model folder. Its model is the caller's to
   *  close. With `adversary.lora` what is trained is an adapter, on the target's own weights where both are the same
   *  model. */
  readonly openAdversary: (options: {
    readonly name: string;
    readonly folder?: string;
    readonly trainable: boolean;
  }) => Promise<LanguageModelAdversary>;
  /** A frozen adversary of any kind, for a row of an evaluation: the recipe's, or with the weights of a model folder.
   */
  readonly openRow: (options: {
    readonly name: string;
    readonly folder?: string;
  }) => Promise<OpenAdversary & { readonly close: () => Promise<void> }>;
  /** Whoever answers in the target's place: a model on this machine, frozen, that reads dialogues as the target does
   *  where nothing else is said; or a remote one. */
  readonly openWriter: (speaker: SpeakerOptions) => Promise<OpenTarget & { readonly close: () => Promise<void> }>;
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

/** A model that a mend stage has made: it takes the target's place. */
export interface MendedTarget {
  /** What reports call it. */
  readonly name: string;
  /** models/NAME of the run. */
  readonly folder: string;
}

/** What the pools around mended targets take over from the first. */
interface Shared extends Pick<ModelPool, 'device' | 'judge' | 'prompts' | 'toxicContinuations'> {
  readonly targetName: string;
  /** A model of this notation that is open already and stays so: the first pool's target. */
  readonly known: (notation: string) => Promise<LanguageModel> | null;
}

export function openModelPool(options: ModelPoolOptions): ModelPool {
  return furnish(options, null);
}

function furnish(options: ModelPoolOptions, shared: Shared | null): ModelPool {
  const { recipe, folder } = options;
  const inFolder = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const ownDevice = once(options.openDevice);
  const device = shared?.device ?? ownDevice;
  const judges = new Map<string, Promise<Judge>>();

  const modelPath = async (notation: string): Promise<string> => {
    const local = notation.startsWith('.') ? inFolder(notation) : notation;
    const resolved = await resolveModel(local, {
      cacheDir: options.cacheDir,
      offline: options.offline,
      ...(options.onFetch === undefined ? {} : { onProgress: options.onFetch }),
    });
    if (resolved.kind === 'local') return resolved.path;
    throw new ConfigError('a remote model cannot take this part', {
      got: notation,
      expected: 'a model on this machine',
    });
  };
  const openModel = async (notation: string, trainable: boolean, name: string): Promise<LanguageModel> =>
    openLanguageModel(await device(), await modelPath(notation), { trainable, name, resolveBase: modelPath });

  const localTarget = once(async () => {
    const model = await openModel(recipe.target.model, false, recipe.target.model);
    return createLocalTarget(model, {
      ...speakerOptions(recipe.target),
      ...(shared === null ? {} : { name: shared.targetName }),
    });
  });
  /** A model that is open already, and is not closed by whoever asks for it. */
  const known = (notation: string): Promise<LanguageModel> | null =>
    localTarget.started() && notation === recipe.target.model
      ? localTarget().then(({ model }) => model)
      : (shared?.known(notation) ?? null);
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
  const target = once(
    async (): Promise<OpenTarget> =>
      givenTarget ?? (targetIsLocal ? localTarget() : openRemoteTarget(recipe.target, requests)),
  );
  const listed = promptListFile(recipe);
  const promptList = once(async () => readPromptList(inFolder(listed ?? ''), options.note));
  /** The adversary as it starts; weights that are open already are copied, not read again. */
  const openStart = async (trainable: boolean, name: string): Promise<LanguageModel> => {
    const open = await known(recipe.adversary.model);
    return open === null
      ? openModel(recipe.adversary.model, trainable, name)
      : copyLanguageModel(open, { trainable, name });
  };
  /** An adapter on the adversary's model: on the target's own weights where that is the same model. */
  const openAdapted = async (lora: LoraConfig, name: string): Promise<LanguageModel> => {
    const notation = recipe.adversary.model;
    const open = notation === recipe.target.model ? (await localTarget()).model : await known(notation);
    const base = open ?? (await openModel(notation, false, notation));
    const source = /^[./~]/.test(notation) ? await modelPath(notation) : notation;
    const model = await adaptLanguageModel(base, lora, { seed: recipe.seed, name, source });
    const close = async (): Promise<void> => {
      await model.close();
      await base.close();
    };
    return open === null ? { ...model, close } : model;
  };
  const rolloutTarget = once(async (): Promise<OpenTarget> =>
    targetIsLocal ? rolloutTargetOf(await localTarget(), recipe) : target(),
  );
  const judgeModels = new Map<string, Promise<LanguageModel>>();
  /** Judges that are one model share it, with the target too when that is the same. */
  const judgeModel = (notation: string): Promise<LanguageModel> => {
    let opened = judgeModels.get(notation);
    if (opened === undefined) {
      opened =
        notation === recipe.target.model
          ? localTarget().then(({ model }) => model)
          : openModel(notation, false, notation);
      judgeModels.set(notation, opened);
    }
    return opened;
  };
  const openJudgeOnce = (wanted: JudgeOptions): Promise<Judge> => {
    const { maxUnscored: _, ...spec } = wanted;
    const given = options.judges?.[spec.model];
    if (given !== undefined) return Promise.resolve(given);
    const key = JSON.stringify(spec);
    let opened = judges.get(key);
    if (opened === undefined) {
      opened = openJudge(spec, {
        device,
        cacheDir: options.cacheDir,
        offline: options.offline,
        locate: inFolder,
        openModel: judgeModel,
        requests: judgeRequests(requests),
      });
      judges.set(key, opened);
    }
    return opened;
  };

  const judge = shared?.judge ?? openJudgeOnce;

  const dataOptions = async (): Promise<DataOptions> => ({
    locate: inFolder,
    judge: await judge(recipe.judge),
    maxUnscored: recipe.judge.maxUnscored,
    turnSeparator: formatOf(recipe.target) === 'lines' ? '\n' : ' ',
    seed: recipe.seed,
    note: options.note ?? ((): void => undefined),
  });

  const prompts =
    shared?.prompts ??
    once(async (): Promise<PromptSets> => {
      const { data, test } = recipe.prompts;
      if (listed === null || (data ?? test) !== undefined) return readPrompts(recipe.prompts, await dataOptions());
      return { train: [], dev: [], test: openingsOf(await promptList()) };
    });
  const openAdversary: ModelPool['openAdversary'] = async ({ name, folder: from, trainable }) => {
    const { lora } = recipe.adversary;
    const model =
      from !== undefined
        ? await openLanguageModel(await device(), from, { trainable, name })
        : trainable && lora !== null
          ? await openAdapted(lora, name)
          : await openStart(trainable, name);
    return createLanguageModelAdversary(model, speakerOptions(recipe.adversary));
  };

  const toxicContinuations =
    shared?.toxicContinuations ?? (async (query: ToxicQuery) => readToxicContinuations(query, await dataOptions()));

  return {
    device,
    target,
    localTarget,
    targetIsLocal,
    rolloutTarget,
    withTarget: ({ name, folder: model }) =>
      furnish(
        { ...options, recipe: { ...recipe, target: { ...recipe.target, model, format: formatOf(recipe.target) } } },
        { device, judge, prompts, toxicContinuations, targetName: name, known },
      ),
    modelPath,
    locate: inFolder,
    limitRequests: (given) => {
      check = given;
    },
    judge,
    join: joinOf(recipe.target),
    openAdversary,
    openRow: async ({ name, folder: from }) => {
      const kind = speakerKind(recipe.adversary.model);
      const product = from === undefined ? null : readProduct(from);
      if (product?.kind === 'utterances') {
        const said = createPromptListAdversary({
          name,
          utterances: product.utterances,
          prompts: (await prompts()).test,
        });
        return { ...said, close: async () => undefined };
      }
      if (kind === 'local' || from !== undefined) {
        const adversary = await openAdversary({
          name,
          trainable: false,
          ...(from === undefined ? {} : { folder: from }),
        });
        return { ...adversary, close: () => adversary.model.close() };
      }
      const speaker =
        kind === 'prompts'
          ? openPromptList(recipe.adversary, await promptList(), (await prompts()).test)
          : openRemoteAdversary(recipe.adversary, requests);
      return { ...speaker, close: async () => undefined };
    },
    openWriter: async (speaker) => {
      if (speakerKind(speaker.model) !== 'local')
        return { ...(await openRemoteTarget(speaker, requests)), close: async () => undefined };
      const open = await known(speaker.model);
      const model = open ?? (await openModel(speaker.model, false, speaker.model));
      const { format = formatOf(recipe.target) } = speaker;
      const close = open === null ? model.close : async (): Promise<void> => undefined;
      return { ...createLocalTarget(model, speakerOptions({ ...speaker, format })), close };
    },
    explorer: (adversary, sampling) => explorerOf(adversary, sampling, recipe),
    openReference: async (adversary) => {
      const notation = recipe.reference ?? recipe.adversary.model;
      if (notation === recipe.target.model) return null;
      const open =
        notation === recipe.adversary.model && adversary.base !== null ? adversary.base : await known(notation);
      // Whoever opened it closes it.
      if (open !== null) return { ...open, close: async () => undefined };
      return openModel(notation, false, notation);
    },
    prompts,
    toxicContinuations,
    close: async () => {
      if (shared !== null && localTarget.started()) await (await localTarget()).model.close();
      if (ownDevice.started()) await (await ownDevice()).close();
    },
  };
}

/** Runs `open` at the first call only. */
function once<T>(open: () => Promise<T>): (() => Promise<T>) & { readonly started: () => boolean } {
  let opened: Promise<T> | null = null;
  return Object.assign(() => (opened ??= open()), { started: () => opened !== null });
}
