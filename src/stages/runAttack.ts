/** Runs one attack from a program: it takes a target, a judge and prompts, and gives a run directory, its report and
 *  samples. Recipe, stages and files are those of `gadfly run`; an object of the program takes the place of a name in the
 *  recipe. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { present } from '../base/invariant.js';
import { stagesLeftOut } from '../recipe/recipe.js';
import { freeFolder, makeFolder } from '../base/makeFolder.js';
import { attacks } from '../attacks/all.js';
import type { Judge } from '../dialogue/types.js';
import { openDevice } from '../engine/runtime/device.js';
import { writeFileAtomic } from '../base/files.js';
import { jsonText } from '../base/json.js';
import { parseRecipe } from '../recipe/readRecipe.js';
import type { RecipeInput } from '../recipe/recipe.js';
import type { Report } from '../report/report.js';
import type { OpenTarget } from '../speakers/targets/openTarget.js';
import { runRecipe } from './runRecipe.js';
import type { StageProgress } from './stageContext.js';

type Stage = RecipeInput['stages'][number];
export type AttackInput = NonNullable<Stage['exploit']>;
export type EvaluationInput = NonNullable<Stage['evaluate']>;

export interface RunAttackOptions {
  /** A target of the program, such as `createFunctionTarget` makes, or one as a recipe names it. */
  readonly target: OpenTarget | RecipeInput['target'];
  /** A judge of the program, such as `createFunctionJudge` makes, or one as a recipe names it: 'linear-toxicity', … */
  readonly judge: Judge | RecipeInput['judge'];
  /** Texts that dialogues begin with, divided into training, dev and test ones by draw; or prompts as a recipe names
   *  them. */
  readonly prompts: readonly string[] | NonNullable<RecipeInput['prompts']>;
  /** The attack and its options, as in a recipe: `{ attack: 'ipo', epochs: 8 }`. */
  readonly attack: AttackInput;
  /** Options of the evaluation that follows, as in a recipe. */
  readonly evaluate?: EvaluationInput;
  /** The adversary, which the attack trains: a model, or options as in a recipe. Default 'organism'. */
  readonly adversary?: string | RecipeInput['adversary'];
  /** Name of the run. Default: the attack. */
  readonly name?: string;
  readonly seed?: number;
  readonly limits?: RecipeInput['limits'];
  /** The run directory; one that holds an interrupted run of the same options is continued. Default: runs/NAME, or the
   *  first free one of runs/NAME-2 … */
  readonly out?: string;
  /** Processor threads. Default: one per core. */
  readonly threads?: number;
  /** Folder for fetched models. Default: the hub's standard place. */
  readonly cacheDir?: string;
  /** Whether all network use but the target's own is refused. Default false. */
  readonly offline?: boolean;
  /** Aborting it stops the run after the pass that is being computed; it can be continued from its last checkpoint. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: StageProgress) => void;
  /** Called with messages for the run's log, in sentences. */
  readonly onNote?: (text: string) => void;
}

export interface AttackRun {
  /** The run directory, absolute. */
  readonly out: string;
  /** Adversaries compared, the untuned one and the attack, with their figures. */
  readonly rows: Report['rows'];
  /** Dialogues to look at. */
  readonly samples: Report['samples'];
  readonly report: Report;
}

/** Trains the adversary against the target, compares it with its untuned self, and writes the run directory.
 *  @throws ConfigError for options that do not fit together, InterruptedError and BudgetError when stopped: what was
 *    done is kept */
export async function runAttack(options: RunAttackOptions): Promise<AttackRun> {
  const out = resolve(options.out ?? freeFolder(`runs/${nameOf(options)}`));
  makeFolder(out);
  if (isTexts(options.prompts)) writeFileAtomic(join(out, promptsFile), jsonText(options.prompts, 1));
  const loaded = parseRecipe(jsonText(recipeOf(options), 1), { file: join(out, 'recipe.json') });
  if (stagesLeftOut(loaded.recipe).length > 0)
    throw new ConfigError('the attack lacks its data', {
      where: 'attack',
      remedy: 'Give it the texts that it learns from.',
    });
  const { target, judge, signal } = options;
  const { report } = await runRecipe(loaded, {
    place: { kind: existsSync(join(out, 'manifest.json')) ? 'resume' : 'new', folder: out },
    interrupted: () => signal?.aborted === true,
    note: options.onNote,
    onProgress: options.onProgress,
    pool: {
      openDevice: () => openDevice({ threads: options.threads ?? availableParallelism(), signal }),
      cacheDir: options.cacheDir ?? null,
      offline: options.offline ?? false,
      targets: isTarget(target) ? { [target.name]: target } : {},
      judges: isJudge(judge) ? { [judge.name]: judge } : {},
      ...(signal === undefined ? {} : { signal }),
    },
  });
  const written = present(report, 'an evaluation writes a report');
  return { out, rows: written.rows, samples: written.samples, report: written };
}

const promptsFile = 'prompts.json';

function nameOf({ name, attack }: RunAttackOptions): string {
  return name ?? attack.name ?? attack.attack;
}

function recipeOf(options: RunAttackOptions): RecipeInput {
  const { target, judge, prompts, attack, evaluate = {}, seed = 0, limits } = options;
  const adversary =
    typeof options.adversary === 'object' ? options.adversary : { model: options.adversary ?? 'organism' };
  return {
    name: nameOf(options),
    seed,
    // A program's own target reads texts in the adversary's format.
    target: isTarget(target)
      ? { model: target.name, format: adversary.format ?? (/^organism(:|$)/.test(adversary.model) ? 'lines' : 'plain') }
      : target,
    adversary,
    judge: isJudge(judge) ? { model: judge.name, threshold: judge.threshold } : judge,
    prompts: isTexts(prompts) ? { data: promptsFile, split: { train: 0.6, dev: 0.15, test: 0.25 } } : prompts,
    stages: [{ exploit: isTarget(target) ? withoutLogProbs(attack, target) : attack }, { evaluate }],
    ...(limits === undefined ? {} : { limits }),
  };
}

/** Leaves the likelihood out of the reward for a target that gives text alone. */
function withoutLogProbs(attack: AttackInput, { provides }: OpenTarget): AttackInput {
  if (provides.logProbs || !('reward' in attacks[attack.attack].schema.shape)) return attack;
  return { ...attack, reward: { likelihood: 0, ...('reward' in attack ? attack.reward : {}) } } as AttackInput;
}

function isTarget(target: RunAttackOptions['target']): target is OpenTarget {
  return 'reply' in target && typeof target.reply === 'function';
}

function isJudge(judge: RunAttackOptions['judge']): judge is Judge {
  return typeof judge === 'object' && 'judge' in judge && typeof judge.judge === 'function';
}

function isTexts(prompts: RunAttackOptions['prompts']): prompts is readonly string[] {
  return Array.isArray(prompts);
}
