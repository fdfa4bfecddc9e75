/** Checks the inputs of a run before the first stage: files and models that must be there. Hashes the inputs. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { requireModel } from '../engine/models/checkpoints/resolveModel.js';
import { tokenizerOf, withCheckpoint } from '../engine/models/storedModel.js';
import { judgeFiles } from '../recipe/judgeFiles.js';
import { hashInput } from '../runs/manifest.js';
import type { InputHash } from '../runs/manifest.js';
import { type Recipe, recipeJudges, recipeSpeakers, recipeStages, startSources } from '../recipe/recipe.js';
import { keyFrom } from '../remote/questions.js';
import { environmentValues } from '../remote/template.js';
import { speakerKind } from '../speakers/options.js';
import { speakerFormat } from '../speakers/speakerOptions.js';
import { recipeFiles } from '../recipe/readRecipe.js';
import type { LoadedRecipe } from '../recipe/readRecipe.js';

/** Checks the files of a recipe. @throws ConfigError naming the key of the first file that is not there */
export function requireFiles({ recipe, source }: LoadedRecipe): void {
  for (const { key, name, path } of recipeFiles(recipe, source.folder)) {
    if (!existsSync(path))
      throw new ConfigError('no such file', {
        where: key,
        got: name,
        expected: path,
        remedy: 'Paths start at the recipe’s folder, those of --set at the working directory.',
      });
  }
}

/** Checks the models of a recipe before anything is opened or written.
 *  @param given names of speakers that a program gives itself
 *  @throws ConfigError naming the key of the first model that cannot be opened */
export function requireModels({ recipe, source }: LoadedRecipe, given: ReadonlySet<string> = new Set()): void {
  const measuring = recipeStages(recipe).flatMap(({ name, traits }) =>
    traits.models.map(({ key, model }) => [`stages.${name}.${key}`, model] as const),
  );
  const speakers = recipeSpeakers(recipe).map(
    ({ path, speaker }) => [[...path, 'model'].join('.'), speaker.model] as const,
  );
  const named = [...speakers, ['reference', recipe.reference], ...measuring] as const;
  for (const [key, modelId] of named) {
    if (modelId === null || given.has(modelId) || speakerKind(modelId) !== 'local') continue;
    try {
      requireModel(modelId.startsWith('.') ? resolve(source.folder, modelId) : modelId);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { where, ...details } = error.details;
      throw new ConfigError('no such model', { ...details, where: key, got: modelId, cause: error });
    }
  }
}

/** Checks that dialogues which begin with nothing can: a model on this machine that reads running text has a start token,
 *  which stands before the first utterance; a chat template opens an empty chat by itself.
 *  @param find the file or folder of a model; null where it is not to be looked at
 *  @throws ConfigError naming the prompts and the speaker, before a model is opened */
export async function requireStartTokens(
  recipe: Recipe,
  find: (modelId: string) => Promise<string | null>,
): Promise<void> {
  const [key] = startSources(recipe);
  if (key === undefined) return;
  for (const { role, path, speaker } of recipeSpeakers(recipe)) {
    if (role === 'writer' || speakerKind(speaker.model) !== 'local' || speakerFormat(speaker) === 'chat') continue;
    const place = await find(speaker.model);
    if (place === null) continue;
    const bosId = await withCheckpoint(place, async (checkpoint) => tokenizerOf(checkpoint).bosId);
    if (bosId !== null) continue;
    throw new ConfigError('a dialogue from the start token needs one, and this model has none', {
      where: `prompts.${key}`,
      got: `${recipe.prompts[key] ?? ''} with ${path.join('.')}: ${speaker.model}`,
      remedy: 'Give prompts with text, or set format: chat where the model has a chat template.',
    });
  }
}

/** Checks that the keys of everything that is asked over a network are in the environment, before anything is written.
 *  @param given names of speakers and judges that a program gives itself
 *  @throws ConfigError, without a key */
export function requireKeys(
  { recipe }: LoadedRecipe,
  environment: Readonly<Record<string, string | undefined>>,
  given: ReadonlySet<string> = new Set(),
): void {
  const check = (path: readonly PropertyKey[], asked: AskedByKey): void => {
    if (given.has(asked.model)) return;
    const at = (key: string): string => [...path, key].map(String).join('.');
    keyFrom(asked.apiKeyEnv ?? null, environment, at('apiKeyEnv'));
    environmentValues(asked.baseUrl, environment, at('baseUrl'));
    environmentValues(asked.http, environment, at('http'));
    asked.members?.forEach((member, i) => {
      check([...path, 'members', i], member);
    });
  };
  for (const { path, speaker } of recipeSpeakers(recipe)) check(path, speaker);
  for (const { path, judge } of recipeJudges(recipe)) check(path, judge);
}

interface AskedByKey {
  readonly model: string;
  readonly apiKeyEnv?: string | undefined;
  readonly baseUrl?: string | undefined;
  readonly http?: unknown;
  readonly members?: readonly AskedByKey[] | undefined;
}

/** Hashes data files and the models that the recipe names by path; fetched models are named by their id alone. */
export async function hashInputs({ recipe, source }: LoadedRecipe): Promise<readonly InputHash[]> {
  const models = [...recipeSpeakers(recipe).map(({ speaker }) => speaker.model), recipe.reference].filter(
    (modelId) => modelId !== null && /^\.{0,2}\//.test(modelId),
  );
  models.push(...recipeJudges(recipe).flatMap(({ judge }) => judgeFiles(judge)));
  const named = [
    ...recipeFiles(recipe, source.folder),
    ...models.map((modelId) => ({ name: modelId ?? '', path: resolve(source.folder, modelId ?? '') })),
  ];
  const byName = new Map(named.map(({ name, path }) => [name, path]));
  const out: InputHash[] = [];
  for (const [name, path] of byName) out.push(await hashInput(name, path));
  return out;
}
