/** int8 on our side, in one place. */
import { adversarySchema, targetSchema } from '../src/runs/recipe.js';

export type Precision = 'f32' | 'int8';

/** The keys of a recipe that make rollouts run in int8: the frozen target, and the adversary where it samples. */
export const int8Keys = { target: { precision: 'int8' }, adversary: { rolloutPrecision: 'int8' } } as const;

/** Whether this Gadfly can do it. Its rows are left out where it cannot. */
export function hasInt8(): boolean {
  return 'precision' in targetSchema.shape && 'rolloutPrecision' in adversarySchema.shape;
}
