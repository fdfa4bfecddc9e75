/** Rules that keep keys out of a recipe, from where they would go into manifests and reports, and that refuse places which
 *  nothing fills. No message shows what it refuses. */
import type { BrokenRule } from '../base/brokenRule.js';
import { servicePlaces } from '../remote/jsonService.js';
import { holdsKey, looksLikeVariable } from '../remote/secrets.js';
import { unfilledPlaces } from '../remote/template.js';
import { problemOfUrl } from '../remote/wire.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import type { SpeakerOptions } from '../speakers/options.js';
import { type Recipe, recipeJudges, recipeSpeakers } from './recipe.js';

/** Whatever is asked over a network: a speaker, a judge, a member of a judge. */
type Asked = Pick<SpeakerOptions, 'apiKeyEnv' | 'baseUrl' | 'http'> & {
  readonly remote?: { readonly extraBody?: Readonly<Record<string, unknown>> | undefined } | undefined;
};

type Path = BrokenRule['path'];

const byVariable = 'export the key as a variable, and write {{env:NAME}} in its place';

export function secretRules(recipe: Recipe): readonly BrokenRule[] {
  return [
    ...recipeSpeakers(recipe).flatMap(({ path, speaker }) => askedRules(path, speaker)),
    ...trainerRules(recipe.adversary.trainer),
    ...recipeJudges(recipe).flatMap(({ path, judge }) => judgeRules(path, judge)),
  ];
}

function trainerRules(trainer: Recipe['adversary']['trainer']): readonly BrokenRule[] {
  if (trainer === null) return [];
  const { baseUrl, apiKeyEnv } = trainer;
  return askedRules(['adversary', 'trainer'], { baseUrl, ...(apiKeyEnv === undefined ? {} : { apiKeyEnv }) });
}

function judgeRules(
  path: Path,
  { members = [], baseUrl, apiKeyEnv, remote }: Pick<JudgeOptions, 'members' | 'baseUrl' | 'apiKeyEnv' | 'remote'>,
): readonly BrokenRule[] {
  return [
    ...askedRules(path, {
      ...(baseUrl === undefined ? {} : { baseUrl }),
      ...(apiKeyEnv === undefined ? {} : { apiKeyEnv }),
      remote,
    }),
    ...members.flatMap((member, i) => judgeRules([...path, 'members', i], member)),
  ];
}

function askedRules(path: Path, { apiKeyEnv, baseUrl, http, remote }: Asked): readonly BrokenRule[] {
  return [
    ...(apiKeyEnv === undefined || looksLikeVariable(apiKeyEnv)
      ? []
      : [
          {
            path: [...path, 'apiKeyEnv'],
            message: 'this is the name of a variable, and what stands here looks like the key itself',
            remedy: 'export MY_KEY=…, and write apiKeyEnv: MY_KEY',
          },
        ]),
    ...(baseUrl === undefined ? [] : urlRules([...path, 'baseUrl'], baseUrl)),
    ...(remote?.extraBody === undefined
      ? []
      : fieldRules([...path, 'remote', 'extraBody'], remote.extraBody, [], false)),
    ...(http === undefined
      ? []
      : [
          ...urlRules([...path, 'http', 'url'], http.url),
          ...fieldRules([...path, 'http', 'headers'], http.headers, [], true),
          ...fieldRules([...path, 'http', 'body'], http.body, servicePlaces, true),
        ]),
  ];
}

function urlRules(path: Path, url: string): readonly BrokenRule[] {
  const problem = problemOfUrl(url);
  if (problem === null) return [];
  return [{ path, message: `an address that can be asked is needed, and this has: ${problem}`, remedy: byVariable }];
}

/** @param takesVariables whether {{env:NAME}} is filled in there */
function fieldRules(
  path: Path,
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
  takesVariables: boolean,
): readonly BrokenRule[] {
  const places = takesVariables ? unfilledPlaces(fields, known) : anyPlaces(fields);
  const filled = [...known.map((name) => `{{${name}}}`), ...(takesVariables ? ['{{env:NAME}}'] : [])];
  return [
    ...places.map((name) => ({
      path,
      message: `nothing fills the place {{${name}}}`,
      remedy: filled.length === 0 ? 'leave it out: no place is filled here' : `known: ${filled.join(', ')}`,
    })),
    ...namedTexts(fields)
      .filter(({ name, text }) => holdsKey(name, text))
      .map(({ name }) => ({ path, message: `'${name}' seems to hold a key`, remedy: byVariable })),
  ];
}

function anyPlaces(fields: unknown): readonly string[] {
  return /\{\{[^{}]*\}\}/.test(JSON.stringify(fields) ?? '') ? ['…'] : [];
}

/** The texts of fields at any depth, with the names of the fields. */
function namedTexts(value: unknown, name = ''): readonly { readonly name: string; readonly text: string }[] {
  if (typeof value === 'string') return [{ name, text: value }];
  if (Array.isArray(value)) return value.flatMap((each) => namedTexts(each, name));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => namedTexts(each, key));
}
