/** The schema of a recipe: every key, its kind, its default. Parsed once into a value that nothing re-checks; the
 *  parsed value is itself a valid recipe (it is what manifest.json keeps). Reading files and placing errors is
 *  `readRecipe.ts`. */
import { z } from 'zod';
import { exploitSchema, type ExploitOptions } from '../attacks/options.js';
import { rewardWeights } from '../dialogue/rewardSchema.js';
import { mendSchema, type MendOptions } from '../mending/options.js';
import { loopSchema, sweepSchema } from './plans.js';
import { count, countFromZero, duration, loraSchema, path, positive, share } from '../base/schemaParts.js';
import {
  precision,
  type RemoteOptions,
  remoteSchema,
  speaker,
  speakerKind,
  type SpeakerOptions,
  targetSchema,
} from '../speakers/options.js';

export const adversarySchema = z.strictObject({
  ...speaker,
  lora: loraSchema
    .nullable()
    .default(null)
    .describe(
      'Train a low-rank adapter and leave the weights as they are: less memory, quicker steps, usually a higher learningRate. null trains all weights.',
    ),
  rolloutPrecision: precision.describe(
    'int8: training rollouts are sampled from 8-bit weights. Losses and evaluation are always f32.',
  ),
});

const labelNames = z.union([
  z
    .string()
    .min(1)
    .transform((label) => [label]),
  z.array(z.string().min(1)).min(1),
]);

/** What every judge and every member of an ensemble may have. */
const judgeKeys = {
  model: z
    .string()
    .min(1)
    .describe(
      'linear-toxicity | insult-words | lexicon:FILE | ./dir[#LABEL] | hf:org/name[#LABEL] | languageModel:MODEL[#TEMPLATE] | mean(A, B) | max(A, B) | vote(A, B)',
    ),
  threshold: share.optional().describe('Harm above it counts as a failure. Default: the judge’s own.'),
  labels: labelNames
    .optional()
    .describe('Classifiers: the label or labels that mean harm. Default: found by their names.'),
  harmlessLabels: labelNames
    .optional()
    .describe('Classifiers: the label or labels that mean no harm; harm is what they leave (1 − p).'),
  multiLabel: z
    .boolean()
    .optional()
    .describe(
      'Classifiers: labels are independent (sigmoid each) or exclude each other (softmax). Default: as config.json says.',
    ),
  template: z
    .string()
    .min(1)
    .optional()
    .describe(
      'languageModel: yes-no (the default), yes-no-in-context, rubric, llama-guard, llama-guard-own, harmbench, or a file with {{text}} or {{reply}}.',
    ),
  temperature: positive
    .optional()
    .describe('languageModel: harm = σ((z_Yes − z_No) / temperature). Default: 10; 1 gives the model’s own odds.'),
  maxNewTokens: count.optional().describe('languageModel with a rating: most tokens of the reply. Default: 24.'),
  tooLong: z
    .enum(['cut', 'unscored'])
    .optional()
    .describe(
      'languageModel: a text longer than the context keeps its beginning and end (cut, the default), or is unscored.',
    ),
  baseUrl: z.string().min(1).optional().describe('languageModel:openai:NAME: where the endpoint is.'),
  apiKeyEnv: z
    .string()
    .min(1)
    .optional()
    .describe('languageModel:openai:NAME: name of the environment variable that holds the key.'),
  remote: remoteSchema.optional().describe('languageModel:openai:NAME: how the endpoint is asked.'),
};

const named = z
  .string()
  .min(1)
  .transform((model) => ({ model }));
const memberSchema = z.union([named, z.strictObject(judgeKeys)]).pipe(z.strictObject(judgeKeys));
const fullJudge = {
  ...judgeKeys,
  members: z
    .array(memberSchema)
    .min(1)
    .optional()
    .describe('For model: mean, max or vote: the judges that it joins, names or mappings.'),
  maxUnscored: share
    .default(0.2)
    .describe('A run fails (exit code 1) when a greater share of a stage’s or a row’s texts has no verdict.'),
};

export const judgeSchema = z.union([named, z.strictObject(fullJudge)]).pipe(z.strictObject(fullJudge));

export const promptsSchema = z.strictObject({
  data: path.nullish().describe('One data set, split by conversation; or null, and train, dev and test.'),
  split: z
    .strictObject({ train: share.default(0.8), dev: share.default(0.05), test: share.default(0.15) })
    .prefault({})
    .describe('Shares of the conversations of `data`.'),
  train: path.optional(),
  dev: path.optional(),
  test: path.optional(),
  format: z
    .string()
    .optional()
    .describe('Data format by name (`gadfly list datasets`). Default: recognised from the file.'),
  maxTurns: count.optional().describe('Keep the last so many turns of a conversation.'),
  filter: z
    .strictObject({ maxHarm: share.optional().describe('Drop prompts that the judge scores above it.') })
    .prefault({}),
});

export const evaluateSchema = z.strictObject({
  rows: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Adversaries to compare: untuned and names of exploit stages. Default: untuned and all of them.'),
  targets: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Targets to play: original and names of mended models. Default: all. A loop plays each round’s own.'),
  turns: count.default(3),
  prompts: count.nullable().default(null).describe('Evaluate on the first so many test prompts; null is all.'),
  judges: z
    .array(judgeSchema)
    .min(1)
    .optional()
    .describe('Default: the judge of the recipe. The first gives the main figures.'),
  reward: rewardWeights.optional().describe('Default: the reward of the first ipo stage.'),
  samples: countFromZero.default(12).describe('Dialogues a row kept in the report.'),
  failOver: share.optional().describe('Exit code 3 when a row’s replyFailureRate exceeds it.'),
});

export const stageSchema = z
  .strictObject({ exploit: exploitSchema.optional(), mend: mendSchema.optional(), evaluate: evaluateSchema.optional() })
  .refine((stage) => Object.values(stage).filter((value) => value !== undefined).length === 1, {
    error: 'a stage is exactly one of exploit, mend, evaluate',
  });

export const limitsSchema = z
  .strictObject({
    maxTime: duration.nullable().default(null),
    maxTokens: positive.nullable().default(null).describe('Tokens generated, both sides.'),
    maxCost: positive.nullable().default(null).describe('US dollars, for remote targets with known prices.'),
  })
  .prefault({});

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
export type JudgeOptions = Recipe['judge'];
export type PromptsOptions = Recipe['prompts'];
export type LimitsOptions = Recipe['limits'];
export type EvaluateOptions = z.output<typeof evaluateSchema>;

export type RecipeStage =
  | {
      readonly kind: 'exploit';
      readonly index: number;
      /** Unique in the recipe. */ readonly name: string;
      readonly options: ExploitOptions;
    }
  | { readonly kind: 'mend'; readonly index: number; readonly name: string; readonly options: MendOptions }
  | { readonly kind: 'evaluate'; readonly index: number; readonly name: string; readonly options: EvaluateOptions };

/** The file of `prompts:FILE`, as written; null for every other adversary. */
export function promptListFile({ adversary }: Pick<Recipe, 'adversary'>): string | null {
  return speakerKind(adversary.model) === 'prompts' ? adversary.model.slice('prompts:'.length) : null;
}

/** Everybody whom a recipe lets speak, and where in it. */
export function recipeSpeakers(recipe: Recipe): readonly {
  readonly role: 'target' | 'adversary' | 'writer';
  readonly path: readonly (string | number)[];
  readonly speaker: SpeakerOptions;
}[] {
  return [
    { role: 'target', path: ['target'], speaker: recipe.target },
    { role: 'adversary', path: ['adversary'], speaker: recipe.adversary },
    ...recipe.stages.flatMap(({ mend }, index) => {
      const writer = mend?.candidates.writer ?? null;
      return writer === null
        ? []
        : [{ role: 'writer' as const, path: ['stages', index, 'mend', 'candidates', 'writer'], speaker: writer }];
    }),
  ];
}

/** With the defaults of `remote:` written out where a model is remote. */
export function withRemoteDefaults(recipe: Recipe): Recipe {
  const settled = <T extends { readonly model: string; readonly remote?: RemoteOptions | undefined }>(each: T): T => {
    const kind = speakerKind(each.model);
    return each.remote !== undefined || kind === 'local' || kind === 'prompts'
      ? each
      : { ...each, remote: remoteSchema.parse({}) };
  };
  const stages = recipe.stages.map((stage) => {
    const { mend } = stage;
    const writer = mend?.candidates.writer ?? null;
    return mend === undefined || writer === null
      ? stage
      : { ...stage, mend: { ...mend, candidates: { ...mend.candidates, writer: settled(writer) } } };
  });
  return { ...recipe, target: settled(recipe.target), adversary: settled(recipe.adversary), stages };
}

/** The stages in order, each with its name: 'ipo', 'ipo-no-weak-supervision', 'evaluate'. Those that lack their data
 *  are left out. */
export function recipeStages(recipe: Recipe): readonly RecipeStage[] {
  return namedStages(recipe).filter((stage) => missingData(stage) === null);
}

/** The stages that lack their data, with the key that would give it. */
export function stagesLeftOut(
  recipe: Recipe,
): readonly { readonly name: string; readonly index: number; readonly key: string }[] {
  return namedStages(recipe).flatMap((stage) => {
    const key = missingData(stage);
    return key === null ? [] : [{ name: stage.name, index: stage.index, key: `stages.${stage.name}.${key}` }];
  });
}

function missingData(stage: RecipeStage): string | null {
  if (stage.kind === 'evaluate') return null;
  if (stage.kind === 'mend') return stage.options.failures.data === null ? 'failures.data' : null;
  if (stage.options.attack === 'sft') return stage.options.data === null ? 'data' : null;
  return stage.options.weakSupervision?.data === null ? 'weakSupervision.data' : null;
}

function namedStages(recipe: Recipe): readonly RecipeStage[] {
  return recipe.stages.map((stage, index): RecipeStage => {
    if (stage.exploit !== undefined)
      return { kind: 'exploit', index, name: stage.exploit.name ?? stage.exploit.attack, options: stage.exploit };
    if (stage.mend !== undefined) return { kind: 'mend', index, name: stage.mend.name ?? 'mend', options: stage.mend };
    const options = stage.evaluate as EvaluateOptions; // The schema allows exactly one of the three.
    return { kind: 'evaluate', index, name: 'evaluate', options };
  });
}

/** The weights of a stage's reward; undefined where it has none of its own. */
export function stageReward(stage: RecipeStage): EvaluateOptions['reward'] {
  if (stage.kind === 'evaluate') return stage.options.reward;
  return stage.kind === 'exploit' && stage.options.attack === 'ipo' ? stage.options.reward : undefined;
}

/** The adversary before any attack, as a row of an evaluation. */
export const untunedRow = 'untuned';

/** The target before any mending, among the targets of an evaluation. */
export const originalTarget = 'original';

/** Names of the models that the recipe's mend stages make. */
export function mendedNames(recipe: Recipe): readonly string[] {
  return recipeStages(recipe).flatMap((stage) => (stage.kind === 'mend' ? stage.options.train.map(trainingName) : []));
}

/** Adversaries that an evaluation compares, with what trained them; stages that lack their data are left out. */
export function evaluatedAdversaries(
  recipe: Recipe,
  { rows }: Pick<EvaluateOptions, 'rows'>,
): readonly { readonly adversary: string; readonly attack: string }[] {
  const trained = recipeStages(recipe).flatMap((stage) =>
    stage.kind === 'exploit' ? [{ adversary: stage.name, attack: stage.options.attack }] : [],
  );
  const all = [{ adversary: untunedRow, attack: 'none' }, ...trained];
  return rows === undefined ? all : rows.flatMap((row) => all.filter(({ adversary }) => adversary === row));
}

export function trainingName({ name, loss }: Pick<MendOptions['train'][number], 'name' | 'loss'>): string {
  return name ?? loss;
}

/** JSON Schema (draft 2020-12) of a recipe as written. */
export function recipeJsonSchema(): object {
  return z.toJSONSchema(recipeSchema, { io: 'input' });
}
