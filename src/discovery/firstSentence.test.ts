import { describe, expect, it } from 'vitest';
import { firstSentence } from './firstSentence.js';

describe('the first sentence', () => {
  it.each([
    ['The cat sat. It rained.', 'The cat sat.'],
    ['Is it so? Yes.', 'Is it so?'],
    ['It rained all\nday long.\n\nThen it did not.', 'It rained all day long.'],
    ['He said "Stop!" And they did.', 'He said "Stop!"'],
    ['Well... yes, of course. Next.', 'Well... yes, of course.'],
    ['Wait… What?', 'Wait…'],
    ['“Go!” she said. He went.', '“Go!” she said.'],
    ['Mr. Smith met Dr. No. They spoke.', 'Mr. Smith met Dr. No.'],
    ['J. R. Smith wrote it. It sold.', 'J. R. Smith wrote it.'],
    ['So do I. You do not.', 'So do I.'],
    ['It costs 3.50 pounds. Too much.', 'It costs 3.50 pounds.'],
    ['It costs 3. Too much.', 'It costs 3.'],
    ['1. Boil the water. 2. Wait.', '1. Boil the water.'],
    ['See e.g. Smith for that. Or not.', 'See e.g. Smith for that.'],
    ['No. 5 is alive. So it is.', 'No. 5 is alive.'],
    ['No. You do not.', 'No.'],
    ['Visit example.com today. Do.', 'Visit example.com today.'],
    ['今日は雨です。明日は晴れ。', '今日は雨です。'],
    ['All is well.', 'All is well.'],
  ])('of %j is %j', (text, sentence) => {
    expect(firstSentence(text)).toEqual({ text: sentence, isEnded: true });
  });

  it.each([
    ['The cat sat on', 'The cat sat on'],
    ['  two\u00a0 words ', 'two words'],
    ['', ''],
  ])('of %j has no end', (text, sentence) => {
    expect(firstSentence(text)).toEqual({ text: sentence, isEnded: false });
  });
});
