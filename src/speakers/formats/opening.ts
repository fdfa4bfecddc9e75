/** The opening of a dialogue, as one side reads it before the first utterance. Every format begins with it, so that all
 *  of them show a side its own private view and never the other's. */
import { openingText } from '../../dialogue/views.js';
import { joinLines, joinPlain } from '../../dialogue/join.js';
import type { Author, Prompt } from '../../dialogue/types.js';
import type { FormatKind } from './format.js';

export interface OpeningTurn {
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

/** Returns the side's own opening turns, then the prompt's, as turns of a chat with alternating roles. */
export function openingTurns({ text, turns, views }: Prompt, side: Author): readonly OpeningTurn[] {
  const known = (turns ?? [text]).filter((turn) => turn !== '');
  const own = (views?.[side]?.turns ?? []).filter((turn) => turn !== '');
  // Counted backwards: to the target its own last word is the last known turn; to the adversary it is the other's.
  const lastRole = (count: number): OpeningTurn['role'] => (side === 'adversary' || count === 1 ? 'user' : 'assistant');
  const open = alternate(known, lastRole(known.length));
  const [first] = open;
  return [...alternate(own, first === undefined ? lastRole(own.length) : opposite(first.role)), ...open];
}

function alternate(texts: readonly string[], last: OpeningTurn['role']): readonly OpeningTurn[] {
  return texts.map((text, i) => ({ role: (texts.length - 1 - i) % 2 === 0 ? last : opposite(last), text }));
}

function opposite(role: OpeningTurn['role']): OpeningTurn['role'] {
  return role === 'user' ? 'assistant' : 'user';
}

/** Returns the opening as running text, or as lines. */
export function openingOf(prompt: Prompt, side: Author, format: Exclude<FormatKind, 'chat'>): string {
  return openingText(prompt, side, format === 'lines' ? joinLines : joinPlain);
}

/** Returns the side's system instruction: the speaker's own, then that of the prompt's view. */
export function systemText({ views }: Prompt, side: Author, system?: string): string | undefined {
  const parts = [system, views?.[side]?.system].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join('\n\n');
}
