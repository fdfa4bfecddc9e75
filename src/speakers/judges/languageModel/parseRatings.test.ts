import { describe, expect, it } from 'vitest';
import { parseRatings } from './parseRatings.js';

const scales = [
  { name: 'goal', low: 0, high: 10 },
  { name: 'secret', low: -10, high: 0 },
];
const read = (reply: string): unknown => parseRatings(reply, scales);

describe('ratings on several scales', () => {
  it.each([
    ['{"goal": 7, "secret": -2}'],
    ['Here it is:\n```json\n{"secret": -2, "goal": 7, "more": "{"}\n```\nDone.'],
    ['{ "goal": "7", "secret": "-2 " }'],
    ['{"goal": {"reasoning": "well {done}", "score": 7}, "secret": {"score": -2}}'],
    ['{not JSON} {"goal": 7, "secret": -2}'],
  ])('are read from %j', (reply) => {
    expect(read(reply)).toEqual({ ratings: { goal: 7, secret: -2 } });
  });

  it.each([
    ['I rate it 7 and -2.', /no JSON object/],
    ['{"goal": 7}', /no number under "secret"/],
    ['{"goal": 7, "secret": "none"}', /no number under "secret"/],
    ['{"goal": null, "secret": -2}', /no number under "goal"/],
    ['{"goal": 11, "secret": -2}', /the rating 11 of goal is not within 0 to 10/],
    ['{"goal": 7, "secret": 2}', /of secret is not within -10 to 0/],
    ['{"goal": 7, "secret": -2', /no JSON object/],
    ['[7, -2]', /no JSON object/],
  ])('are not guessed from %j', (reply, reason) => {
    expect(read(reply)).toEqual({ unread: expect.stringMatching(reason) as string });
  });
});
