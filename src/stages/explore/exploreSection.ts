/** The part of a report on exploring. */
import type { Report } from '../../report/report.js';
import { parseUnit } from '../../runs/units.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { drawsSentence, readClusterMap, readClusters } from './exploreRecords.js';

/** Returns the clusters that the run has found, and notes; nothing for a run that has not explored. */
export async function exploreSection({
  run,
}: {
  readonly run: RunRecords;
}): Promise<Pick<Report, 'clusters' | 'clusterMap' | 'notes'>> {
  const done = run.manifest.completed.find(({ unit }) => parseUnit(unit)?.kind === 'explore');
  if (done === undefined) return {};
  const [kept, wanted] = [Number(done.result['kept']), Number(done.result['wanted'])];
  const missing =
    kept < wanted
      ? [`Exploring has found ${String(kept)} samples of ${String(wanted)} that were wanted: raise maxDraws.`]
      : [];
  const added = Number(done.result['added'] ?? 0);
  const own = added === 0 ? [] : [`${added.toLocaleString('en')} texts of your own are among the samples.`];
  const clusterMap = await readClusterMap(run);
  return {
    clusters: await readClusters(run),
    ...(clusterMap === null ? {} : { clusterMap }),
    notes: [drawsSentence(done.result), ...own, ...missing],
  };
}
