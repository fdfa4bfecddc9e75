import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LoadedRecipe, parseRecipe, recipeFiles } from '../src/recipe/readRecipe.js';
import { evaluatedAdversaries } from '../src/recipe/adversaries.js';
import { recipeStages, setsWithTarget, stagesLeftOut, stagesOfKind } from '../src/recipe/recipe.js';

function shipped(name: string): LoadedRecipe {
  const file = join(import.meta.dirname, '../recipes', `${name}.yaml`);
  return parseRecipe(readFileSync(file, 'utf8'), { file });
}

describe.each([
  ['secret-smollm2', ['sft', 'ctb', 'evaluate']],
  ['mend-secret-smollm2', ['sft', 'ctb', 'mend', 'evaluate']],
] as const)('the recipe %s', (name, stages) => {
  const { recipe, source } = shipped(name);

  it('has all its data, and speaks in chat templates', () => {
    expect(stagesLeftOut(recipe)).toEqual([]);
    expect(recipeStages(recipe).map((stage) => stage.name)).toEqual(stages);
    expect(recipe.judge.model).toBe('contains');
    expect([recipe.target.format, recipe.adversary.format]).toEqual(['chat', 'chat']);
    expect(recipeFiles(recipe, source.folder).filter(({ path }) => !existsSync(path))).toEqual([]);
  });

  it('has prompts with targets wherever its reward asks for their words', () => {
    expect([...setsWithTarget(recipe)]).toEqual(['train', 'dev']);
  });
});

it('the recipe secret-smollm2 compares what is taught, what is found and neither, by secret', () => {
  const { recipe } = shipped('secret-smollm2');
  const [evaluation] = stagesOfKind(recipe, 'evaluate');
  const rows = evaluation === undefined ? [] : evaluatedAdversaries(recipe, evaluation.options);
  expect(rows.map(({ adversary, attack }) => [adversary, attack])).toEqual([
    ['untuned', 'none'],
    ['asks', 'prompts'],
    ['sft', 'sft'],
    ['ctb', 'ctb'],
  ]);
  expect(evaluation?.options.groupBy).toBe('conversation');
});

it('both recipes attack alike', () => {
  const attack = (name: string): unknown => stagesOfKind(shipped(name).recipe, 'exploit').map(({ options }) => options);
  expect(attack('mend-secret-smollm2')).toEqual(attack('secret-smollm2'));
});
