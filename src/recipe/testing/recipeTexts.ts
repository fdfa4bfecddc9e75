/** Recipes for tests as text, and what is wrong with one. */
import { RecipeError } from '../readRecipe.js';

/** A recipe for the organism up to its stages, which a test adds. */
export const recipeHead = `name: x
target: { model: organism }
adversary: { model: organism }
judge: linear-toxicity
prompts: { train: a.json, dev: b.json, test: c.json }
stages:
`;

/** Returns the problems that `read` finds in a recipe. @throws Error when it refuses nothing */
export function problemsOf(read: () => unknown): RecipeError['problems'] {
  try {
    read();
  } catch (error) {
    if (error instanceof RecipeError) return error.problems;
    throw error;
  }
  throw new Error('no problem was found');
}
