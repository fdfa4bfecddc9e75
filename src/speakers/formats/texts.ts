/** How a speaker that takes text sees a dialogue: as messages of a chat, or as a text to continue. The counterpart of
 *  the other formats, which make ids. */
import { joinPlain } from '../../dialogue/join.js';
import type { Author, Dialogue } from '../../dialogue/types.js';
import type { FormatKind } from './format.js';
import { openingOf, openingTurns, systemText } from './opening.js';

export interface TextMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A chat begins with this when there is neither a prompt nor a turn, since servers want a user's message. */
const firstMessage = 'Begin.';

/** Returns `chatMessages` with every turn trimmed, as a person would send it. */
export function dialogueMessages(dialogue: Dialogue, role: Author, system?: string): readonly TextMessage[] {
  const turns = dialogue.turns.map((turn) => ({ ...turn, text: turn.text.trim() }));
  return chatMessages({ ...dialogue, turns }, role, system);
}

/** To each side the other is the user. A conversation that begins with the speaker is folded into the first user
 *  message, and neighbours of one role are joined by an empty line, as chat templates want it. A turn without a reply
 *  is no message. */
export function chatMessages({ prompt, turns }: Dialogue, role: Author, system?: string): readonly TextMessage[] {
  const said = [
    ...openingTurns(prompt, role).map((turn) => ({ role: turn.role, content: turn.text })),
    ...turns
      .filter(({ noReply }) => noReply === undefined)
      .map(({ author, text }) => ({ role: author === role ? 'assistant' : 'user', content: text }) as const),
  ];
  const instruction = systemText(prompt, role, system);
  const messages: TextMessage[] = instruction === undefined ? [] : [{ role: 'system', content: instruction }];
  const first = messages.length;
  for (const turn of said) {
    const previous = messages.at(-1);
    const isFirst = messages.length === first + 1;
    if (
      previous !== undefined &&
      messages.length > first &&
      (previous.role === turn.role || (isFirst && previous.role === 'assistant'))
    ) {
      messages[messages.length - 1] = { role: turn.role, content: `${previous.content}\n\n${turn.content}` };
    } else messages.push(turn);
  }
  const only = messages[first];
  if (only === undefined) messages.push({ role: 'user', content: firstMessage });
  else if (messages.length === first + 1 && only.role === 'assistant')
    messages[first] = { role: 'user', content: only.content };
  return messages;
}

/** Returns the dialogue so far as one text, as one side reads it. What a local model said is put there as it said it; what is text only gets a space
 *  before it where none is. */
export function dialogueText({ prompt, turns }: Dialogue, role: Author, format: Exclude<FormatKind, 'chat'>): string {
  const opening = openingOf(prompt, role, format);
  if (format === 'lines')
    return [opening, ...turns.filter(({ noReply }) => noReply === undefined).map(({ text }) => text)]
      .filter((text) => text !== '')
      .map((text) => (text.endsWith('\n') ? text : `${text}\n`))
      .join('');
  return turns.reduce((text, turn) => (turn.tokens === null ? joinPlain(text, turn.text) : text + turn.text), opening);
}
