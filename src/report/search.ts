/** Describes a row whose adversary is the product of a search. A search works on the very prompts of the evaluation, so
 *  that its figures compare with those of a policy only beside what it spent on them. */
import { z } from 'zod';

const counts = z.record(z.string(), z.number());

export const searchSummarySchema = z.object({
  /** Number of prompts that it worked on. */
  prompts: z.int(),
  /** Number of prompts for which it has something to say. */
  found: z.int(),
  /** Number of prompts at which the target failed when the find was chosen, by the judge of the search. */
  failed: z.int(),
  tries: z.int(),
  /** Most that the search of one prompt may spend, by the names of the run's spending. */
  budget: counts.exactOptional(),
  /** Spending over all prompts, by name. */
  cost: counts,
  /** Further counts of the attack, by name, such as answers that could not be read. */
  counts: counts.exactOptional(),
  /** Reasons why nothing was found, the commonest first. */
  reasons: z.array(z.object({ reason: z.string(), count: z.int() })).exactOptional(),
});

/** The part of a report's row that its label depends on. */
interface LabelledRow {
  readonly name: string;
  readonly attackKind?: 'none' | 'policy' | 'search';
}

/** Whether the row's adversary is the product of a search. */
export function isSearch({ attackKind }: Pick<LabelledRow, 'attackKind'>): boolean {
  return attackKind === 'search';
}

/** Returns the names of rows as tables show them: beside a search, every row of an attack says of which kind it is. */
export function rowLabels(rows: readonly LabelledRow[]): readonly string[] {
  const isMixed = rows.some(isSearch);
  return rows.map(({ name, attackKind = 'none' }) =>
    isMixed && attackKind !== 'none' ? `${name} (${attackKind})` : name,
  );
}
