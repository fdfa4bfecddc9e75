/** Exploring: samples of the model from its start token (temperature 1.5, top-k 50, no repeated bigram, at most 20 tokens),
 *  exact duplicates out; embedded by the mean of its own last states; spherical k-means, 100 clusters, the best of three
 *  starts. Ours is the stage `explore` as a recipe runs it, records and files included.
 *
 *  Peer: peers/explore.py (transformers' generate and hidden states, scikit-learn's KMeans). Times begin with the first
 *  draw, when the model is open; a process explores once, after a draw of a few samples that is not counted. */
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.js';
import { present } from '../src/base/invariant.js';
import { streamKey } from '../src/base/random.js';
import { playJobsHere } from '../src/dialogue/rollout/jobs.js';
import { generate } from '../src/engine/models/generate.js';
import { openDevice, plainSampling } from '../src/engine/runtime/device.js';
import { openModelPool } from '../src/models/pool.js';
import { recipeSchema, stagesOfKind, type Recipe } from '../src/recipe/recipe.js';
import { drawsPerBatch } from '../src/recipe/stages/explore.js';
import { RunDirectory } from '../src/runs/runDirectory.js';
import { readRecords } from '../src/runs/recordLog.js';
import { explore } from '../src/stages/explore/explore.js';
import { openLimits } from '../src/stages/limits.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import type { Bench, BenchMetric, Outcome } from './types.js';

export interface ExploringOptions {
  readonly model: string;
  readonly threads: number;
  readonly samples: number;
  readonly clusters: number;
  readonly starts: number;
  readonly sampling: typeof sampling;
  /** A folder that does not exist yet goes below it. */
  readonly scratch: string;
}

const sampling = { temperature: 1.5, topK: 50, noRepeatNgram: 2, maxNewTokens: 20 } as const;

/** The parts that are measured, by the stage's own names of its phases. */
const phases = ['draw', 'embed', 'cluster'] as const;

const secondsOf = (key: string, title: string): BenchMetric => ({ key, title, unit: 's', better: 'lower' });

export const exploring: Bench = async (setup) => {
  const { model, threads, samples, scratch } = setup;
  const options = { model, samples, clusters: Math.min(100, samples), starts: 3, sampling };
  return [
    {
      name: 'explore',
      title: `exploring ${String(samples)} samples`,
      figures: [
        secondsOf('whole', 'all of it'),
        secondsOf('draw', 'drawing'),
        secondsOf('embed', 'embedding'),
        secondsOf('cluster', 'clustering'),
        memoryFigure,
      ],
      sides: [
        ownSide('Gadfly', 'exploring', { ...options, threads, scratch }),
        ...peerSides(setup, 'transformers + scikit-learn', 'explore', { ...options, batch: drawsPerBatch }),
      ],
      targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'whole', atLeast: 2 }],
      notes: ['Both draw in batches of 256. Random numbers differ, and so do the texts.'],
    },
  ];
};

function recipeOf({ model, samples, clusters, starts, sampling: drawn }: ExploringOptions): Recipe {
  return recipeSchema.parse({
    name: 'bench',
    target: { model, format: 'plain' },
    adversary: { model, format: 'plain' },
    judge: 'linear-toxicity',
    prompts: { train: 'none.json' },
    stages: [
      {
        explore: {
          samples,
          clusters,
          starts,
          ...drawn,
          firstSentence: false,
          minWords: 1,
          nearDuplicate: null,
          map: 0,
        },
      },
    ],
  });
}

/** Our side. */
export async function measureExploring(options: ExploringOptions): Promise<Outcome> {
  const recipe = recipeOf(options);
  const folder = join(options.scratch, `explored-${String(process.pid)}`);
  const run = RunDirectory.create(
    folder,
    { name: recipe.name, seed: recipe.seed, configuration: {}, source: { file: null, folder }, inputs: [] },
    systemClock,
  );
  const pool = openModelPool({
    recipe,
    folder: '.',
    openDevice: () => openDevice({ threads: options.threads }),
    cacheDir: '.',
    offline: true,
  });
  try {
    const { model } = await pool.localTarget();
    const ids = [present(model.tokenizer.bosId, 'the model has a start token')];
    await generate(model, [{ ids, stream: streamKey(0, 'warm') }], { ...plainSampling, ...options.sampling });
    const began = new Map<string, number>();
    await explore(
      {
        recipe,
        run,
        pool,
        playJobs: playJobsHere,
        limits: openLimits(run, recipe.limits, () => false),
        progress: ({ phase }) => {
          if (!began.has(phase)) began.set(phase, systemClock.monotonicMs());
        },
        clock: systemClock,
      },
      { name: 'explore', options: present(stagesOfKind(recipe, 'explore')[0], 'the recipe’s only stage').options },
    );
    const end = systemClock.monotonicMs();
    const starts = [...began.values(), end];
    const seconds = Object.fromEntries(
      [...began.keys()].map((phase, i) => [
        phase,
        (present(starts[i + 1], 'an end') - present(starts[i], 'a start')) / 1000,
      ]),
    );
    const parts = phases.map((phase) => [phase, present(seconds[phase], `the stage has the phase ${phase}`)] as const);
    let kept = 0;
    for await (const _ of readRecords(run.log('samples').path)) kept += 1;
    return {
      figures: { whole: parts.reduce((sum, [, each]) => sum + each, 0), ...Object.fromEntries(parts) },
      work: { samples: kept, clusters: options.clusters, 'drawn tokens': run.spending.total().targetTokensGenerated },
    };
  } finally {
    await pool.close();
    run.close('done');
  }
}
