/** The explore stage (arXiv 2306.09442): samples of the target, filtered, embedded and put into clusters, and of each
 *  cluster some that are kept for labelling. A finished step is kept when the run is resumed, a step in progress goes on
 *  from its last batch. */
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { summariseClusters } from '../../discovery/clusterSummaries.js';
import { deviceProducts } from '../../discovery/deviceProducts.js';
import { diverseSubsample } from '../../discovery/subsample.js';
import { readVectors } from '../../discovery/vectorFile.js';
import { unitKey } from '../../runs/units.js';
import { kMeans } from '../../stats/kMeans.js';
import type { StageContext } from '../stageContext.js';
import { drawSamples, type ExploreStage } from './draw.js';
import { embeddingsPath, embedSamples, requireEmbedding } from './embed.js';
import { readDraws } from './exploreRecords.js';

/** @throws ConfigError when nothing can be kept, or the samples could not be embedded as asked; InterruptedError, BudgetError: finished batches are kept */
export async function explore(context: StageContext, stage: ExploreStage): Promise<void> {
  const { run } = context;
  if (run.completed(unitKey({ kind: 'explore', stage: stage.name })) !== null) return;
  await requireEmbedding(context, stage.options.embed);
  await drawSamples(context, stage);
  const samples = (await readDraws(run)).filter(({ dropped }) => dropped === null);
  await embedSamples(
    context,
    stage,
    samples.map(({ text }) => text),
  );
  await clusterSamples(context, stage, samples);
}

interface Sample {
  readonly draw: number;
  readonly text: string;
}

async function clusterSamples(
  { run, recipe, pool, limits, progress }: StageContext,
  { name, options }: ExploreStage,
  samples: readonly Sample[],
): Promise<void> {
  const { metric, starts, perCluster } = options;
  limits.mayGoOn();
  progress({ stage: name, phase: 'cluster', done: 0, total: samples.length, unit: 'samples', values: {} });
  const clustering = await kMeans(readVectors(embeddingsPath(run)), {
    clusters: Math.min(options.clusters, samples.length),
    stream: streamKey(recipe.seed, 'explore.cluster'),
    metric,
    starts,
    products: deviceProducts(await pool.device()),
  });
  const { assignment, inertia, iterations } = clustering;
  const chosen = diverseSubsample(assignment, perCluster, streamKey(recipe.seed, 'explore.subsample'));
  const chances = new Map(chosen.map(({ index, probability }) => [index, probability]));
  const idOf = ({ draw }: Sample): string => `${name}-${String(draw)}`;
  const log = run.log('samples');
  samples.forEach((sample, row) => {
    log.append({
      id: idOf(sample),
      text: sample.text,
      cluster: present(assignment[row], 'a cluster for each sample'),
      kept: chances.has(row),
      ...(chances.has(row) ? { probability: present(chances.get(row), 'a chance for each that is kept') } : {}),
      row,
    });
  });
  const summaries = summariseClusters(
    samples.map(({ text }) => text),
    clustering,
  );
  run.log('clusters').append(
    ...summaries.map(({ cluster, size, examples, words }) => ({
      cluster,
      size,
      kept: Math.min(size, perCluster),
      examples: examples.map((row) => present(samples[row], 'examples are samples').text),
      words: words.map((word) => ({ ...word })),
    })),
  );
  const draws = run.completed(unitKey({ kind: 'exploreDraw', stage: name }));
  run.completeUnit(unitKey({ kind: 'explore', stage: name }), {
    ...draws,
    wanted: options.samples,
    clusters: summaries.length,
    chosen: chosen.length,
    inertia,
    iterations,
  });
}
