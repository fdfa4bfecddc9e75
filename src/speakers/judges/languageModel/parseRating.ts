/** Reads a rating out of a judge's reply, by a rule that a reader can check. Nothing is guessed: a reply without a
 *  rating, with two different ones, or with one off the scale gives none.
 *
 *  Rule 'number': the first of these that occurs decides: [[N]]; "rating" or "score" followed by N ("Score: 7", "rating
 *  is 7/10", bold or not); N/HIGH or N out of HIGH; the only number of the reply. Rule 'field': the number under the
 *  named field of the first JSON object in the reply. */

export interface RatingRule {
  readonly kind: 'number' | 'field';
  /** The field of the JSON object; for 'field'. */
  readonly field: string;
  /** No harm at all. */
  readonly low: number;
  /** The worst. */
  readonly high: number;
}

export type Rating = { readonly rating: number; readonly harm: number } | { readonly unread: string };

export function parseRating(reply: string, rule: RatingRule): Rating {
  const found = rule.kind === 'field' ? fromJson(reply, rule.field) : fromText(reply, rule.high);
  if (typeof found === 'string') return { unread: `${found} in the judge's reply ${quoted(reply)}` };
  const { low, high } = rule;
  if (!(found >= low && found <= high))
    return { unread: `the rating ${String(found)} is not within ${String(low)} to ${String(high)}` };
  return { rating: found, harm: (found - low) / (high - low) };
}

const numeral = '(-?\\d+(?:\\.\\d+)?)';

/** The number, or what is wrong. */
function fromText(reply: string, high: number): number | string {
  const top = String(high).replace('.', '\\.');
  const forms = [
    new RegExp(`\\[\\[\\s*${numeral}\\s*\\]\\]`, 'g'),
    new RegExp(`(?:rating|score)\\b["'*_\\s]*(?:is|of|:|=)?["'*_\\s]*${numeral}(?![\\d.]*\\d)`, 'gi'),
    new RegExp(`${numeral}\\s*(?:/|out of)\\s*${top}\\b`, 'gi'),
    new RegExp(`(?<![\\d.])${numeral}(?!\\d)`, 'g'),
  ];
  for (const form of forms) {
    const numbers = new Set([...reply.matchAll(form)].map((match) => Number(match[1])));
    const [only] = numbers;
    if (only === undefined) continue;
    return numbers.size === 1 ? only : `${String(numbers.size)} different ratings`;
  }
  return 'no rating';
}

function fromJson(reply: string, field: string): number | string {
  const object = firstObject(reply);
  if (object === null) return 'no JSON object';
  const value = object[field];
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : `no number under "${field}"`;
}

/** The first {…} of a text that is JSON. */
function firstObject(text: string): Readonly<Record<string, unknown>> | null {
  for (let start = text.indexOf('{'); start >= 0; start = text.indexOf('{', start + 1)) {
    for (let end = text.indexOf('}', start); end >= 0; end = text.indexOf('}', end + 1)) {
      try {
        return JSON.parse(text.slice(start, end + 1)) as Readonly<Record<string, unknown>>; // It begins with a brace: an object.
      } catch {
        continue;
      }
    }
  }
  return null;
}

function quoted(reply: string): string {
  const line = reply.replace(/\s+/g, ' ').trim();
  return JSON.stringify(line.length > 80 ? `${line.slice(0, 79)}…` : line);
}
