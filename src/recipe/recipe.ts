/** The schema of a recipe: every key, its kind, its default. Parsed once into a value that nothing re-checks; the
 *  parsed value is itself a valid recipe (it is what manifest.json keeps). Reading files and placing errors is
 *  `readRecipe.ts`. */
import { z } from 'zod';
import { count, path, share } from '../base/schemaParts.js';
import { isStartSource, startCount } from '../dialogue/datasets/start.js';
import { taskSchema } from '../dialogue/task.js';
import { asksForTargetText, type RewardWeights } from '../dialogue/reward.js';
import { judgeSchema, type JudgeOptions } from '../speakers/judges/options.js';
import {
  adversarySchema,
  remoteSchema,
  speakerKind,
  type SpeakerOptions,
  targetSchema,
  withChanges,
} from '../speakers/options.js';
import { limitsSchema } from './limits.js';
import { loopSchema, sweepSchema } from './plans.js';
import { stageKinds, type StageKindName, type StageOptions } from './stages/all.js';
import type { StageKind, StageTraits } from './stages/stage.js';

/** A file, or `start:N`. */
const promptSource = path.refine((source) => !isStartSource(source) || startCount(source) !== null, {
  error: ({ input }) => `expected start:N with N from 1, or the path of a file, got ${JSON.stringify(input)}`,
});

const promptsSchema = z.strictObject({
  data: promptSource
    .nullish()
    .describe(
      'One data set, split by conversation; or null, and train, dev and test. start:N in the place of a file: N dialogues that begin with nothing, at the start token of the adversary’s model.',
    ),
  split: z
    .strictObject({ train: share.default(0.8), dev: share.default(0.05), test: share.default(0.15) })
    .prefault({})
    .describe('Shares of the conversations of `data`.'),
  train: promptSource.optional(),
  dev: promptSource.optional(),
  test: promptSource.optional(),
  format: z
    .string()
    .optional()
    .describe('Data format by name (`gadfly list datasets`). Default: recognised from the file.'),
  maxTurns: count.optional().describe('Maximum number of turns of a conversation, the last ones.'),
  filter: z
    .strictObject({ maxHarm: share.optional().describe('Drop prompts that the judge scores above it.') })
    .prefault({}),
  task: taskSchema
    .nullable()
    .default(null)
    .describe(
      'Tells the adversary alone the goal of each prompt as a task of some rounds; the target’s dialogue begins empty. null leaves prompts as they are.',
    ),
});

const stageNames = Object.keys(stageKinds) as StageKindName[];

const stageSchema = z
  .strictObject({
    explore: stageKinds.explore.schema.optional(),
    plant: stageKinds.plant.schema.optional(),
    establish: stageKinds.establish.schema.optional(),
    exploit: stageKinds.exploit.schema.optional(),
    mend: stageKinds.mend.schema.optional(),
    estimate: stageKinds.estimate.schema.optional(),
    evaluate: stageKinds.evaluate.schema.optional(),
  })
  .refine((stage) => Object.values(stage).filter((value) => value !== undefined).length === 1, {
    error: `a stage is exactly one of ${stageNames.join(', ')}`,
  });

export const recipeSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dot, dash and underscore only')
      .describe('Name of the experiment; the default folder of a run is runs/NAME.'),
    description: z.string().optional(),
    seed: z.int().default(0),
    target: targetSchema,
    adversary: adversarySchema,
    reference: z
      .string()
      .nullable()
      .default(null)
      .describe('What the adversary is held close to. Default: the adversary as it starts.'),
    judge: judgeSchema,
    prompts: promptsSchema
      .prefault({})
      .describe('May be left out with an adversary prompts:FILE: each entry then opens one dialogue.'),
    stages: z.array(stageSchema).min(1),
    loop: loopSchema.nullable().default(null).describe('Attack, mend, attack again.'),
    sweep: sweepSchema
      .nullable()
      .default(null)
      .describe('One run directory for each combination of values, and one table over all.'),
    limits: limitsSchema,
  })
  .meta({ title: 'Gadfly recipe' });

export type Recipe = z.output<typeof recipeSchema>;
export type RecipeInput = z.input<typeof recipeSchema>;
export type PromptsOptions = Recipe['prompts'];

/** A stage of a recipe, with what its options come to. */
export type RecipeStage = {
  [Kind in StageKindName]: {
    readonly kind: Kind;
    readonly index: number;
    /** Unique in the recipe: 'ipo', 'mend', 'evaluate'. */
    readonly name: string;
    readonly options: StageOptions<Kind>;
    readonly traits: StageTraits;
  };
}[StageKindName];

/** Everybody whom a recipe lets speak, and where in it. */
export function recipeSpeakers(recipe: Recipe): readonly {
  readonly role: 'target' | 'adversary' | 'writer';
  readonly path: readonly (string | number)[];
  readonly speaker: SpeakerOptions;
}[] {
  return [
    { role: 'target', path: ['target'], speaker: recipe.target },
    { role: 'adversary', path: ['adversary'], speaker: recipe.adversary },
    ...namedStages(recipe).flatMap(({ kind, index, traits: { speakers, adversaries } }) =>
      [
        ...speakers,
        ...adversaries.map(({ path, changes }) => ({
          role: 'adversary' as const,
          path,
          speaker: withChanges(recipe.adversary, changes),
        })),
      ].map(({ role, path, speaker }) => ({ role, path: ['stages', index, kind, ...path], speaker })),
    ),
  ];
}

/** The recipe's judge and those of its stages, with their places. */
export function recipeJudges(recipe: Recipe): readonly {
  readonly path: readonly (string | number)[];
  readonly judge: JudgeOptions;
}[] {
  return [
    { path: ['judge'], judge: recipe.judge },
    ...namedStages(recipe).flatMap(({ kind, index, traits }) =>
      traits.judges.map(({ path, judge }) => ({ path: ['stages', index, kind, ...path], judge })),
    ),
  ];
}

/** With the defaults of `remote:` written out where a model is remote. */
export function withRemoteDefaults(recipe: Recipe): Recipe {
  return recipeSpeakers(recipe)
    .filter(({ speaker: { model, remote } }) => remote === undefined && ['openai', 'http'].includes(speakerKind(model)))
    .reduce((before, { path }) => withValueAt(before, [...path, 'remote'], remoteSchema.parse({})), recipe);
}

/** A copy of a plain value with another one at a path. */
function withValueAt<T>(whole: T, [key, ...rest]: readonly (string | number)[], value: unknown): T {
  if (key === undefined) return value as T; // The caller's value is of the kind that stood there.
  const entries: unknown = Array.isArray(whole) ? [...(whole as readonly unknown[])] : { ...whole };
  const copy = entries as Record<string | number, unknown>;
  copy[key] = withValueAt(copy[key], rest, value);
  return copy as T;
}

/** The stages in order, each with its name: 'ipo', 'ipo-no-weak-supervision', 'evaluate'. Those that lack their data
 *  are left out. */
export function recipeStages(recipe: Recipe): readonly RecipeStage[] {
  return namedStages(recipe).filter(({ traits }) => traits.missing === null);
}

/** The stages that lack their data, with the key that would give it. */
export function stagesLeftOut(
  recipe: Recipe,
): readonly { readonly name: string; readonly index: number; readonly key: string }[] {
  return namedStages(recipe).flatMap(({ name, index, traits: { missing } }) =>
    missing === null ? [] : [{ name, index, key: `stages.${name}.${missing}` }],
  );
}

function namedStages(recipe: Recipe): readonly RecipeStage[] {
  return recipe.stages.flatMap((stage, index) =>
    stageNames.flatMap((kind) => {
      const options = stage[kind];
      return options === undefined ? [] : [nameStage(kind, index, options)];
    }),
  );
}

function nameStage<Kind extends StageKindName>(kind: Kind, index: number, options: StageOptions<Kind>): RecipeStage {
  const { traits: traitsOf } = stageKinds[kind] as StageKind<z.ZodType>; // Its own schema has checked the options.
  const traits = traitsOf(options);
  return { kind, index, name: traits.name, options, traits } as RecipeStage;
}

/** The stages of one kind, in order; stages that lack their data are left out. */
export function stagesOfKind<Kind extends StageKindName>(
  recipe: Recipe,
  kind: Kind,
): readonly Extract<RecipeStage, { kind: Kind }>[] {
  const isOfKind = (stage: RecipeStage): stage is Extract<RecipeStage, { kind: Kind }> => stage.kind === kind;
  return recipeStages(recipe).filter(isOfKind);
}

/** The adversary before any attack, as a row of an evaluation. */
export const untunedRow = 'untuned';

/** The target before any mending, among the targets of an evaluation. */
export const originalTarget = 'original';

/** Names of the targets that the recipe's stages make. */
export function mendedNames(recipe: Recipe): readonly string[] {
  return recipeStages(recipe).flatMap(({ traits }) => traits.targets.map(({ name }) => name));
}

/** Names of all targets that an evaluation may play with. */
export function targetNames(
  recipe: Recipe,
  { furtherTargets = {} }: Pick<StageOptions<'evaluate'>, 'furtherTargets'>,
): readonly string[] {
  return [originalTarget, ...mendedNames(recipe), ...Object.keys(furtherTargets)];
}

/** A reward, with the phrasings for its terms of the target's words. */
export interface TrainedReward {
  readonly reward: RewardWeights;
  readonly targetTexts?: readonly string[];
}

/** The reward of the first attack that has one, which an evaluation measures by default. */
export function trainedReward(recipe: Recipe): TrainedReward | null {
  const attack = recipeStages(recipe).find(({ traits }) => (traits.attack?.reward ?? null) !== null)?.traits.attack;
  if (attack?.reward == null) return null;
  const { reward, targetTexts } = attack;
  return { reward, ...(targetTexts === undefined ? {} : { targetTexts }) };
}

/** Keys under `prompts` that name dialogues which begin with nothing. */
export function startSources({ prompts }: Pick<Recipe, 'prompts'>): readonly ('data' | 'train' | 'dev' | 'test')[] {
  return (['data', 'train', 'dev', 'test'] as const).filter((key) => isStartSource(prompts[key]));
}

/** Sets of prompts whose dialogues are rewarded by how likely the target's words are: each of their prompts names its
 *  target string. */
export function setsWithTarget(recipe: Recipe): ReadonlySet<'train' | 'dev' | 'test'> {
  const asks = (reward: RewardWeights | null): boolean => reward !== null && asksForTargetText(reward);
  const trains = recipeStages(recipe).some(({ traits }) => asks(traits.attack?.reward ?? null));
  const tests = stagesOfKind(recipe, 'evaluate').some(({ options }) =>
    asks(options.reward ?? trainedReward(recipe)?.reward ?? null),
  );
  return new Set([...(trains ? (['train', 'dev'] as const) : []), ...(tests ? (['test'] as const) : [])]);
}

/** JSON Schema (draft 2020-12) of a recipe as written. */
export function recipeJsonSchema(): object {
  return z.toJSONSchema(recipeSchema, { io: 'input' });
}
