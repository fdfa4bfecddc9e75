import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecipe } from '../src/recipe/readRecipe.js';
import { recipeStages, setsWithTarget, stagesLeftOut } from '../src/recipe/recipe.js';

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

  it('is evaluated with another adversary by the commands in its head', () => {
    const commands = [...text.matchAll(/gadfly evaluate --config secret-smollm2 (.*)$/gmu)].map(([, flags = '']) =>
      [...flags.matchAll(/--set '([^']*)'/gu)].map(([, change = '']) => change),
    );
    expect(commands).toHaveLength(2);
    for (const set of commands) {
      const { recipe } = parseRecipe(text, { file, changes: { set } });
      expect(recipeStages(recipe).map(({ name }) => name)).toEqual(['evaluate']);
    }
  });
});
