/** An adversary that reads from a list. The dialogue of prompt `entry-k` begins with entry k, whichever prompts are
 *  played and in whatever order; that of another prompt begins with the entry at its place. The next turn says the next
 *  entry, from the beginning again after the last. It draws nothing. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { textIndex } from '../../dialogue/identity.js';
import type { Prompt } from '../../dialogue/types.js';
import type { OpenAdversary } from './endpoint.js';
import { createWrittenAdversary, writtenUtterance } from './written.js';

export interface PromptListOptions {
  readonly name: string;
  readonly utterances: readonly string[];
  /** The dialogues' prompts in their order, which gives a place to those that name no entry; one that is not among them
   *  gets a place by its id. */
  readonly prompts: readonly Prompt[];
}

/** @throws ConfigError for an empty list */
export function createPromptListAdversary({ name, utterances, prompts }: PromptListOptions): OpenAdversary {
  if (utterances.length === 0)
    throw new ConfigError('this list of prompts is empty', { where: name, expected: 'at least one utterance' });
  const places = new Map(prompts.map(({ id }, i) => [id, i]));
  return createWrittenAdversary(name, ({ dialogue: { prompt, turns } }) => {
    const at = (entryNamed(prompt.id) ?? places.get(prompt.id) ?? textIndex(prompt.id)) + turns.length / 2;
    return writtenUtterance(present(utterances[at % utterances.length], 'an entry of the list'));
  });
}

/** An empty beginning for every entry of a list, where a recipe gives none: each entry is said once as a first
 *  utterance. */
export function openingsOf(utterances: readonly string[]): readonly Prompt[] {
  return utterances.map((_, i) => ({ id: `entry-${i + 1}`, text: '', conversationId: `entry-${i + 1}` }));
}

/** The place, from zero, of the entry that an id of `openingsOf` names. Returns null for any other id. */
function entryNamed(id: string): number | null {
  const number = /^entry-([1-9]\d{0,8})$/.exec(id)?.[1];
  return number === undefined ? null : Number(number) - 1;
}
