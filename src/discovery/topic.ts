/** Tells whether texts are about a topic, by its words, or by the mean direction of the embeddings of examples. */
import { invariant, present } from '../base/invariant.js';
import { splitWords } from '../stats/diversity.js';
import { cosineDistance, unitLength, type Vector } from '../stats/distances.js';

/** Returns whether a text has one of these words or phrases, whole and in any case.
 *  @param phrases of at least one word each */
export function createWordTopic(phrases: readonly string[]): (text: string) => boolean {
  const wanted = phrases.map((phrase) => ` ${splitWords(phrase).join(' ')} `);
  invariant(
    wanted.every((phrase) => phrase.trim() !== ''),
    'a phrase of a topic has a word',
  );
  return (text) => {
    const words = ` ${splitWords(text).join(' ')} `;
    return wanted.some((phrase) => words.includes(phrase));
  };
}

/** Returns the cosine of an embedding to the mean of the examples', each taken at length 1 so that none counts more for
 *  being longer; 0 for a zero vector.
 *  @param examples at least one */
export function createExampleTopic(examples: readonly Vector[]): (embedding: Vector) => number {
  const [first] = examples;
  const mean_C = new Float64Array(present(first, 'an example').length);
  for (const example of examples) {
    const unit_C = unitLength(example);
    for (let c = 0; c < mean_C.length; c++) mean_C[c] = (mean_C[c] as number) + (unit_C[c] as number) / examples.length;
  }
  return (embedding) => 1 - cosineDistance(embedding, mean_C);
}
