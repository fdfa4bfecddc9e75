/** A choice is a line of labels.jsonl: the label that a labeller gave an item. The last line of a labeller for an item
 *  counts; one whose label is null takes an earlier label back, or says that the item was skipped. */
import { z } from 'zod';

export const labelChoiceSchema = z.object({
  /** The item. */
  id: z.string().min(1),
  label: z.string().min(1).nullable(),
  labeller: z.string().min(1),
  /** When it was chosen, ISO 8601 in UTC. */
  at: z.string(),
  /** Probability with which the item was chosen to be shown: weights of 1 / probability stand for all items. */
  probability: z.number().gt(0).max(1),
  note: z.string().exactOptional(),
});

export type LabelChoice = z.output<typeof labelChoiceSchema>;
export type StandingChoice = LabelChoice & { readonly label: string };

/** The last choice of each labeller for each item, by id and labeller: taken back ones included. */
export type ChoicesByItem = Map<string, Map<string, LabelChoice>>;

/** Puts a later choice in the place of what its labeller said of the item before. */
export function addChoice(byItem: ChoicesByItem, choice: LabelChoice): void {
  const ofItem = byItem.get(choice.id) ?? new Map<string, LabelChoice>();
  byItem.set(choice.id, ofItem.set(choice.labeller, choice));
}

export function isStanding(choice: LabelChoice): choice is StandingChoice {
  return choice.label !== null;
}

/** Returns the choices that count, item by item.
 *  @param choices the oldest first */
export function standingChoices(choices: Iterable<LabelChoice>): readonly StandingChoice[] {
  const byItem: ChoicesByItem = new Map();
  for (const choice of choices) addChoice(byItem, choice);
  return [...byItem.values()].flatMap((ofItem) => [...ofItem.values()].filter(isStanding));
}
