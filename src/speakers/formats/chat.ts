/** The checkpoint's own chat template. To the target, the adversary is the user; to the adversary, the conversation is
 *  mirrored and the target is the user. The prompt's known turns come before, with roles alternating so that the last
 *  of them is answered.
 *
 *  The template is rendered with a placeholder for every content; the pieces of template between placeholders are
 *  encoded as text and the contents are spliced in as ids. So a generated utterance keeps its ids, and its place in the
 *  context is known by counting. */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import type { Dialogue } from '../../dialogue/types.js';
import {
  type Context,
  type FormatOptions,
  joinSegments,
  type Segment,
  type SpeakerFormat,
  utteranceIds,
} from './format.js';

interface Message {
  readonly role: 'user' | 'assistant';
  /** Contents in order; more than one when two turns of the same role were joined. */
  readonly parts: readonly Segment[];
}

export function chatFormat(options: FormatOptions): SpeakerFormat {
  const { tokenizer, chatTemplate } = options;
  if (chatTemplate === null) {
    throw new ConfigError('this checkpoint has no chat template', {
      where: 'format: chat',
      remedy: 'Use format: plain.',
    });
  }
  const separator: Segment = { ids: tokenizer.encode('\n\n', { addSpecialTokens: false }), lastUtterance: false };
  const render = (messages: readonly Message[]): Segment[] => {
    const contents: Segment[] = [];
    const placed = messages.map(({ role, parts }) => ({
      role,
      content: parts.map((part) => placeholder(contents.push(part) - 1)).join(''),
    }));
    const system = options.system === undefined ? [] : [{ role: 'system' as const, content: options.system }];
    const text = chatTemplate.render([...system, ...placed], { addGenerationPrompt: true });
    return splice(text, contents, (piece) => tokenizer.encode(piece, { addSpecialTokens: false }));
  };
  return {
    kind: 'chat',
    stop: { stopIds: tokenizer.endIds, stopStrings: [] },
    utterance: (text, maxTokens) =>
      [...tokenizer.encode(text, { addSpecialTokens: false }), ...tokenizer.endIds.slice(0, 1)].slice(0, maxTokens),
    context: (dialogue: Dialogue) => {
      const { messages, retokenised } = toMessages(dialogue, options, separator);
      return fit(messages, render, options.maxContextTokens, retokenised);
    },
  };
}

/** The conversation with the roles as this speaker sees them, beginning with the user, no two neighbours of one role.
 */
function toMessages(
  dialogue: Dialogue,
  options: FormatOptions,
  separator: Segment,
): { messages: readonly Message[]; retokenised: number } {
  const { tokenizer, role } = options;
  let retokenised = 0;
  const turns: { role: Message['role']; segment: Segment }[] = [];
  const opening = (dialogue.prompt.turns ?? [dialogue.prompt.text]).filter((text) => text.length > 0);
  opening.forEach((text, i) => {
    // Counted backwards: to the target its own last word is the prompt's last turn; to the adversary it is the other's.
    const fromEnd = opening.length - 1 - i;
    const last = role === 'adversary' || opening.length === 1 ? 'user' : 'assistant';
    turns.push({
      role: fromEnd % 2 === 0 ? last : opposite(last),
      segment: { ids: tokenizer.encode(text, { addSpecialTokens: false }), lastUtterance: false },
    });
  });
  dialogue.turns.forEach((turn, i) => {
    const read = utteranceIds(turn, tokenizer);
    if (read.retokenised) retokenised++;
    turns.push({
      role: turn.author === role ? 'assistant' : 'user',
      segment: { ids: read.ids, lastUtterance: i === dialogue.turns.length - 1 },
    });
  });
  const messages: { role: Message['role']; parts: Segment[] }[] = [];
  for (const turn of turns) {
    const previous = messages.at(-1);
    const joins =
      previous !== undefined &&
      (previous.role === turn.role || (messages.length === 1 && previous.role === 'assistant'));
    if (joins) {
      // Templates want the user first: a conversation that begins with this speaker is folded into the first user
      // message.
      messages[messages.length - 1] = { role: turn.role, parts: [...previous.parts, separator, turn.segment] };
    } else {
      messages.push({ role: turn.role, parts: [turn.segment] });
    }
  }
  return { messages, retokenised };
}

function opposite(role: Message['role']): Message['role'] {
  return role === 'user' ? 'assistant' : 'user';
}

/** Leaves out the oldest pairs of messages until the rendering fits, so that the template stays whole; cuts ids only at
 *  the last resort. */
function fit(
  messages: readonly Message[],
  render: (messages: readonly Message[]) => Segment[],
  maxTokens: number,
  retokenised: number,
): Context {
  const segments = render(messages);
  const total = countTokens(segments);
  let kept = segments;
  for (let from = 2; countTokens(kept) > maxTokens && from < messages.length; from += 2)
    kept = render(messages.slice(from));
  const context = joinSegments(kept, maxTokens, { bosId: null, retokenised });
  return { ...context, droppedTokens: total - context.ids.length };
}

function countTokens(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.ids.length, 0);
}

/** Private-use characters: no template inspects or trims them, and no rendered text contains them otherwise. */
function placeholder(index: number): string {
  return `\uE000${index}\uE001`;
}

function splice(text: string, contents: readonly Segment[], encode: (piece: string) => readonly number[]): Segment[] {
  const out: Segment[] = [];
  let next = 0;
  const glue = (piece: string): void => {
    if (piece.length > 0) out.push({ ids: encode(piece), lastUtterance: false });
  };
  const pieces = text.split(/\uE000(\d+)\uE001/u);
  pieces.forEach((piece, i) => {
    if (i % 2 === 0) return glue(piece);
    invariant(Number(piece) === next, 'a chat template shows every message once, in order');
    out.push(contents[next++] as Segment);
  });
  invariant(next === contents.length, 'a chat template shows every message');
  return out;
}
