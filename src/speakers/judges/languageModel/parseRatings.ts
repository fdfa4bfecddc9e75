/** Reads ratings on several scales out of a judge's reply: one JSON object with a number under the name of each. Nothing
 *  is guessed: a reply without one, with a name left out, or with a number off its scale gives none. */
import { z } from 'zod';
import type { ScaleAnswer, Unread } from './judgeReader.js';
import type { Scale } from './judgeTemplate.js';
import { firstObject, quoted } from './jsonReply.js';

/** A number may stand by itself, as text, or as the score beside its reasoning. */
const bare = z.union([
  z.number(),
  z
    .string()
    .regex(/^\s*[-+]?\d+(?:\.\d+)?\s*$/)
    .transform(Number),
]);
const rating = z.union([bare, z.object({ score: bare }).transform(({ score }) => score)]);

export function parseRatings(
  reply: string,
  scales: readonly Pick<Scale, 'name' | 'low' | 'high'>[],
): ScaleAnswer | Unread {
  const object = firstObject(reply);
  if (object === null) return { unread: `no JSON object in the judge's reply ${quoted(reply)}` };
  const ratings: Record<string, number> = {};
  for (const { name, low, high } of scales) {
    const found = rating.safeParse(Object.hasOwn(object, name) ? object[name] : undefined);
    if (!found.success) return { unread: `no number under "${name}" in the judge's reply ${quoted(reply)}` };
    if (!(found.data >= low && found.data <= high))
      return { unread: `the rating ${String(found.data)} of ${name} is not within ${String(low)} to ${String(high)}` };
    ratings[name] = found.data;
  }
  return { ratings };
}
