/** Diversity as Explore, Establish, Exploit pays it (arXiv 2306.09442): an utterance loses by how close it lies to the
 *  others of its epoch in the target's own embeddings, whatever it earned.
 *
 *  Where we differ from its code: the distance of an utterance to itself never counts; e is the state of the last real
 *  token, where the code reads padding; and the scale, 100 for the 1,600 channels of GPT-2-xl, is by default the median
 *  distance of the first epoch, when the policy has learnt nothing yet. */
import { openEmbedder } from '../../engine/models/embedder.js';
import { closeness, medianDistance } from '../../stats/closeness.js';
import type { AttackContext } from '../attack.js';
import type { DiversityOptions } from './options.js';

export interface Diversity {
  readonly memory: Readonly<Record<string, number>>;
  /** Returns a penalty ≥ 0 per text, in order.
   *  @param texts all utterances of an epoch */
  readonly penalties: (
    texts: readonly string[],
    memory: Readonly<Record<string, number>>,
  ) => Promise<{ readonly penalties: readonly number[]; readonly memory: Readonly<Record<string, number>> }>;
  readonly close: () => Promise<void>;
}

/** The key of the scale in an attack's memory; 0 until it is known. */
const scaleKey = 'diversityScale';

export async function openDiversity(
  { whiteBox, spending }: Pick<AttackContext, 'whiteBox' | 'spending'>,
  { weight, scale: given, layer }: DiversityOptions,
): Promise<Diversity> {
  const embedder = await openEmbedder((await whiteBox()).model, { pooling: 'last', layer });
  const { tokenizer, contextLength, width } = embedder;
  const start = tokenizer.bosId === null ? [] : [tokenizer.bosId];
  const idsOf = (text: string): readonly number[] => [...start, ...tokenizer.encode(text)].slice(0, contextLength);
  return {
    memory: { [scaleKey]: given ?? 0 },
    penalties: async (texts, memory) => {
      const ids = texts.map(idsOf);
      const said = ids.filter(({ length }) => length > 0);
      spending.add({ targetEvaluations: said.length });
      const vectors = (await embedder.embed(said)).values();
      // A text without a token has no state: zeros lie far from all that was said.
      const points = ids.map(({ length }) => (length === 0 ? null : vectors.next().value) ?? new Float32Array(width));
      const known = memory[scaleKey] ?? 0;
      const scale = known > 0 ? known : (medianDistance(points) ?? 0);
      // Where nothing differs yet there is no scale, and all lie together.
      const near = scale > 0 ? closeness(points, scale) : points.map(() => (points.length > 1 ? 1 : 0));
      return { penalties: near.map((each) => weight * each), memory: { ...memory, [scaleKey]: scale } };
    },
    close: () => embedder.close(),
  };
}
