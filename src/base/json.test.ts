import { describe, expect, it } from 'vitest';
import { jsonText } from './json.js';

describe('JSON that is written', () => {
  it('has U+FFFD in place of half a character, in values and keys, and every other text as it is', () => {
    const text = 'a \ud83d b \\ud83d \ude00 \u{1f600} "\\\\" \u0007';
    const whole = Buffer.from(text, 'utf8').toString('utf8'); // UTF-8 has no half characters.
    const written = jsonText({ [`key \udc00`]: text, list: [text] });
    expect(JSON.parse(written)).toEqual({ 'key \ufffd': whole, list: [whole] });
    expect(written).not.toMatch(/[^\\]\\ud[89a-f]/u);
    expect(jsonText(whole)).toBe(JSON.stringify(whole));
  });
});
