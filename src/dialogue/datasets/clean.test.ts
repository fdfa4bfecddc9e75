import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanText } from './clean.js';

describe('cleaning', () => {
  it.each([
    ['See [the guide](https://example.org/a_b) first', 'See the guide first'],
    ['![photo](x.png) Look!', 'Look!'],
    ['[[nested](a) link](b)', 'nested link'],
    ['Tea &amp; cake &lt;3 &#39;now&#39; &#x200B;ok', "Tea & cake <3 'now' ok"],
    ['&amp;amp; twice', '& twice'],
    ['<p>One<br/>two</p>', 'One two'],
    ['# Title\n\n> quoted\n\n* item **bold** and _soft_ ~~gone~~', 'Title quoted item bold and soft gone'],
    ['`code` and\n```js\nlet x\n```\nend', 'code and let x end'],
    ['snake_case and 2 * 3 * 4 stay, as does a < b', 'snake_case and 2 * 3 * 4 stay, as does a < b'],
    ['\\~$300 and a\\_b', '~$300 and a_b'],
    ['Nice 👍🏽 👩‍👩‍👧 🇫🇷 1️⃣ ☀️ day', 'Nice 1 day'],
    ['two\n\n  lines\tand\u00a0more', 'two lines and more'],
    ['>!secret!< told', 'secret told'],
    ['&constructor; and &toString; name nothing', '&constructor; and &toString; name nothing'],
    ['  ', ''],
  ])('%j becomes %j', (raw, clean) => {
    expect(cleanText(raw)).toBe(clean);
  });

  it('leaves other scripts, accents and punctuation alone', () => {
    for (const text of ['Où est-ce ? — là-bas…', '日本語の文', 'пример, ещё', 'it’s 5 % of “that”', '한국어'])
      expect(cleanText(text)).toBe(text);
  });

  it('of clean text changes nothing, and leaves no run of white space', () => {
    const marks = fc.constantFrom(
      '*',
      '**',
      '_',
      '~~',
      '`',
      '[a](b)',
      '<b>',
      '&amp;',
      '&lt;',
      '>',
      '#',
      '- ',
      '\n',
      ' ',
      'a',
      'b',
      '\\',
      '😀',
      '!',
      ';',
      '&',
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(marks, { maxLength: 30 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (raw) => {
        const once = cleanText(raw);
        expect(cleanText(once)).toBe(once);
        expect(once).not.toMatch(/\s\s|^\s|\s$|[\n\t]/u);
      }),
      { numRuns: 200 },
    );
  });

  it('takes time in proportion to hostile text, not to its square', () => {
    // Each of these would take minutes if a step scanned to the end from every mark.
    for (const mark of ['[', '<a', '*a', '_a', '&', '> ', '![', '~~a'])
      expect(cleanText(mark.repeat(20_000)).length).toBeLessThanOrEqual(60_000);
  });
});
