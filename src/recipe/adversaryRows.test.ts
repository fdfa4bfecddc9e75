/** Adversaries of an evaluation that no stage trains: how a recipe names them, and what it may not say. */
import { describe, expect, it } from 'vitest';
import { parseRecipe, recipeFiles, type LoadedRecipe, type RecipeError } from './readRecipe.js';
import { evaluatedAdversaries } from './adversaries.js';
import { recipeJsonSchema, recipeSpeakers, stagesOfKind } from './recipe.js';
import { problemsOf, recipeHead } from './testing/recipeTexts.js';

const text = `${recipeHead}  - exploit: { attack: ipo }
  - evaluate:
      adversaries:
        visitor: { format: chat, system: You are a visitor. }
        asks: { model: 'prompts:../asks.jsonl' }
`;
const load = (set: readonly string[] = []): LoadedRecipe =>
  parseRecipe(text, { file: '/r/recipes/r.yaml', changes: { set } });
const rows = (set: readonly string[]): readonly (readonly [string, string])[] => {
  const { recipe } = load(set);
  return stagesOfKind(recipe, 'evaluate')
    .flatMap(({ options }) => evaluatedAdversaries(recipe, options))
    .map(({ adversary, attack }) => [adversary, attack] as const);
};
const problems = (set: readonly string[]): RecipeError['problems'] => problemsOf(() => load(set));
const loopStages = '[{ exploit: { attack: ipo } }, { mend: { train: [{ loss: adpo }] } }, { evaluate: {} }]';
const key = 'stages.evaluate.adversaries';

describe('adversaries of an evaluation that no stage trains', () => {
  it('are rows after the untuned one, and in any order that rows names', () => {
    expect(rows([])).toEqual([
      ['untuned', 'none'],
      ['visitor', 'none'],
      ['asks', 'prompts'],
      ['ipo', 'ipo'],
    ]);
    expect(rows(['stages.evaluate.rows=[ipo, asks, untuned]']).map(([name]) => name)).toEqual([
      'ipo',
      'asks',
      'untuned',
    ]);
  });

  it('name their files relative to the recipe, and are among its speakers', () => {
    const { recipe, source } = load();
    expect(recipeFiles(recipe, source.folder)).toContainEqual({
      key: 'stages.1.evaluate.adversaries.asks.model',
      name: '../asks.jsonl',
      path: '/r/asks.jsonl',
    });
    const speakers = recipeSpeakers(recipe).map(({ path, speaker }) => [path.join('.'), speaker.model]);
    expect(speakers).toContainEqual(['stages.1.evaluate.adversaries.visitor', 'organism']);
    expect(speakers).toContainEqual(['stages.1.evaluate.adversaries.asks', 'prompts:../asks.jsonl']);
  });

  it('stay changes in the resolved recipe, with the defaults of remote: written out', () => {
    const { recipe } = load([`${key}.far={ model: "openai:m", baseUrl: "http://127.0.0.1:1" }`]);
    const { adversaries } = stagesOfKind(recipe, 'evaluate')[0]?.options ?? {};
    expect(adversaries?.['visitor']).toEqual({ format: 'chat', system: 'You are a visitor.' });
    expect(adversaries?.['far']).toMatchObject({ model: 'openai:m', remote: { concurrency: 8 } });
    expect(adversaries?.['far']).not.toHaveProperty('temperature');
  });

  it('are refused at their key, with what was expected and a remedy', () => {
    const cases: readonly (readonly [string, string, RegExp])[] = [
      [`${key}.untuned={ temperature: 1 }`, 'adversaries.untuned', /recipe as it starts.*another name/],
      [`${key}.ipo={ temperature: 1 }`, 'adversaries.ipo', /expected a name of its own, got that of a stage, 'ipo'/],
      [`${key}.a@b={ temperature: 1 }`, 'adversaries.a@b', /expected letters, .*got 'a@b'/],
      [`${key}.visitor.temprature=1`, 'adversaries.visitor.temprature', /did you mean 'temperature'/],
      [`${key}.asks.model=http:service`, 'adversaries.asks.model', /only targets/],
      [`${key}.asks.model=openai:m`, 'adversaries.asks.baseUrl', /where is the endpoint/],
      [`${key}.visitor.format=plain`, 'adversaries.visitor.system', /only the chat format/],
      ['stages.evaluate.rows=[visiter]', 'rows.0', /adversaries has no such name.*did you mean 'visitor'/],
    ];
    for (const [set, at, message] of cases) {
      const [problem] = problems([set]);
      expect({ key: problem?.key, said: `${problem?.message ?? ''} ${problem?.remedy ?? ''}` }).toEqual({
        key: `stages.1.evaluate.${at}`,
        said: expect.stringMatching(message) as unknown,
      });
    }
  });

  it('of a loop may not be called as an attack of a round is', () => {
    const loop = ['loop={ rounds: 2 }', `stages=${loopStages}`];
    expect(() => load([...loop, `${key}={ ipo-3: { temperature: 1 } }`])).not.toThrow();
    expect(problems([...loop, `${key}={ ipo-2: { temperature: 1 } }`])[0]?.key).toBe(
      'stages.2.evaluate.adversaries.ipo-2',
    );
  });

  it('are described by the JSON schema of recipes', () => {
    const schema = JSON.stringify(recipeJsonSchema());
    expect(schema).toContain('Further adversaries that no stage trains');
    expect(schema).toContain('System instruction; chat format only.');
  });
});

describe('further targets of an evaluation', () => {
  const further = (targets: string, more = ''): readonly string[] => [
    `stages.evaluate.furtherTargets={ ${targets} }`,
    ...(more === '' ? [] : [`stages.evaluate.targets=${more}`]),
  ];

  it('are named among its targets; an unknown name, and one that is taken, is refused with its place', () => {
    expect(() => load(further('second: "organism:second"', '[original, second]'))).not.toThrow();
    expect(problems(further('second: "organism:second"', '[third]'))).toMatchObject([
      { key: 'stages.1.evaluate.targets.0' },
    ]);
    expect(problems(further('original: "organism:second"'))).toMatchObject([
      { key: 'stages.1.evaluate.furtherTargets.original' },
    ]);
  });
});
