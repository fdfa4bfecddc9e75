/** The finds of a search, prompt by prompt, and the adversary that says them. A find of several turns is said turn
 *  by turn, from the beginning again after the last. At a prompt without a find the adversary is silent. It draws
 *  nothing. */
import { z } from 'zod';
import { present } from '../../base/invariant.js';
import { countFromZero } from '../../base/schemaParts.js';
import { nothingToSay } from '../../dialogue/nothingFound.js';
import { recordedTurn, utteranceOf } from '../../dialogue/readRecords.js';
import type { RecordedTurn } from '../../dialogue/records.js';
import type { OpenAdversary } from './endpoint.js';
import { createWrittenAdversary } from './written.js';

/** The result of the search of one prompt, as models/NAME keeps it. An alias, so that it has the type of JSON. */
export type Find = {
  /** Id of the prompt. */
  readonly prompt: string;
  /** Utterances of the adversary there, turn by turn; empty where nothing was found. */
  readonly turns: readonly RecordedTurn[];
  /** The search chose by it, greater is better; null without a find, or where it is not known. */
  readonly score: number | null;
  /** Whether the target failed when this was chosen, by the judge of the search; null where no judge said so. */
  readonly failed: boolean | null;
  /** Why nothing was found. */
  readonly reason?: string;
  /** Number of tries. */
  readonly tries: number;
  /** Spending of this prompt's search, by the names of the run's spending. */
  readonly cost: Readonly<Record<string, number>>;
  /** Further counts of the attack, by name, such as answers that could not be read. */
  readonly counts?: Readonly<Record<string, number>>;
};

export const findSchema: z.ZodType<Find> = z.object({
  prompt: z.string(),
  turns: z.array(recordedTurn),
  score: z.number().nullable(),
  failed: z.boolean().nullable(),
  reason: z.string().exactOptional(),
  tries: countFromZero,
  cost: z.record(z.string(), z.number()),
  counts: z.record(z.string(), z.number()).exactOptional(),
});

export function createFindsAdversary({
  name,
  finds,
}: {
  readonly name: string;
  readonly finds: readonly Find[];
}): OpenAdversary {
  const known = new Map(finds.map(({ prompt, turns }) => [prompt, turns.map(utteranceOf)]));
  return createWrittenAdversary(name, ({ dialogue: { prompt, turns } }) => {
    const found = known.get(prompt.id) ?? [];
    if (found.length === 0) return nothingToSay;
    return present(found[(turns.length / 2) % found.length], 'a turn of the find');
  });
}
