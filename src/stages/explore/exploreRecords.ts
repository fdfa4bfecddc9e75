/** Records of an explore stage: draws.jsonl, every draw and what became of it; samples.jsonl, the kept ones with their
 *  clusters; clusters.jsonl, a line per cluster. */
import { z } from 'zod';
import type { JsonObject } from '../../base/json.js';
import { readAs } from '../../base/readAs.js';
import { type ClusterMap, clusterSchema, type ClusterReport } from '../../report/report.js';
import { readRecords } from '../../runs/recordLog.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import type { RunRecords } from '../../runs/runRecords.js';

const dropReasons = ['short', 'long', 'topic', 'duplicate', 'nearDuplicate'] as const;

const drawSchema = z.object({
  /** From 0. */
  draw: z.int(),
  /** The whole text that the target said. */
  raw: z.string(),
  /** Its first sentence, where that is asked for. */
  text: z.string(),
  dropped: z.enum(dropReasons).nullable(),
  /** Place, among the samples, of the one that it repeats: the texts that the user adds come first. */
  like: z.int().nullable(),
});

export type Draw = z.output<typeof drawSchema>;

export async function readDraws(run: RunDirectory): Promise<Draw[]> {
  const draws: Draw[] = [];
  for await (const { record, where } of readRecords(run.log('draws').path))
    draws.push(readAs(drawSchema, record, where));
  return draws;
}

/** Counts draws by what became of them. */
export function countDraws(draws: readonly Draw[]): Readonly<Record<string, number>> {
  const dropped = dropReasons.map(
    (reason) => [reason, draws.filter((draw) => draw.dropped === reason).length] as const,
  );
  const kept = draws.filter((draw) => draw.dropped === null).length;
  return { drawn: draws.length, kept, ...Object.fromEntries(dropped) };
}

/** Says in a sentence what became of the draws. */
export function drawsSentence(counts: JsonObject): string {
  const number = (name: string): string => Number(counts[name] ?? 0).toLocaleString('en');
  const dropped = dropReasons
    .filter((reason) => Number(counts[reason] ?? 0) > 0)
    .map((reason) => `${number(reason)} ${dropWords[reason]}`);
  return `Of ${number('drawn')} draws ${number('kept')} are kept${dropped.length === 0 ? '' : `; dropped: ${dropped.join(', ')}`}.`;
}

const dropWords = {
  short: 'too short',
  long: 'too long',
  topic: 'off the topic',
  duplicate: 'duplicates',
  nearDuplicate: 'near duplicates',
} as const satisfies Record<(typeof dropReasons)[number], string>;

/** Reads the clusters of a run, the largest first; none before the stage is finished. */
export async function readClusters(run: Pick<RunRecords, 'log'>): Promise<readonly ClusterReport[]> {
  const clusters: ClusterReport[] = [];
  for await (const { record, where } of readRecords(run.log('clusters').path))
    clusters.push(readAs(clusterSchema, record, where));
  return clusters;
}

const mappedSchema = z.object({ cluster: z.int(), place: z.tuple([z.number(), z.number()]).optional() });

/** Reads the places of samples on the map; null where no sample has one. */
export async function readClusterMap(run: Pick<RunRecords, 'log'>): Promise<ClusterMap | null> {
  const points: [number, number, number][] = [];
  let samples = 0;
  for await (const { record, where } of readRecords(run.log('samples').path)) {
    const { cluster, place } = readAs(mappedSchema, record, where);
    samples += 1;
    if (place !== undefined) points.push([...place, cluster]);
  }
  return points.length === 0 ? null : { samples, points };
}
