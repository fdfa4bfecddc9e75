/** Opens what a run's recipe names, to shrink one of its findings: the target, its untuned adversary for the users, and
 *  the judge that decides in the report. */
import { present } from '../../base/invariant.js';
import type { ModelPool } from '../../models/pool.js';
import { type Recipe, stagesOfKind, untunedRow } from '../../recipe/recipe.js';
import type { EvaluationView } from '../../report/evaluation.js';
import { selectMainRows } from '../../report/mainRows.js';
import { type FindingOptions, shrinkFinding, type ShrunkFinding } from './shrinkFinding.js';

/** @throws ConfigError as `shrinkFinding`, and where a model of the recipe cannot be opened */
export async function shrinkOfRun(
  view: EvaluationView,
  { recipe, pool: around }: { readonly recipe: Recipe; readonly pool: ModelPool },
  options: FindingOptions,
): Promise<ShrunkFinding> {
  const [row] = selectMainRows(view.report).rows;
  const [evaluation] = stagesOfKind(recipe, 'evaluate');
  const other = row === undefined || row.target === recipe.target.model ? null : row.target;
  const folderOf = (name: string): string =>
    evaluation?.options.furtherTargets?.[name] ?? `${view.folder}/models/${name}`;
  const pool = other === null ? around : around.withTarget({ name: other, folder: folderOf(other) });
  try {
    const wanted = evaluation?.options.judges ?? [recipe.judge];
    const judge = await around.judge(present(wanted[0], 'an evaluation has a judge'));
    const users = await around.openAdversary({ name: untunedRow, trainable: false });
    try {
      const cast = { target: await pool.target(), users: users.value, judge, join: pool.join };
      return await shrinkFinding(view, cast, options);
    } finally {
      await users.close();
    }
  } finally {
    if (pool !== around) await pool.close();
  }
}
