/** The model pool of a run: opens what a recipe names, once and on first need (device, target, judges, prompts), and
 *  closes what it has opened. Models that it hands out come with a handle that knows their owner. */
import { once } from '../base/once.js';
import { createSpending, type Spending } from '../base/spending.js';
import type { JoinTurns } from '../dialogue/join.js';
import type { Judge, ToxicContinuation } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import type { Device } from '../engine/runtime/device.js';
import { setsWithTarget, type Recipe } from '../recipe/recipe.js';
import type { OpenAdversary } from '../speakers/adversaries/endpoint.js';
import type { LanguageModelAdversary } from '../speakers/adversaries/languageModel.js';
import { openingsOf } from '../speakers/adversaries/promptList.js';
import type { SpeakerSampling } from '../speakers/generation.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import { promptListFile, type SpeakerOptions } from '../speakers/options.js';
import { speakerFormat, speakerJoin } from '../speakers/speakerOptions.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import {
  type AdversaryToOpen,
  type AdversaryParts,
  openAdversary,
  openFrozenAdversary,
  openReference,
  openSpeaker,
  openTeacher,
  openWithAdapter,
  type RowToOpen,
  type SpeakerToOpen,
} from './adversaries.js';
import {
  type DataOptions,
  type PromptSets,
  readPreferencePairs,
  readPromptList,
  readPromptSets,
  readToxicContinuations,
  type ToxicQuery,
} from './data.js';
import { noTarget } from '../dialogue/datasets/loadDataset.js';
import type { AnsweredPreference } from '../dialogue/preferences.js';
import type { Handle } from './handle.js';
import { openJudges } from './judges.js';
import { createModelSource, type ModelSource, type ModelSourceOptions } from './modelSource.js';
import type { RequestOptions } from './remoteSpeakers.js';
import { createBehaviourPolicy } from './rolloutSpeakers.js';
import { openTargets, type Targets } from './targets.js';
import { openTempered, type TemperedToOpen } from './tempered.js';
import { openTrained, type TrainedAdversary } from './trained.js';

export interface ModelPoolOptions extends ModelSourceOptions {
  readonly recipe: Recipe;
  readonly openDevice: () => Promise<Device>;
  /** Judges that the calling program supplies, by the name that the recipe uses for them. */
  readonly judges?: Readonly<Record<string, Judge>>;
  /** Targets that the calling program supplies (`createFunctionTarget`), by the name that the recipe uses for them. */
  readonly targets?: Readonly<Record<string, OpenTarget>>;
  /** Folder in which answers of remote models are kept; none are kept for null, the default. */
  readonly runFolder?: string | null;
  /** Environment in which keys of remote models are looked up; default `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Aborting it breaks off requests in flight, and the fetch of a model. */
  readonly signal?: AbortSignal;
  /** Called with messages for the run's log, such as what data was left out. */
  readonly note?: (text: string) => void;
  /** Account that everything spent is added to; default: a new one that is not read. */
  readonly spending?: Spending;
  /** Called before every request to a remote model; throws to end the work. */
  readonly beforeRequest?: () => void;
}

export interface ModelPool
  extends
    Pick<ModelPoolOptions, 'recipe'>,
    Pick<ModelSource, 'device' | 'locate' | 'modelPath'>,
    Pick<Targets, 'target' | 'localTarget' | 'targetIsLocal' | 'rolloutTarget' | 'withSampling'> {
  /** Returns the pool around a mended target, which shares all that does not depend on the target. Close it before
   *  this one. */
  readonly withTarget: (mended: MendedTarget) => ModelPool;
  /** Opens the adversary that an attack trains, on this machine or by a trainer elsewhere. */
  readonly openTrained: (options: Omit<AdversaryToOpen, 'trainable'>) => Promise<Handle<TrainedAdversary>>;
  /** Opens a language-model adversary: the recipe's, or one with the weights of a model folder. */
  readonly openAdversary: (options: AdversaryToOpen) => Promise<Handle<LanguageModelAdversary>>;
  /** Opens a language model as an adversary with options of its own. */
  readonly openSpeaker: (options: SpeakerToOpen) => Promise<Handle<LanguageModelAdversary>>;
  /** Opens the recipe's adversary as it is in training: with the adapter of a folder, not merged into its base. */
  readonly openWithAdapter: (options: {
    readonly name: string;
    readonly folder: string;
  }) => Promise<Handle<LanguageModelAdversary>>;
  /** Opens a frozen adversary of any kind, for a row of an evaluation. */
  readonly openRow: (options: RowToOpen) => Promise<Handle<OpenAdversary>>;
  /** Opens a language-model adversary between two models. */
  readonly openTempered: (options: TemperedToOpen) => Promise<Handle<LanguageModelAdversary>>;
  /** Opens a frozen model that answers in the target's place. */
  readonly openTeacher: (speaker: SpeakerOptions) => Promise<Handle<OpenTarget>>;
  /** Returns the behaviour policy of training rollouts: a speaker on the adversary's weights with a sampler of its own, in
   *  the recipe's precision for rollouts. */
  readonly behaviourPolicy: (
    adversary: LanguageModelAdversary,
    sampling: Partial<SpeakerSampling>,
  ) => LanguageModelAdversary;
  /** Opens the frozen reference; null when it is the target's own weights.
   *  @param adversary whose base, with the adapter off, is the reference where the recipe names no other
   *  @param start folder of the model that the adversary starts from, which is the reference where the recipe names no
   *    other; default: the recipe's adversary */
  readonly openReference: (adversary: LanguageModel, start?: string) => Promise<Handle<LanguageModel> | null>;
  readonly judge: (options: JudgeOptions) => Promise<Judge>;
  readonly prompts: () => Promise<PromptSets>;
  /** Reads the entries of a list of prompts, `prompts:FILE`. */
  readonly promptList: (file: string) => Promise<readonly string[]>;
  readonly toxicContinuations: (query: ToxicQuery) => Promise<readonly ToxicContinuation[]>;
  /** Reads the pairs of replies of a file that the recipe names, and notes what is left out. */
  readonly preferences: (path: string) => Promise<readonly AnsweredPreference[]>;
  /** Joins an utterance and its reply into one text, by the target's format. */
  readonly join: JoinTurns;
  /** Frees what this pool has opened for itself; what it shares stays. */
  readonly close: () => Promise<void>;
}

/** A model that a mend stage has made: it takes the target's place. */
export interface MendedTarget {
  /** Name of the model in reports. */
  readonly name: string;
  /** Folder models/NAME of the run. */
  readonly folder: string;
}

export function openModelPool(options: ModelPoolOptions): ModelPool {
  const { recipe, cacheDir, offline } = options;
  const device = once(options.openDevice);
  const source = createModelSource(options, device);
  const requests = requestsOf(options);
  const targets = openTargets({ recipe, source, requests, given: options.targets?.[recipe.target.model] });
  const given = options.judges ?? {};
  const judge = openJudges({ recipe, source, targets, requests, cacheDir, offline, given });
  const data = openData(options, source, judge, requests);
  // The memory of every model goes with the device.
  const close = async (): Promise<void> => {
    if (device.started()) await (await device()).close();
  };
  return poolAround(recipe, targets, close, { source, requests, judge, ...data });
}

/** The parts that the pools around mended targets share with the first pool. */
interface Shared extends Pick<ModelPool, 'judge' | 'prompts' | 'promptList' | 'toxicContinuations' | 'preferences'> {
  readonly source: ModelSource;
  readonly requests: RequestOptions;
}

function poolAround(recipe: Recipe, targets: Targets, close: () => Promise<void>, shared: Shared): ModelPool {
  const { source, requests, judge, prompts, promptList, toxicContinuations, preferences } = shared;
  const testPrompts = async (): Promise<PromptSets['test']> => (await prompts()).test;
  const parts: AdversaryParts = { recipe, source, targets, requests, promptList, testPrompts };
  return {
    recipe,
    device: source.device,
    locate: source.locate,
    modelPath: source.modelPath,
    target: targets.target,
    localTarget: targets.localTarget,
    targetIsLocal: targets.targetIsLocal,
    rolloutTarget: targets.rolloutTarget,
    withSampling: targets.withSampling,
    withTarget: ({ name, folder: model }) => {
      const around = { ...recipe, target: { ...recipe.target, model, format: speakerFormat(recipe.target) } };
      const mended = openTargets({
        recipe: around,
        source,
        requests,
        given: undefined,
        name,
        knownOutside: targets.known,
      });
      return poolAround(around, mended, mended.close, shared);
    },
    openAdversary: (options) => openAdversary(parts, options),
    openTrained: (options) => openTrained(parts, options),
    openSpeaker: (options) => openSpeaker(parts, options),
    openWithAdapter: (options) => openWithAdapter(parts, options),
    openRow: (options) => openFrozenAdversary(parts, options),
    openTempered: (options) => openTempered(parts, options),
    openTeacher: (speaker) => openTeacher(parts, speaker),
    openReference: (adversary, start) => openReference(parts, adversary, start),
    behaviourPolicy: (adversary, sampling) => createBehaviourPolicy(adversary, sampling, recipe, requests),
    judge,
    prompts,
    promptList,
    toxicContinuations,
    preferences,
    join: speakerJoin(recipe.target),
    close,
  };
}

function requestsOf(options: ModelPoolOptions): RequestOptions {
  const { runFolder = null, environment = process.env, note, signal, beforeRequest, spending } = options;
  return {
    runFolder,
    environment,
    beforeRequest: beforeRequest ?? ((): void => undefined),
    note: note === undefined ? (): void => undefined : saidOnce(note),
    spending: spending ?? createSpending(),
    ...(signal === undefined ? {} : { signal }),
  };
}

/** Speakers that share a role say the same. */
function saidOnce(note: (text: string) => void): (text: string) => void {
  const said = new Set<string>();
  return (text) => {
    if (said.has(text)) return;
    said.add(text);
    note(text);
  };
}

/** Reads the recipe's data once. Every session reads them anew, so the spending of judging them is not counted. */
function openData(
  { recipe }: ModelPoolOptions,
  { locate }: ModelSource,
  judge: ModelPool['judge'],
  { note, spending }: RequestOptions,
): Pick<Shared, 'prompts' | 'promptList' | 'toxicContinuations' | 'preferences'> {
  const listed = promptListFile(recipe.adversary.model);
  const needTarget = setsWithTarget(recipe);
  const lists = new Map<string, () => Promise<readonly string[]>>();
  const promptList = async (file: string): Promise<readonly string[]> => {
    const read = lists.get(file) ?? once(async () => readPromptList(locate(file), note));
    lists.set(file, read);
    return read();
  };
  const options: DataOptions = {
    locate,
    judge: () => judge(recipe.judge),
    maxUnscored: recipe.judge.maxUnscored,
    turnSeparator: speakerFormat(recipe.target) === 'lines' ? '\n' : ' ',
    seed: recipe.seed,
    needTarget,
    note,
  };
  return {
    promptList,
    prompts: once(async (): Promise<PromptSets> => {
      const { data, test } = recipe.prompts;
      if (listed === null || (data ?? test) !== undefined)
        return spending.uncounted(() => readPromptSets(recipe.prompts, options));
      if (needTarget.has('test')) throw noTarget(listed);
      return { train: [], dev: [], test: openingsOf(await promptList(listed)) };
    }),
    toxicContinuations: (query) => spending.uncounted(() => readToxicContinuations(query, options)),
    preferences: (path) => readPreferencePairs(path, { locate, note }),
  };
}
