/** Puts the dialogues of an evaluation into the groups that its bootstrap resamples as wholes. Draws of a group depend on
 *  each other, so that an interval by dialogue would be too narrow where several prompts are about one thing. */
import type { EvaluateOptions } from '../../recipe/stages/evaluate.js';

/** @param items one per dialogue
 *  @returns every dialogue by itself for 'prompt', since a row plays each prompt once; for 'conversation' the dialogues
 *    of each conversation, in the order in which conversations first appear */
export function groupDialogues<Item>(
  items: readonly Item[],
  groupBy: EvaluateOptions['groupBy'],
  promptOf: (item: Item) => { readonly id: string; readonly conversationId?: string },
): readonly (readonly Item[])[] {
  if (groupBy === 'prompt') return items.map((item) => [item]);
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const { id, conversationId = id } = promptOf(item);
    const group = groups.get(conversationId);
    if (group === undefined) groups.set(conversationId, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
