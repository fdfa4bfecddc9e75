/** Whether a reply is about what was said: the cosine of two embeddings, of the dialogue and of the reply. */
import { present } from '../base/invariant.js';
import { joinLines } from '../dialogue/join.js';
import type { Dialogue } from '../dialogue/types.js';
import { type Embedder, openEmbedder } from '../engine/models/embedder.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { cosineDistance } from '../stats/distances.js';

/** An embedder over the target's own weights: the mean of its last states over a text's tokens. */
export function openTargetEmbedder(target: LanguageModel): Promise<Embedder> {
  return openEmbedder(target, { pooling: 'mean' });
}

/** Returns one value in [−1, 1] per reply, in order; null where a text has no token, or nothing but white space. Texts
 *  longer than the embedder reads keep their end (a dialogue) or their beginning (a reply). Equal texts are embedded
 *  once. */
export async function coherences(
  answered: readonly { readonly dialogue: Dialogue; readonly reply: { readonly text: string } }[],
  embedder: Embedder,
): Promise<readonly (number | null)[]> {
  const { tokenizer, contextLength } = embedder;
  const pairs = answered.map(({ dialogue, reply }) => ({
    context: tokenizer.encode(contextText(dialogue).trim()).slice(-contextLength),
    reply: tokenizer.encode(reply.text.trim()).slice(0, contextLength),
    isEmpty: contextText(dialogue).trim() === '' || reply.text.trim() === '',
  }));
  const texts = new Map<string, readonly number[]>();
  for (const { context, reply, isEmpty } of pairs)
    if (!isEmpty) for (const ids of [context, reply]) texts.set(ids.join(), ids);
  const vectors = texts.size === 0 ? [] : await embedder.embed([...texts.values()]);
  const vectorOf = new Map([...texts.keys()].map((key, i) => [key, present(vectors[i], 'a vector for each text')]));
  const find = (ids: readonly number[]): Float32Array => present(vectorOf.get(ids.join()), 'a vector for each text');
  return pairs.map(({ context, reply, isEmpty }) => (isEmpty ? null : 1 - cosineDistance(find(context), find(reply))));
}

/** The dialogue as one text, a turn a line. */
function contextText({ prompt, turns }: Dialogue): string {
  return turns.reduce((text, turn) => joinLines(text, turn.text), prompt.text);
}

/** Returns what is answered: the last turn, or before the first turn the prompt's last turn. */
export function answeredUtterance({ prompt, turns }: Dialogue): string {
  return turns.at(-1)?.text ?? prompt.turns?.at(-1) ?? prompt.text;
}
