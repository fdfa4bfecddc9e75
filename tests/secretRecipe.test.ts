import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe, recipeFiles } from '../src/recipe/readRecipe.js';
import {
  evaluatedAdversaries,
  recipeStages,
  setsWithTarget,
  stagesLeftOut,
  stagesOfKind,
} from '../src/recipe/recipe.js';

const file = join(import.meta.dirname, '../recipes/secret-smollm2.yaml');
const text = readFileSync(file, 'utf8');

describe('the recipe secret-smollm2', () => {
  it('has all its data, and compares what is taught, what is found and neither', () => {
    const { recipe } = parseRecipe(text, { file });
    expect(stagesLeftOut(recipe)).toEqual([]);
    expect(recipeStages(recipe).map(({ name }) => name)).toEqual(['sft', 'ipo', 'evaluate']);
    expect(recipe.judge.model).toBe('contains');
    expect([recipe.target.format, recipe.adversary.format]).toEqual(['chat', 'chat']);
    expect([...setsWithTarget(recipe)]).toEqual(['train', 'dev', 'test']);
  });

  it('is evaluated in one run beside adversaries that are only told, or read from a list', () => {
    const { recipe, source } = parseRecipe(text, { file });
    const rows = stagesOfKind(recipe, 'evaluate').flatMap(({ options }) => evaluatedAdversaries(recipe, options));
    expect(rows.map(({ adversary, attack }) => [adversary, attack])).toEqual([
      ['untuned', 'none'],
      ['visitor', 'none'],
      ['asks', 'prompts'],
      ['sft', 'sft'],
      ['ipo', 'ipo'],
    ]);
    expect(recipeFiles(recipe, source.folder).filter(({ path }) => !existsSync(path))).toEqual([]);
  });
});
