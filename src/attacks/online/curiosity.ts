/** Curiosity as curiosity-driven red teaming pays it (arXiv 2402.19464): an utterance loses by what it has in common with
 *  all that was said in earlier epochs, in words (self-BLEU) and in meaning (mean cosine), and gains by how unlikely its
 *  own tokens were.
 *
 *  Differs from the paper's code: a weight of the recipe's for each term, by default the paper's; meaning is read by the
 *  target's own states unless an encoder is named, and not read where its weight is zero; the paper's term of gibberish
 *  is left to the reward's `likelihood`. */
import { present } from '../../base/invariant.js';
import { sumOf } from '../../base/sums.js';
import { FormatError } from '../../base/errors.js';
import { createEarlierTexts } from '../../stats/earlierTexts.js';
import type { AttackContext, TextEmbedder } from '../attack.js';
import type { Kept } from './kept.js';
import type { CuriosityOptions } from './options.js';

/** An utterance, and how surprising its tokens were to the weights that drew it: the mean of −log π, nats; null where
 *  that is not known. */
export interface CuriousText {
  readonly utterance: string;
  readonly surprise: number | null;
}

export interface Curiosity extends Kept {
  /** Returns the terms of the reward, per utterance, in order. */
  readonly terms: (said: readonly CuriousText[]) => Promise<readonly Readonly<Record<string, number>>[]>;
  /** Puts an epoch's utterances, whose terms were asked for last, among those that were said before. */
  readonly remember: (said: readonly CuriousText[]) => void;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError for an encoder that there is not, or a target that is not on this machine */
export async function openCuriosity(
  { embedder: open }: Pick<AttackContext, 'embedder'>,
  { words, meaning, entropy, encoder }: CuriosityOptions,
): Promise<Curiosity> {
  const embedder = meaning > 0 ? await open(encoder) : null;
  let earlier = createEarlierTexts();
  let centre = createCentre();
  let vectors: ReadonlyMap<string, Float32Array> = new Map();
  return {
    terms: async (said) => {
      if (embedder !== null) vectors = await vectorsOf(embedder, said);
      return said.map(({ utterance, surprise }) => {
        const inWords = words > 0 ? earlier.similarity(utterance) : null;
        const vector = vectors.get(utterance);
        const inMeaning = vector === undefined ? null : centre.cosine(vector);
        return {
          ...(inWords === null ? {} : { noveltyWords: -words * inWords }),
          ...(inMeaning === null ? {} : { noveltyMeaning: -meaning * inMeaning }),
          ...(surprise === null || entropy === 0 ? {} : { entropy: entropy * surprise }),
        };
      });
    },
    remember: (said) => {
      earlier.add(said.map(({ utterance }) => utterance));
      for (const { utterance } of said) {
        const vector = vectors.get(utterance);
        if (vector !== undefined) centre.add(vector);
      }
    },
    save: () => ({
      curiosityTexts: [...earlier.texts()],
      curiosityVectors: centre.count(),
      curiosityCentre: centre.sum(),
    }),
    restore: (state) => {
      const { curiosityTexts: texts, curiosityVectors: count, curiosityCentre: sum } = state;
      if (!Array.isArray(texts) || typeof count !== 'number' || !(sum instanceof Float64Array))
        throw new FormatError('a checkpoint of curiosity lacks what was said before it', { where: 'checkpoints' });
      earlier = createEarlierTexts();
      earlier.add(texts.map(String));
      centre = createCentre({ count, sum });
    },
    close: async () => embedder?.close(),
  };
}

/** Texts without a word have no vector. */
async function vectorsOf(
  embedder: TextEmbedder,
  said: readonly CuriousText[],
): Promise<ReadonlyMap<string, Float32Array>> {
  const texts = [...new Set(said.map(({ utterance }) => utterance))].filter((text) => text.trim() !== '');
  const vectors = texts.length === 0 ? [] : await embedder.embed(texts);
  return new Map(texts.map((text, i) => [text, present(vectors[i], 'a vector per text')]));
}

/** The mean of the unit vectors so far: its product with a unit vector is the mean cosine to all of them. */
function createCentre(
  given: { readonly count: number; readonly sum: Float64Array } = { count: 0, sum: new Float64Array(0) },
) {
  let { count, sum } = given;
  return {
    count: () => count,
    sum: () => Float64Array.from(sum),
    add: (vector: Float32Array): void => {
      const length = lengthOf(vector);
      if (length === 0) return;
      if (count === 0) sum = new Float64Array(vector.length);
      sum = sum.map((each, i) => each + present(vector[i], 'a number') / length);
      count += 1;
    },
    cosine: (vector: Float32Array): number | null => {
      const length = lengthOf(vector);
      if (count === 0 || length === 0) return null;
      return sumOf(Array.from(vector, (each, i) => each * present(sum[i], 'a number'))) / length / count;
    },
  };
}

function lengthOf(vector: Float32Array): number {
  return Math.hypot(...vector);
}
