/** Replies that the model which is trained has not said itself, as it would say them: its own tokens, and how likely it
 *  finds them. */
import { present } from '../base/invariant.js';
import type { Dialogue, Utterance } from '../dialogue/types.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import { meanLogProb } from './candidates.js';
import type { MendSpeaker } from './mendSpeaker.js';

/** In their order; a reply of which no token is left is left out. One pass reads them all, the dialogue once. */
export async function readReplies(
  dialogue: Dialogue,
  replies: readonly Utterance[],
  speaker: MendSpeaker,
): Promise<readonly Utterance[]> {
  const prefix = speaker.contextIds(dialogue);
  const said = replies
    .map((reply) => ({ reply, completion: speaker.replyIds(reply) }))
    .filter(({ completion }) => completion.length > 0);
  const { id: tokenizerId } = speaker.model.tokenizer;
  const scored = await scoreCompletions(
    speaker.model,
    said.map(({ completion }) => ({ prefix, completion })),
  );
  return said.map(({ reply, completion: ids }, i) => ({
    ...reply,
    contextIds: prefix,
    tokens: { tokenizerId, ids, logProbs: [...present(scored[i], 'scores of each completion')] },
  }));
}

/** The `keep` likeliest by nats per token, the likeliest first: sums would prefer the shortest. */
export function likeliestReplies(replies: readonly Utterance[], keep: number): readonly Utterance[] {
  return replies.toSorted((a, b) => meanLogProb(b) - meanLogProb(a)).slice(0, keep);
}
