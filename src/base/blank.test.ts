import { expect, it } from 'vitest';
import { isBlank } from './blank.js';

it('a text in which nothing is seen is blank, and one mark that is seen is enough', () => {
  for (const text of ['', ' \n\t', '\u200b\u2060', '\u00ad', '\ufe0f', '\u3164', '\u2800', '\u0000', '\ufeff'])
    expect(isBlank(text), JSON.stringify(text)).toBe(true);
  for (const text of ['.', '\u200ba', '👍🏽', '\u0301', '0']) expect(isBlank(text), JSON.stringify(text)).toBe(false);
});
