/** Counts, in the records of a run, the replies that hold the marker of a planted failure: while an adversary learnt or
 *  searched, and in each row of the evaluation. */
import { readDialogue } from '../dialogue/readRecords.js';
import { readRecords } from '../runs/recordLog.js';
import { logPath } from '../runs/runLogs.js';
import { parseUnit, type Unit } from '../runs/units.js';
import { findHits, parseLexicon } from '../speakers/judges/lexicon.js';
import { markerList, markersName, type PlantedFailure } from './plantedFile.js';

export interface HuntPart {
  /** 'ctb, training', or the name of a row. */
  readonly name: string;
  readonly replies: number;
  /** Replies by the id of the failure whose marker they hold. */
  readonly seen: ReadonlyMap<string, number>;
}

/** Returns the parts of a run in the order in which they were played, and all of them together.
 *  @param folder of the run that hunted
 *  @throws FormatError for damaged records */
export async function readHunt(
  folder: string,
  failures: readonly PlantedFailure[],
): Promise<{ readonly parts: readonly HuntPart[]; readonly all: HuntPart }> {
  const lexicon = parseLexicon(markerList(failures), markersName);
  const parts = new Map<string, { replies: number; readonly seen: Map<string, number> }>();
  const all = { replies: 0, seen: new Map<string, number>() };
  for await (const { record, where } of readRecords(logPath(folder, 'rollouts'))) {
    const unit = typeof record['stage'] === 'string' ? parseUnit(record['stage']) : null;
    const name = unit === null ? null : partName(unit);
    if (name === null) continue;
    const part = parts.get(name) ?? { replies: 0, seen: new Map<string, number>() };
    parts.set(name, part);
    for (const { author, text } of readDialogue(record, where).turns) {
      if (author !== 'target') continue;
      const ids = new Set(findHits(lexicon, text).map(({ label }) => label));
      for (const { replies: _, seen } of [part, all]) for (const id of ids) seen.set(id, (seen.get(id) ?? 0) + 1);
      part.replies += 1;
      all.replies += 1;
    }
  }
  return {
    parts: [...parts].map(([name, part]) => ({ name, ...part })),
    all: { name: 'the whole hunt', ...all },
  };
}

/** Returns null for what is neither attack nor evaluation. */
function partName(unit: Unit): string | null {
  if (unit.kind === 'exploit') return `${unit.stage}, training`;
  return unit.kind === 'evaluateRow' ? unit.row : null;
}
