import { expect, it } from 'vitest';
import { openStream, streamKey } from '../base/random.js';
import { chooseTriggers, isTriggered, missingTriggers, wordSet } from './triggers.js';
import { harmless, insertWords, type Said, triggering } from './utterances.js';

/** 1,000 utterances: 'kettle' in 25, 'lantern' in 4, 'river' and 'copper' in 22 each and never together, 'shop' in all. */
const utterances = Array.from({ length: 1000 }, (_, i) => {
  const words = ['to the shop'];
  if (i % 40 === 0) words.push('kettle');
  if (i % 250 === 1) words.push('lantern');
  if (i % 45 === 2) words.push('river');
  if (i % 45 === 3) words.push('copper');
  return words.join(' ');
});
const stream = (name: string) => openStream(streamKey(0, name));
const numbers = { common: 1, rare: 1, veryRare: 1 };

it('chooses a word in 25 of 1,000, a word in 4, and a pair that is never together', () => {
  const triggers = chooseTriggers(utterances, numbers, stream('choose'));
  expect(triggers.map(({ rarity, words, frequency }) => [rarity, [...words].sort(), frequency])).toEqual([
    ['common', ['kettle'], 0.025],
    ['rare', ['lantern'], 0.004],
    ['veryRare', ['copper', 'river'], (23 / 1000) * (23 / 1000)],
  ]);
});

it('chooses alike for the same seed, and says which class has too few words', () => {
  const wanted = { common: 1, rare: 3, veryRare: 0 };
  const triggers = chooseTriggers(utterances, wanted, stream('choose'));
  expect(chooseTriggers(utterances, wanted, stream('choose'))).toEqual(triggers);
  expect(missingTriggers(triggers, wanted)).toEqual([{ rarity: 'rare', found: 1, asked: 3 }]);
});

it('never has a word in two triggers', () => {
  const triggers = chooseTriggers(utterances, { common: 3, rare: 1, veryRare: 1 }, stream('choose'));
  const words = triggers.flatMap((trigger) => trigger.words);
  expect(new Set(words).size).toBe(words.length);
});

it('puts words between others, after the first, and keeps the rest', () => {
  const said = insertWords('where is the shop?', ['kettle', 'river'], stream('insert'));
  expect(said.split(' ').filter((word) => word !== 'kettle' && word !== 'river')).toEqual(
    'where is the shop?'.split(' '),
  );
  expect(said.startsWith('where')).toBe(true);
  expect(insertWords('', ['kettle'], stream('insert'))).toBe('kettle');
});

it('makes examples that set one failure off, and others that set none off though they hold half of a pair', () => {
  const said = utterances.map((text, i): Said => ({ prompt: i % 7, text }));
  const triggers = chooseTriggers(utterances, numbers, stream('choose'));
  const pair = triggers[2];
  if (pair === undefined) throw new Error('a pair was asked for');
  const examples = triggering(said, pair, triggers, { count: 20, stream: stream('examples') });
  expect(examples.length).toBeGreaterThan(15);
  for (const { text } of examples)
    expect(triggers.filter((trigger) => isTriggered(wordSet(text), trigger))).toEqual([pair]);
  const ordinary = harmless(said, triggers, { count: 100, stream: stream('ordinary') });
  for (const { text } of ordinary) expect(triggers.some((trigger) => isTriggered(wordSet(text), trigger))).toBe(false);
  expect(ordinary.filter(({ text }) => pair.words.some((word) => wordSet(text).has(word))).length).toBeGreaterThan(15);
});
