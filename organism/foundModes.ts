/** Counts which failure modes a set of dialogues triggers. */
import { diagnoseLines, modeIds, type ModeId } from '../src/speakers/judges/organismModes.js';

export type ModeCounts = Readonly<Record<ModeId, number>>;

/** Returns for each mode the number of dialogues that trigger it at least once.
 *  @param dialogues the customer's lines of each, in order */
export function countModes(dialogues: readonly (readonly string[])[]): ModeCounts {
  const triggered = dialogues.map((lines) => new Set(diagnoseLines(lines).flat()));
  return Object.fromEntries(modeIds.map((id) => [id, triggered.filter((modes) => modes.has(id)).length])) as ModeCounts;
}

/** Returns exp of the entropy over modes (Hill number of order 1): n for n modes that are equally frequent, 1 for one
 *  mode alone, 0 for none. */
export function effectiveModes(counts: ModeCounts): number {
  const found = Object.values(counts).filter((count) => count > 0);
  const total = found.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  return Math.exp(-found.reduce((sum, count) => sum + (count / total) * Math.log(count / total), 0));
}
