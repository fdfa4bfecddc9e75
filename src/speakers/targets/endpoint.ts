/** A target behind an OpenAI-compatible endpoint. Where the server scores prompts, the adversary's utterance gets its
 *  log-probability under the target; where it does not, the target is text only.
 *
 *  In a continuation the utterance is the end of the prompt. In a chat it stands before what the template adds to ask
 *  for an answer; how long that is, is learnt once from a message with a text of its own. Tokens that straddle the
 *  beginning of the utterance count as its. */
import type { Dialogue, TargetReply } from '../../dialogue/types.js';
import { askAll } from '../../remote/askAll.js';
import type { Endpoint, PromptToken } from '../../remote/types.js';
import { dialogueMessages, dialogueText } from '../formats/texts.js';
import { type EndpointSpeakerOptions, openEndpointSpeaker, textUtterance } from '../textSpeaker.js';
import type { OpenTarget } from './openTarget.js';

const sentinel = 'Zebra 4711 on the green stair';

/** Asks the server whether it scores prompts, before anything is spent. @throws TargetError */
export async function openEndpointTarget(endpoint: Endpoint, options: EndpointSpeakerOptions): Promise<OpenTarget> {
  const speaker = openEndpointSpeaker(endpoint, 'target', options);
  const score = await scorerOf(endpoint, options);
  return {
    name: options.name ?? endpoint.name,
    provides: { logProbs: score !== null, weights: false },
    counts: speaker.counts,
    reply: async (requests) => {
      const replies = await speaker.speak(requests);
      const scores =
        score === null
          ? []
          : await askAll(requests, endpoint.concurrency, ({ dialogue }) => {
              options.onScored?.();
              return score(dialogue);
            });
      return replies.map((reply, i): TargetReply => {
        const logProbs = scores[i] ?? null;
        return {
          reply: textUtterance('target', reply, options.reasoning),
          reading: logProbs === null ? null : { logProbs, tokens: null },
        };
      });
    },
  };
}

/** Log-probabilities of the last utterance of a dialogue; null for a text whose tokens the server does not spell out.
 */
type Scorer = (dialogue: Dialogue) => Promise<readonly number[] | null>;

async function scorerOf(endpoint: Endpoint, { format, system }: EndpointSpeakerOptions): Promise<Scorer | null> {
  if (format !== 'chat') {
    if ((await endpoint.promptLogProbs({ kind: 'text', prompt: sentinel })) === null) return null;
    return async (dialogue) => {
      const text = dialogueText(dialogue, 'target', format);
      const before = dialogueText({ prompt: dialogue.prompt, turns: dialogue.turns.slice(0, -1) }, 'target', format);
      return lastTokens(await endpoint.promptLogProbs({ kind: 'text', prompt: text }), text.slice(before.length), '');
    };
  }
  const known = await endpoint.promptLogProbs({
    kind: 'chat',
    messages: [
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      { role: 'user', content: sentinel },
    ],
  });
  const text = known === null ? '' : known.map((token) => token.text).join('');
  const at = text.lastIndexOf(sentinel);
  if (at < 0) return null;
  const tail = text.slice(at + sentinel.length);
  return async (dialogue) => {
    const messages = dialogueMessages(dialogue, 'target', system);
    return lastTokens(
      await endpoint.promptLogProbs({ kind: 'chat', messages }),
      dialogue.turns.at(-1)?.text.trim() ?? '',
      tail,
    );
  };
}

/** Returns the tokens before `tail` that spell `utterance`. */
function lastTokens(tokens: readonly PromptToken[] | null, utterance: string, tail: string): readonly number[] | null {
  if (tokens === null || utterance === '') return null;
  if (
    !tokens
      .map(({ text }) => text)
      .join('')
      .endsWith(utterance + tail)
  )
    return null;
  const out: number[] = [];
  let behind = 0;
  for (const { text, logProb } of tokens.toReversed()) {
    const isTail = behind + text.length <= tail.length && tail.length > 0 && behind < tail.length;
    behind += text.length;
    if (isTail) continue;
    if (logProb === null) return null;
    out.unshift(logProb);
    if (behind >= utterance.length + tail.length) return out;
  }
  return null;
}
