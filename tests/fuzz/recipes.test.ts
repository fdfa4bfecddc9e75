/** Recipes and `--set` that a seed draws, near valid ones and far from them: a recipe that reads to itself, or problems
 *  with their places. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../../src/base/errors.js';
import { planSweep } from '../../src/recipe/sweepPlan.js';
import {
  type LoadedRecipe,
  parseRecipe,
  RecipeError,
  readRecipeText,
  shippedRecipes,
} from '../../src/recipe/readRecipe.js';
import { mutated } from './mutated.js';
import { settingsFor, timeoutMs } from './settings.js';

const recipes = shippedRecipes().map(({ file }) => readRecipeText(file).text);
const odd = [
  '.nan',
  '-.inf',
  '1e999',
  '1e-999',
  '0x10',
  '9007199254740993',
  '-1',
  '0',
  'null',
  '~',
  '',
  'yes',
  '"\\u0000"',
  '[]',
  '{}',
  '[[[]]]',
  '{__proto__: 1}',
  '__proto__: {a: 1}',
  'constructor: 1',
  '<<: {a: 1}',
  '<<: *b',
  '&a x',
  '*a',
  '!!binary x',
  '!!js/function x',
  '? a',
  '- ',
  ': ',
  '\t',
  '\r\n',
  '\uFEFF',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '# c',
  '|\n',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ',',
  '@',
  '`',
  'seed: 1\n',
  'name: x\n',
  'stages:\n',
  '🌧',
  '\ud800',
  '\u2028',
];
const lines = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  drop: fc.nat(12),
  by: fc.constantFrom(...odd),
});
const changedTexts = fc
  .tuple(fc.constantFrom(...recipes), fc.array(lines, { minLength: 1, maxLength: 4 }))
  .map(([text, changes]) =>
    changes.reduce((made, { at, drop, by }) => {
      const place = Math.floor(at * made.length);
      return made.slice(0, place) + by + made.slice(place + drop);
    }, text),
  );
const changedValues = fc
  .constantFrom(...recipes)
  .chain((text) => mutated(parse(text)))
  .map((value) => JSON.stringify(value));
const strange = fc.constantFrom(
  '',
  '\uFEFF',
  '---\n---\n',
  'null',
  '5',
  '[]',
  'a: &a [1]\nb: *a\nc: *d',
  `a: &a [x, x]\n${Array.from(
    { length: 12 },
    (_, i) =>
      `a${String(i)}: &b${String(i)} [${Array(9)
        .fill(i === 0 ? '*a' : `*b${String(i - 1)}`)
        .join(', ')}]`,
  ).join('\n')}`,
  `${'['.repeat(3000)}`,
  `${'['.repeat(3000)}${']'.repeat(3000)}`,
  `a: ${'{a: '.repeat(3000)}1${'}'.repeat(3000)}`,
  `${'- '.repeat(3000)}1`,
  '&a [*a]',
  'name: &a { b: *a }',
);
const texts = fc.oneof(
  { arbitrary: changedTexts, weight: 4 },
  { arbitrary: changedValues, weight: 4 },
  strange,
  fc.string(),
);

/** Returns null for problems that a user can act on. @throws whatever else is thrown */
function recipeOrProblems(text: string, set: readonly string[] = []): LoadedRecipe | null {
  try {
    const given = { file: 'r.yaml', changes: { set } };
    const loaded = parseRecipe(text, given);
    if (loaded.recipe.sweep !== null)
      for (const point of planSweep({ text, ...given }).points) requireSound(point.loaded);
    return loaded;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (error instanceof RecipeError) {
      expect(error.problems).not.toEqual([]);
      for (const { where, message } of error.problems) {
        expect(where).toMatch(/^(r\.yaml:\d+:\d+|--set )/);
        expect(message).not.toBe('');
      }
    }
    expect(error.message).toMatch(/r\.yaml|--set/);
    expect(error.message).not.toMatch(/\bat .*\.[jt]s:\d+|undefined is not|Cannot read prop|call stack/);
    return null;
  }
}

function requireSound(loaded: LoadedRecipe | null): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  if (loaded === null) return;
  const again = parseRecipe(JSON.stringify(loaded.configuration), { file: 'r.yaml' });
  expect(again.configuration).toEqual(loaded.configuration);
  const walk = (at: unknown): void => {
    if (typeof at === 'number') expect(Number.isFinite(at)).toBe(true);
    else if (typeof at === 'object' && at !== null) Object.values(at).forEach(walk);
  };
  walk(loaded.recipe);
}

describe('any recipe', () => {
  it(
    'is read, to itself again, or its problems are named with their places',
    () =>
      fc.assert(
        fc.property(texts, (text) => requireSound(recipeOrProblems(text))),
        settingsFor(4),
      ),
    timeoutMs,
  );

  it(
    'that --set changes is read, or the flag is named',
    () => {
      const keys = fc.oneof(
        fc.constantFrom(
          'seed',
          'name',
          'stages.ipo.epochs',
          'stages.0.exploit.beta',
          'stages',
          'stages.9',
          'judge',
          'judge.threshold',
          'target.model',
          'sweep.grid.seed',
          'sweep',
          'limits.maxTime',
          '__proto__',
          '__proto__.a',
          'constructor.prototype.a',
          'stages.evaluate.rows.0',
          'a..b',
          '.',
          'prompts.train.x',
          'prompts',
        ),
        fc.string({ maxLength: 8 }),
      );
      const assignment = fc.tuple(
        keys,
        fc.oneof(
          fc.constantFrom(...odd),
          fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
        ),
      );
      fc.assert(
        fc.property(
          fc.constantFrom(...recipes),
          fc.array(assignment, { minLength: 1, maxLength: 3 }),
          (text, pairs) => {
            requireSound(
              recipeOrProblems(
                text,
                pairs.map(([key, value]) => `${key}=${value}`),
              ),
            );
          },
        ),
        settingsFor(4),
      );
    },
    timeoutMs,
  );
});
