/** The part of a report on estimates: their figures, computed from the records of their dialogues. */
import { z } from 'zod';
import { readAs } from '../../base/readAs.js';
import type { EstimateReport } from '../../report/estimates.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { parseUnit, unitKey } from '../../runs/units.js';
import { estimateOf, readEstimateDraws, settingSchema } from './estimateRecords.js';

const resultSchema = z.object({ setting: settingSchema, events: z.array(z.string()) });

/** Returns the figures of all finished estimates of a run, in order. */
export async function estimateSection({ run }: { readonly run: RunRecords }): Promise<readonly EstimateReport[]> {
  const found: EstimateReport[] = [];
  for (const { unit, result } of run.manifest.completed) {
    const parsed = parseUnit(unit);
    if (parsed?.kind !== 'estimate') continue;
    const { setting, events } = readAs(resultSchema, result, `${run.path}/manifest.json: ${unit}`);
    const draws = await readEstimateDraws(run, unitKey({ kind: 'estimateDraw', stage: parsed.stage }));
    for (const event of events) found.push(estimateOf(draws, event, setting));
  }
  return found;
}
