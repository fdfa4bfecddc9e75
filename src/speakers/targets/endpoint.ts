/** A target behind an OpenAI-compatible endpoint. Where the server scores prompts, the adversary's utterance gets its
 *  log-probability under the target; where it does not, the target is text only.
 *
 *  In a continuation the utterance is the end of the prompt. In a chat it stands before what the template adds to ask
 *  for an answer; how long that is, is learnt once from a message with a text of its own. Tokens that straddle the
 *  beginning of the utterance count as its.
 *
 *  Given texts, as the beginning of a reply, are scored in the same way: as the end of a continuation, or as a message
 *  of the assistant, whose own tail is learnt when it is first needed. */
import { TargetError } from '../../base/errors.js';
import { once } from '../../base/once.js';
import { joinLines, joinPlain } from '../../dialogue/join.js';
import type { Dialogue, TargetReply } from '../../dialogue/types.js';
import { askAll } from '../../remote/askAll.js';
import type { Endpoint, Message, PromptToken } from '../../remote/types.js';
import type { FormatKind } from '../formats/format.js';
import { dialogueMessages, dialogueText } from '../formats/texts.js';
import { type EndpointSpeakerOptions, openEndpointSpeaker, textUtterance } from '../textSpeaker.js';
import type { OpenTarget } from './openTarget.js';

const sentinel = 'Zebra 4711 on the green stair';

/** Asks the server whether it scores prompts, before anything is spent. @throws TargetError */
export async function openEndpointTarget(endpoint: Endpoint, options: EndpointSpeakerOptions): Promise<OpenTarget> {
  const speaker = openEndpointSpeaker(endpoint, 'target', options);
  const scorer = await scorerOf(endpoint, options);
  const counted = (work: Promise<readonly number[] | null>): Promise<readonly number[] | null> => {
    options.onScored?.();
    return work;
  };
  return {
    name: options.name ?? endpoint.name,
    provides: { logProbs: scorer !== null, weights: false },
    counts: speaker.counts,
    reply: async (requests) => {
      const replies = await speaker.speak(requests);
      const scores =
        scorer === null
          ? []
          : await askAll(requests, endpoint.concurrency, ({ dialogue }) => counted(scorer.utterance(dialogue)));
      return replies.map((reply, i): TargetReply => {
        const logProbs = scores[i] ?? null;
        return {
          reply: textUtterance('target', reply, options.reasoning),
          reading: logProbs === null ? null : { logProbs, tokens: null },
        };
      });
    },
    ...(scorer === null
      ? {}
      : {
          scoreTexts: async (requests) => {
            const all = requests.flatMap(({ dialogue, texts }) => texts.map((text) => ({ dialogue, text })));
            const scores = await askAll(all, endpoint.concurrency, ({ dialogue, text }) =>
              counted(scorer.text(dialogue, text)),
            );
            let next = 0;
            return requests.map(({ texts }) => scores.slice(next, (next += texts.length)));
          },
        }),
  };
}

/** Log-probabilities under the target; null for a text whose tokens the server does not spell out. */
interface Scorer {
  /** Scores the last utterance of a dialogue. */
  readonly utterance: (dialogue: Dialogue) => Promise<readonly number[] | null>;
  /** Scores a text as the beginning of the reply to it. */
  readonly text: (dialogue: Dialogue, text: string) => Promise<readonly number[] | null>;
}

function scorerOf(endpoint: Endpoint, options: EndpointSpeakerOptions): Promise<Scorer | null> {
  return options.format === 'chat' ? chatScorer(endpoint, options) : continuationScorer(endpoint, options.format);
}

async function continuationScorer(endpoint: Endpoint, format: Exclude<FormatKind, 'chat'>): Promise<Scorer | null> {
  if ((await endpoint.promptLogProbs({ kind: 'text', prompt: sentinel })) === null) return null;
  const read = (dialogue: Dialogue): string => dialogueText(dialogue, 'target', format);
  const ending = async (before: string, prompt: string): Promise<readonly number[] | null> =>
    lastTokens(await endpoint.promptLogProbs({ kind: 'text', prompt }), prompt.slice(before.length), '');
  return {
    utterance: (dialogue) => ending(read({ ...dialogue, turns: dialogue.turns.slice(0, -1) }), read(dialogue)),
    text: (dialogue, text) => {
      const before = read(dialogue);
      return ending(before, (format === 'lines' ? joinLines : joinPlain)(before, text));
    },
  };
}

async function chatScorer(endpoint: Endpoint, { system }: EndpointSpeakerOptions): Promise<Scorer | null> {
  const scored = (messages: readonly Message[]): Promise<readonly PromptToken[] | null> =>
    endpoint.promptLogProbs({ kind: 'chat', messages });
  /** Returns what the template writes after the last message; null where that message is not spelled out. */
  const learnTail = async (...messages: readonly Message[]): Promise<string | null> => {
    const known = await scored([
      ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
      ...messages,
    ]);
    const text = known === null ? '' : known.map((token) => token.text).join('');
    const at = text.lastIndexOf(sentinel);
    return at < 0 ? null : text.slice(at + sentinel.length);
  };
  const asked = { role: 'user', content: sentinel } as const;
  const tail = await learnTail(asked);
  if (tail === null) return null;
  const replyTail = once(async () => {
    const found = await learnTail({ role: 'user', content: 'Begin.' }, { ...asked, role: 'assistant' });
    if (found !== null) return found;
    throw new TargetError('this server does not score a message of the assistant', {
      where: endpoint.name,
      expected: 'a chat template that shows the last message of the assistant as it is',
      remedy: 'Leave reward.targetText and reward.targetTextProbability out, or use format: plain.',
    });
  });
  return {
    utterance: async (dialogue) =>
      lastTokens(
        await scored(dialogueMessages(dialogue, 'target', system)),
        dialogue.turns.at(-1)?.text.trim() ?? '',
        tail,
      ),
    text: async (dialogue, text) =>
      lastTokens(
        await scored([...dialogueMessages(dialogue, 'target', system), { role: 'assistant', content: text.trim() }]),
        text.trim(),
        await replyTail(),
      ),
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
