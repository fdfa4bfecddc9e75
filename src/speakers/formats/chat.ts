/** The checkpoint's own chat template. To the target, the adversary is the user; to the adversary, the conversation is
 *  mirrored and the target is the user. The opening that this side reads comes first, with roles alternating so that
 *  its last turn is answered.
 *
 *  The ids are those of the rendered conversation, tokenised at once, because that is the prompt of the deployed model:
 *  a template may trim contents or cut earlier thoughts, and a tokenizer may join what was generated apart. Utterances
 *  that stand there with other ids than those they were generated with are counted. */
import { ConfigError, FormatError } from '../../base/errors.js';
import type { Utterance } from '../../dialogue/types.js';
import { type ChatMessage, type ChatTemplate, renderedIds } from '../../engine/text/chatTemplate.js';
import type { Tokenizer } from '../../engine/text/tokenizer.js';
import {
  type Context,
  type FormatOptions,
  joinSegments,
  type Segment,
  type SpeakerFormat,
  utteranceIds,
  goingOnIds,
} from './format.js';
import { opensReasoning } from '../visibleText.js';
import { chatMessages } from './texts.js';

/** Stands for the last turn in a second rendering: a private-use character, which no template inspects or trims. */
const mark = '\uE000';

export function chatFormat(options: FormatOptions): SpeakerFormat {
  const { tokenizer, chatTemplate, role, system } = options;
  if (chatTemplate === null) {
    throw new ConfigError('this checkpoint has no chat template', {
      where: 'format: chat',
      remedy: 'Use format: plain.',
    });
  }
  const { lead, opensReasoning: opens } = invitationOf(chatTemplate);
  const render = (messages: readonly ChatMessage[]): string =>
    chatTemplate.render(messages, { addGenerationPrompt: true });
  return {
    kind: 'chat',
    opensReasoning: opens,
    stop: { stopIds: tokenizer.endIds, stopStrings: [] },
    // In a chat an utterance is a message of its own.
    place: (_dialogue, text) => text.trim(),
    utterance: (text, maxTokens) =>
      [...goingOnIds(tokenizer, lead + text), ...tokenizer.endIds.slice(0, 1)].slice(0, maxTokens),
    context: (dialogue) => {
      const messages = chatMessages(dialogue, role, system);
      const last = dialogue.turns.at(-1);
      const marked =
        last === undefined || last.noReply !== undefined
          ? null
          : chatMessages(
              { ...dialogue, turns: [...dialogue.turns.slice(0, -1), { ...last, text: mark }] },
              role,
              system,
            );
      const read = (leftOut: number): Segment[] => {
        const text = render(withoutOldest(messages, leftOut));
        return segmentsOf(tokenizer, text, marked === null ? null : render(withoutOldest(marked, leftOut)));
      };
      const { length } = withoutOldest(messages, messages.length);
      return fit(read, messages.length - length, options.maxContextTokens, (whole) =>
        compareIds(whole, dialogue.turns, tokenizer),
      );
    },
  };
}

/** Returns the white space that the template puts between its invitation to speak and a message, and whether the
 *  invitation opens reasoning. */
function invitationOf(template: ChatTemplate): { readonly lead: string; readonly opensReasoning: boolean } {
  const asked: ChatMessage = { role: 'user', content: 'a' };
  try {
    const prompt = template.render([asked], { addGenerationPrompt: true });
    const answered = template.render([asked, { role: 'assistant', content: mark }], { addGenerationPrompt: false });
    const [before = ''] = answered.split(mark);
    const lead = before.slice(prompt.length);
    return {
      lead: before.startsWith(prompt) && lead.trim() === '' ? lead : '',
      opensReasoning: opensReasoning(prompt),
    };
  } catch (error) {
    // A template that refuses this conversation will say so of a real one.
    if (error instanceof FormatError) return { lead: '', opensReasoning: false };
    throw error;
  }
}

/** The system message stays. */
function withoutOldest(messages: readonly ChatMessage[], count: number): readonly ChatMessage[] {
  const first = messages[0]?.role === 'system' ? 1 : 0;
  return [...messages.slice(0, first), ...messages.slice(first + count)];
}

/** The rendering as ids, with the place of the last turn. Where a token holds the end of the turn and what follows, or
 *  what stands before and the beginning, it is not counted to the turn. */
function segmentsOf(tokenizer: Tokenizer, text: string, marked: string | null): Segment[] {
  const ids = renderedIds(tokenizer, text);
  if (marked === null) return [{ ids, lastUtterance: false }];
  const [before = '', after] = marked.split(mark);
  const end = text.length - (after?.length ?? 0);
  if (after === undefined || end < before.length || !text.startsWith(before) || !text.endsWith(after)) {
    throw new FormatError('the chat template does not show the last turn once, in its place', {
      expected: 'a template whose other text does not depend on the last turn',
      remedy: 'Use format: plain.',
    });
  }
  const [from, to] = [before, text.slice(0, end)].map((piece) => commonStart(ids, renderedIds(tokenizer, piece)));
  return [
    { ids: ids.slice(0, from), lastUtterance: false },
    { ids: ids.slice(from, to), lastUtterance: true },
    { ids: ids.slice(to), lastUtterance: false },
  ];
}

function commonStart(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Looks for the generated ids of each utterance, in order. */
function compareIds(
  context: readonly number[],
  turns: readonly Utterance[],
  tokenizer: Tokenizer,
): Pick<Context, 'retokenised' | 'rewritten'> {
  let from = 0;
  let [retokenised, rewritten] = [0, 0];
  for (const turn of turns) {
    if (turn.noReply !== undefined) continue;
    const own = utteranceIds(turn, tokenizer);
    const at = own.retokenised ? -1 : placeOf(own.ids, context, from);
    if (own.retokenised) retokenised++;
    else if (at < 0) rewritten++;
    else from = at + own.ids.length;
  }
  return { retokenised, rewritten };
}

function placeOf(ids: readonly number[], within: readonly number[], from: number): number {
  for (let at = from; at + ids.length <= within.length; at++) {
    if (ids.every((id, i) => within[at + i] === id)) return at;
  }
  return -1;
}

/** Leaves out the oldest pairs of messages until the rendering fits, so that the template stays whole; cuts ids only at
 *  the last resort.
 *  @param read the rendering without its oldest messages */
function fit(
  read: (leftOut: number) => Segment[],
  messages: number,
  maxTokens: number,
  compare: (ids: readonly number[]) => Pick<Context, 'retokenised' | 'rewritten'>,
): Context {
  const whole = read(0);
  let kept = whole;
  for (let leftOut = 2; countTokens(kept) > maxTokens && leftOut < messages; leftOut += 2) kept = read(leftOut);
  const compared = compare(whole.flatMap(({ ids }) => ids));
  const context = joinSegments(kept, maxTokens, { bosId: null, ...compared });
  return { ...context, droppedTokens: countTokens(whole) - context.ids.length };
}

function countTokens(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.ids.length, 0);
}
