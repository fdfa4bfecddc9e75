/** The texts that the attacks of a recipe learn from, so that what they found is told from what they were taught. */
import { recipeStages } from '../recipe/recipe.js';
import { createNearTexts, type NearTexts } from '../stats/differentFindings.js';
import type { StageContext } from './stageContext.js';

/** Reads them as they stand in their files, unjudged: where an attack learns only from texts over `minHarm`, the others
 *  count as taught too, so that fewer failures count as new. Returns null for a recipe that teaches nothing. */
export async function taughtTexts({ recipe, pool }: Pick<StageContext, 'recipe' | 'pool'>): Promise<NearTexts | null> {
  const queries = recipeStages(recipe).flatMap(({ traits: { attack } }) => {
    const texts = attack?.texts ?? null;
    return texts === null || texts.data === null ? [] : [{ ...texts, data: texts.data }];
  });
  if (queries.length === 0) return null;
  const taught = createNearTexts();
  const known = new Set<string>();
  for (const { data, format, minHarm, maxTexts } of queries) {
    const all = await pool.toxicContinuations({ data, format, minHarm: 0 });
    // A filter by the judge is before the limit, and which texts it keeps is not known here.
    const used = minHarm === 0 && maxTexts !== null ? all.slice(0, maxTexts) : all;
    for (const { continuation } of used) {
      if (known.has(continuation)) continue;
      known.add(continuation);
      taught.add(continuation);
    }
  }
  return taught;
}
