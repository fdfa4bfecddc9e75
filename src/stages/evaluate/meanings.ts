/** Embeds what an evaluation has heard: utterances by the encoder that it names, and replies that failed as the stage
 *  explore has embedded its samples, to find the cluster that each is nearest to. */
import { present } from '../../base/invariant.js';
import type { ExploreStage } from '../../discovery/options.js';
import { sampleText } from '../../discovery/sampleRules.js';
import { readVectors } from '../../discovery/vectorFile.js';
import type { Embedder } from '../../engine/models/embedder.js';
import { stagesOfKind } from '../../recipe/recipe.js';
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';
import { unitKey } from '../../runs/units.js';
import { cosineDistance, squaredDistance, type Vector } from '../../stats/distances.js';
import { centresPath, embedTexts, openEncoder, openSampleEmbedder } from '../explore/embed.js';
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

/** The texts that an evaluation has heard. Equal ones are embedded once, blank ones not at all. */
export interface Heard {
  /** Number of the rows. */
  readonly rows: number;
  readonly utterances: readonly string[];
  /** Replies that failed by any judge. */
  readonly failedReplies: readonly string[];
}

/** Reads the meanings of all that was heard. They are not kept: who needs them again reads them again, which is counted
 *  once, so that a resumed run has spent what one that never stopped has. */
export async function readMeanings(context: Context, embed: EvaluateOptions['embed'], heard: Heard): Promise<Meanings> {
  const { recipe, run } = context;
  const [explore] = stagesOfKind(recipe, 'explore');
  const explored =
    explore !== undefined && run.completed(unitKey({ kind: 'explore', stage: explore.name })) !== null ? explore : null;
  if (embed === null && explored === null) return noMeanings;
  const read = async (): Promise<Meanings> => ({
    utterances: embed === null ? null : await embedUtterances(context, embed.model, heard.utterances),
    clusters: explored === null ? null : await nearestClusters(context, explored, heard.failedReplies),
  });
  const unit = unitKey({ kind: 'evaluateEmbed', rows: heard.rows });
  if (run.completed(unit) !== null) return run.spending.uncounted(read);
  const meanings = await read();
  run.completeUnit(unit, {
    utterances: meanings.utterances?.size ?? null,
    failedReplies: meanings.clusters?.size ?? null,
  });
  return meanings;
}

async function embedUtterances(
  context: Context,
  model: string,
  texts: readonly string[],
): Promise<ReadonlyMap<string, Float32Array>> {
  return embedAll(context, await openEncoder(context, model), differentTexts(texts));
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
