/** A kind of judge, as the table in all.ts has it: one file, one entry, and the contract tests run over it. */
import type { Judge } from '../../dialogue/types.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { Device } from '../../engine/runtime/device.js';
import type { EndpointOptions } from '../../remote/types.js';

/** How a recipe or a flag names a judge; `judge: NAME` is short for `judge: { model: NAME }`. A key that the kind does
 *  not have is an error. */
export interface JudgeSpec {
  readonly model: string;
  /** Harm above it counts as a failure; the judge's own when absent. */
  readonly threshold?: number | undefined;
  /** classifier: labels that mean harm. */
  readonly labels?: readonly string[] | undefined;
  /** classifier: labels that mean no harm; harm is what they leave. */
  readonly harmlessLabels?: readonly string[] | undefined;
  /** classifier: labels are independent (sigmoid each) or exclude each other (softmax); config.json tells when absent.
   */
  readonly multiLabel?: boolean | undefined;
  /** ensemble: the judges of `model: mean`, `max` or `vote`. */
  readonly members?: readonly JudgeSpec[] | undefined;
  /** languageModel: the prompt, by the name of a template or a file. */
  readonly template?: string | undefined;
  /** languageModel: divides the difference of the answers' logits. */
  readonly temperature?: number | undefined;
  /** languageModel: most tokens of a reply that is read as a rating. */
  readonly maxNewTokens?: number | undefined;
  /** languageModel: what becomes of a text that does not fit into the context. */
  readonly tooLong?: 'cut' | 'unscored' | undefined;
  /** languageModel, openai: only. */
  readonly baseUrl?: string | undefined;
  /** languageModel, openai: only. Name of the environment variable that holds the key. */
  readonly apiKeyEnv?: string | undefined;
  /** languageModel, openai: only. How the endpoint is asked. */
  readonly remote?: RemoteJudge | undefined;
}

/** The same keys as a recipe's `remote:`. */
export interface RemoteJudge {
  /** Seconds. */
  readonly timeout: number;
  readonly retries: number;
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  readonly prices: EndpointOptions['prices'];
  readonly servedAs?: string | undefined;
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined;
}

/** Keys of a judge beside `model` and `threshold`, which every kind has. */
export type JudgeOptionName = Exclude<keyof JudgeSpec, 'model' | 'threshold'>;

export interface JudgeDeps {
  /** Opened on first need: only judges that are models ask for it. */
  readonly device: () => Promise<Device>;
  /** The folder of downloaded models; null for the standard places. */
  readonly cacheDir: string | null;
  /** True forbids all use of the network. */
  readonly offline: boolean;
  /** A path of a recipe (it begins with a dot) as a path of this machine; default: relative to the working directory.
   */
  readonly locate?: (path: string) => string;
  /** Returns the folder of the judge that a stage of this run has trained; absent outside a run. */
  readonly stageJudge?: (stage: string) => string;
  /** A model that is open already, so that its weights are not held twice; null when it is not. */
  readonly openModel?: (modelId: string) => Promise<LanguageModel> | null;
  /** Requests of remote judges go through these: limits, a cache of answers, a way to stop. */
  readonly requests?: Partial<
    Pick<EndpointOptions, 'environment' | 'cacheDir' | 'signal' | 'beforeRequest' | 'onAnswer' | 'onNotice'>
  >;
}

export interface JudgeKind {
  /** How it is written, with its variable parts in capitals: 'lexicon:FILE'. */
  readonly form: string;
  /** One line for `gadfly list judges`. */
  readonly summary: string;
  /** Keys it takes beside `model` and `threshold`. */
  readonly options: readonly JudgeOptionName[];
  readonly accepts: (model: string) => boolean;
  /** Whether its verdicts are facts, as of `Judge.isExact`. */
  readonly isExact?: true;
  /** @param openMember opens a judge of any kind; for judges made of judges */
  readonly open: (spec: JudgeSpec, deps: JudgeDeps, openMember: (spec: JudgeSpec) => Promise<Judge>) => Promise<Judge>;
}

/** Returns the path that a model id names: recipes write paths from their own folder. */
export function locatePath(path: string, { locate }: Pick<JudgeDeps, 'locate'>): string {
  return locate === undefined || !/^\.{1,2}[/\\]/.test(path) ? path : locate(path);
}

/** Returns the path of a file where nothing but a file can be named: a bare name lies in the recipe's folder, too. */
export function locateFile(path: string, { locate }: Pick<JudgeDeps, 'locate'>): string {
  return locate === undefined ? path : locate(path);
}
