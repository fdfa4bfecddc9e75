/** Reads the rows of an evaluation back from what the run has recorded, whichever session wrote it. */
import { present } from '../../base/invariant.js';
import { readAs } from '../../base/readAs.js';
import { spentCounts } from '../../base/spending.js';
import { readJudgedDialogue } from '../../dialogue/readRecords.js';
import type { JudgedDialogue } from '../../dialogue/records.js';
import { metricsSchema, type SearchSummary } from '../../report/report.js';
import { searchSummarySchema } from '../../report/search.js';
import { readRecords } from '../../runs/recordLog.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { unitKey } from '../../runs/units.js';
import type { Pairing, PlannedRow } from './evaluationPlan.js';
import type { EvaluatedRow } from './reportRow.js';

/** Returns the unit of a row. */
export function unitOf({ name }: Pick<Pairing, 'name'>): string {
  return unitKey({ kind: 'evaluateRow', row: name });
}

type Records = Pick<RunRecords, 'path' | 'completed' | 'spendingOf' | 'log'>;

/** Reads rows from the records of a run.
 *  @param original name of the recipe's own target
 *  @throws FormatError for a damaged record */
export async function readRows(
  run: Records,
  rows: readonly PlannedRow[],
  original: string,
): Promise<readonly EvaluatedRow[]> {
  const byUnit = new Map(rows.map((row) => [unitOf(row), [] as JudgedDialogue[]]));
  for await (const { record, where } of readRecords(run.log('rollouts').path)) {
    if (typeof record['stage'] === 'string') byUnit.get(record['stage'])?.push(readJudgedDialogue(record, where));
  }
  return rows.map((row) => {
    const rounding = run.completed(unitOf(row))?.['rounding'];
    const spent = run.spendingOf(unitOf(row));
    return {
      name: row.name,
      attack: row.attack,
      attackKind: row.attackKind,
      search: row.isFound ? searchOf(run, row.adversary) : null,
      trainedJudge: row.trainedJudge,
      target: row.target?.name ?? original,
      dialogues: present(byUnit.get(unitOf(row)), 'records of each row'),
      ...(spent === null ? {} : { spending: spentCounts(spent) }),
      ...(rounding === undefined
        ? {}
        : { rounding: readAs(metricsSchema, rounding, `${run.path}/manifest.json: ${unitOf(row)}`) }),
    };
  });
}

/** Returns what the search of this name found, as its stage noted in the manifest. */
function searchOf(run: Records, stage: string): SearchSummary {
  const unit = unitKey({ kind: 'exploit', stage });
  return readAs(searchSummarySchema, run.completed(unit)?.['search'], `${run.path}/manifest.json: ${unit}`);
}
