/** Embeds what an evaluation has heard: utterances by the encoder that it names, and replies that failed as the stage
 *  explore has embedded its samples, to find the cluster that each is nearest to. */
import { present } from '../../base/invariant.js';
import type { ExploreStage } from '../../discovery/options.js';
import { sampleText } from '../../discovery/sampleRules.js';
import { readVectors } from '../../discovery/vectorFile.js';
import { type Embedder, loadEmbedder } from '../../engine/models/embedder.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import { unitKey } from '../../runs/units.js';
import { cosineDistance, squaredDistance, type Vector } from '../../stats/distances.js';
import { centresPath, embedTexts, openSampleEmbedder } from '../explore/embed.js';
import type { StageContext } from '../stageContext.js';

/** The meaning of texts, as far as models tell it; looked up by text. */
export interface Meanings {
  /** It is null where the evaluation names no encoder. */
  readonly utterances: ReadonlyMap<string, Float32Array> | null;
  /** Number of the nearest cluster; it is null where the run has not explored. */
  readonly clusters: ReadonlyMap<string, number> | null;
}

export const noMeanings: Meanings = { utterances: null, clusters: null };

/** Texts that are embedded between two reports of progress. */
const textsPerPortion = 512;

type Context = Pick<StageContext, 'recipe' | 'run' | 'pool' | 'progress'>;

/** @param said utterances, and replies that failed by any judge; equal ones are embedded once, blank ones not at all */
export async function readMeanings(
  context: Context,
  embed: EvaluateOptions['embed'],
  said: { readonly utterances: readonly string[]; readonly failedReplies: readonly string[] },
): Promise<Meanings> {
  const [explored] = stagesOfKind(context.recipe, 'explore');
  const hasClusters =
    explored !== undefined && context.run.completed(unitKey({ kind: 'explore', stage: explored.name })) !== null;
  return {
    utterances: embed === null ? null : await embedUtterances(context, embed.model, said.utterances),
    clusters: hasClusters ? await nearestClusters(context, explored, said.failedReplies) : null,
  };
}

async function embedUtterances(
  context: Context,
  model: string,
  texts: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const { pool } = context;
  const embedder = await loadEmbedder(await pool.device(), await pool.modelPath(model));
  return embedAll(context, embedder, differentTexts(texts));
}

async function nearestClusters(
  context: Context,
  { options }: Pick<ExploreStage, 'options'>,
  replies: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { count, width, values_NC } = readVectors(centresPath(context.run));
  const centres = Array.from({ length: count }, (_, k) => values_NC.subarray(k * width, (k + 1) * width));
  const distance = options.metric === 'cosine' ? cosineDistance : squaredDistance;
  const nearest = (vector: Vector): number => {
    const away = centres.map((centre) => distance(vector, centre));
    return away.indexOf(Math.min(...away));
  };
  // A reply is cut as the samples were, so that it is compared with what they are.
  const samples = new Map(differentTexts(replies).map((reply) => [reply, sampleText(reply, options)]));
  const embedder = await openSampleEmbedder(context, options.embed);
  const vectors = await embedAll(context, embedder, differentTexts([...samples.values()]));
  return new Map(
    [...samples].map(([reply, sample]) => [reply, nearest(present(vectors.get(sample), 'a vector for each reply'))]),
  );
}

function differentTexts(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].filter((text) => text.trim() !== '');
}

/** Embeds texts and closes the embedder. */
async function embedAll(
  { progress }: Context,
  embedder: Embedder,
  texts: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  try {
    while (found.size < texts.length) {
      progress({
        stage: 'evaluate',
        phase: 'embed',
        done: found.size,
        total: texts.length,
        unit: 'samples',
        values: {},
      });
      const portion = texts.slice(found.size, found.size + textsPerPortion);
      const vectors = await embedTexts(embedder, portion);
      portion.forEach((text, i) => found.set(text, present(vectors[i], 'a vector for each text')));
    }
  } finally {
    await embedder.close();
  }
  return found;
}
