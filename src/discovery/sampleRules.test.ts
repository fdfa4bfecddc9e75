import { describe, expect, it } from 'vitest';
import { createSampleFilter, type SampleRules } from './sampleRules.js';

const rules: SampleRules = { firstSentence: true, minWords: 4, maxWords: null, nearDuplicate: 0.8 };

const take = (texts: readonly string[], options: Partial<SampleRules> = {}) => {
  const filter = createSampleFilter({ ...rules, ...options });
  return texts.map((text) => filter.take(filter.read(text)));
};

describe('the rules of samples', () => {
  it('keep the first sentence where it has enough words', () => {
    expect(take(['It rained all day. Then more.', 'No. It rained all day long.', ''])).toEqual([
      { kind: 'kept', text: 'It rained all day.' },
      { kind: 'dropped', text: 'No.', reason: 'short', like: null },
      { kind: 'dropped', text: '', reason: 'short', like: null },
    ]);
  });

  it('keep whole samples of at most the given number of words where they are asked to', () => {
    const whole = { firstSentence: false, maxWords: 6 };
    expect(take(['It rained.\nAll day long.', 'a b c d e f g'], whole)).toEqual([
      { kind: 'kept', text: 'It rained. All day long.' },
      { kind: 'dropped', text: 'a b c d e f g', reason: 'long', like: null },
    ]);
  });

  it('drop duplicates, in another case or not, and near duplicates, and say of which', () => {
    const texts = [
      'It is a fine day today.',
      'The cat sat on the mat.',
      'the cat  sat on the MAT.',
      'The cat sat on a mat.',
      'The dog lay on a rug.',
    ];
    const verdicts = take(texts);
    expect(verdicts.map((each) => (each.kind === 'kept' ? 'kept' : `${each.reason} ${String(each.like)}`))).toEqual([
      'kept',
      'kept',
      'duplicate 1',
      'nearDuplicate 1', // 6 of 7 words and stops in common: 0.857
      'kept', // 3 of 7
    ]);
    expect(take(texts, { nearDuplicate: null }).filter(({ kind }) => kind === 'kept')).toHaveLength(4);
  });

  it('drop what is off the topic before it counts as one that was kept', () => {
    const filter = createSampleFilter(rules);
    const sample = filter.read('The cat sat on the mat.');
    expect(filter.take(sample, false)).toMatchObject({ kind: 'dropped', reason: 'topic', like: null });
    expect(filter.take(sample, true).kind).toBe('kept');
    expect(filter.take(filter.read('Too short.'), false)).toMatchObject({ reason: 'short' });
  });

  it('go on from what was kept as if they had never stopped', () => {
    const texts = Array.from(
      { length: 40 },
      (_, i) => `It rained on day ${String((i * 7) % 13)} of ${'the long '.repeat(i % 3)}year.`,
    );
    const whole = take(texts);
    const kept = whole.slice(0, 20).flatMap((each) => (each.kind === 'kept' ? [each.text] : []));
    const resumed = createSampleFilter(rules, kept);
    expect(texts.slice(20).map((text) => resumed.take(resumed.read(text)))).toEqual(whole.slice(20));
  });
});
