/** The explore stage (arXiv 2306.09442): samples of the target, filtered, embedded and put into clusters, and of each
 *  cluster some that are kept for labelling. A finished step is kept when the run is resumed, a step in progress goes on
 *  from its last batch. */
import { present } from '../../base/invariant.js';
import { type StreamKey, streamKey } from '../../base/random.js';
import { summariseClusters } from '../../discovery/clusterSummaries.js';
import { deviceProducts } from '../../discovery/deviceProducts.js';
import type { ExploreStage } from '../../discovery/options.js';
import { placeSamples } from '../../discovery/sampleMap.js';
import { diverseSubsample } from '../../discovery/subsample.js';
import { openVectorFile, readVectors } from '../../discovery/vectorFile.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import { unitKey } from '../../runs/units.js';
import { kMeans } from '../../stats/kMeans.js';
import type { StageContext } from '../stageContext.js';
import { drawSamples } from './draw.js';
import { centresPath, embeddingsPath, embedSamples, requireEmbedding } from './embed.js';
import { readDraws } from './exploreRecords.js';

/** @throws ConfigError when nothing can be kept, or the samples could not be embedded as asked; InterruptedError, BudgetError: finished batches are kept */
export async function explore(context: StageContext, stage: ExploreStage): Promise<void> {
  const { run } = context;
  if (run.completed(unitKey({ kind: 'explore', stage: stage.name })) !== null) return;
  await requireEmbedding(context, stage.options.embed);
  const samples = await gatherSamples(context, stage);
  await embedSamples(
    context,
    stage,
    samples.map(({ text }) => text),
  );
  await clusterSamples(context, stage, samples);
}

interface Sample {
  readonly id: string;
  readonly text: string;
  /** Whether the target said it, or the user has added it. */
  readonly origin: 'drawn' | 'added';
}

/** Returns the user's own texts, then what was kept of the draws. */
async function gatherSamples(context: StageContext, stage: ExploreStage): Promise<readonly Sample[]> {
  const { run, pool } = context;
  const { name, options } = stage;
  const added = options.add === null ? [] : await pool.promptList(options.add);
  await drawSamples(context, stage, added);
  const drawn = (await readDraws(run)).filter(({ dropped }) => dropped === null);
  return [
    ...added.map((text, i): Sample => ({ id: `${name}-added-${String(i)}`, text, origin: 'added' })),
    ...drawn.map(({ draw, text }): Sample => ({ id: `${name}-${String(draw)}`, text, origin: 'drawn' })),
  ];
}

async function clusterSamples(
  { run, recipe, pool, limits, progress }: StageContext,
  { name, options }: ExploreStage,
  samples: readonly Sample[],
): Promise<void> {
  const { metric, starts, perCluster } = options;
  limits.mayGoOn();
  progress({ stage: name, phase: 'cluster', done: 0, total: samples.length, unit: 'samples', values: {} });
  const points = readVectors(embeddingsPath(run));
  const products = deviceProducts(await pool.device());
  const clustering = await kMeans(points, {
    clusters: Math.min(options.clusters, samples.length),
    stream: streamKey(recipe.seed, 'explore.cluster'),
    metric,
    starts,
    products,
  });
  const { assignment, inertia, iterations } = clustering;
  const chances = chooseForLabelling(samples, assignment, perCluster, streamKey(recipe.seed, 'explore.subsample'));
  const places = await placeSamples(points, assignment, {
    most: options.map,
    metric,
    stream: streamKey(recipe.seed, 'explore.map'),
    products,
    onEpoch: (done, total) => {
      limits.mayGoOn();
      progress({ stage: name, phase: 'map', done, total, unit: 'epochs', values: {} });
    },
  });
  writeCentres(run, clustering.centres);
  const log = run.log('samples');
  samples.forEach((sample, row) => {
    log.append({
      ...sample,
      cluster: present(assignment[row], 'a cluster for each sample'),
      kept: chances.has(row),
      ...(chances.has(row) ? { probability: present(chances.get(row), 'a chance for each that is kept') } : {}),
      row,
      ...(places.has(row) ? { place: [...present(places.get(row), 'a place for each on the map')] } : {}),
    });
  });
  const summaries = summariseClusters(
    samples.map(({ text }) => text),
    clustering,
  );
  const keptOf = (cluster: number): number => [...chances.keys()].filter((row) => assignment[row] === cluster).length;
  run.log('clusters').append(
    ...summaries.map(({ cluster, size, examples, words }) => ({
      cluster,
      size,
      kept: keptOf(cluster),
      examples: examples.map((row) => present(samples[row], 'examples are samples').text),
      words: words.map((word) => ({ ...word })),
    })),
  );
  const draws = run.completed(unitKey({ kind: 'exploreDraw', stage: name }));
  run.completeUnit(unitKey({ kind: 'explore', stage: name }), {
    ...draws,
    wanted: options.samples,
    added: samples.filter(({ origin }) => origin === 'added').length,
    clusters: summaries.length,
    chosen: chances.size,
    inertia,
    iterations,
  });
}

/** Returns the probability with which each sample was chosen, by its row: of what was drawn a cap per cluster, and all
 *  that the user has added. */
function chooseForLabelling(
  samples: readonly Sample[],
  assignment: Int32Array,
  perCluster: number,
  stream: StreamKey,
): ReadonlyMap<number, number> {
  const added = samples.filter(({ origin }) => origin === 'added').length; // They come first.
  const drawn = diverseSubsample(assignment.subarray(added), perCluster, stream);
  return new Map([
    ...Array.from({ length: added }, (_, row) => [row, 1] as const),
    ...drawn.map(({ index, probability }) => [added + index, probability] as const),
  ]);
}

/** Writes a row per cluster, by its number. */
function writeCentres(run: RunDirectory, centres: readonly Float32Array[]): void {
  const file = openVectorFile(centresPath(run), { count: centres.length, width: centres[0]?.length ?? 0 }, 0);
  try {
    file.append(centres);
    file.sync();
  } finally {
    file.close();
  }
}
