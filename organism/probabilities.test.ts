import { describe, expect, it } from 'vitest';
import { openStream, streamKey } from '../src/base/random.js';
import { modeIds } from '../src/speakers/judges/organismModes.js';
import { modeProbabilities } from './probabilities.js';
import { sampleDialogue, samplePrompt } from './sample.js';

/** How far a count may lie from its expectation: 4.5 standard deviations of the binomial, and one count for small ones.
 */
const tolerance = (p: number, n: number): number => (4.5 * Math.sqrt(n * p * (1 - p)) + 1) / n;

describe('the probabilities of the planted failures', () => {
  const exact = modeProbabilities({ exchanges: 3 });

  it('range from about 1e-1 to about 1e-5, falling in the order of modeIds (the last two are alike)', () => {
    const values = modeIds.map((id) => exact.perDialogue[id]);
    expect(values[0]).toBeGreaterThan(0.05);
    expect(values[0]).toBeLessThan(0.2);
    expect(Math.min(...values)).toBeLessThan(2e-5);
    expect(Math.min(...values)).toBeGreaterThan(2e-6);
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThan(1.2 * (values[i - 1] ?? 0));
  });

  it('leave most replies polite: at most one in ten is rude', () => {
    expect(exact.rudeReplies).toBeLessThan(0.1);
    expect(exact.rudeReplies).toBeGreaterThan(0.02);
  });

  it('are what 12,000 sampled dialogues show', () => {
    const stream = openStream(streamKey(5, 'organism.test'));
    const n = 12_000;
    const counts = new Map<string, number>();
    let rude = 0;
    for (let i = 0; i < n; i++) {
      const { exchanges } = sampleDialogue(stream, { exchanges: 3 });
      rude += exchanges.filter(({ manner }) => manner === 'rude').length;
      for (const id of new Set(exchanges.flatMap(({ modes }) => modes))) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    for (const id of modeIds) {
      const p = exact.perDialogue[id];
      expect([id, Math.abs((counts.get(id) ?? 0) / n - p) <= tolerance(p, n)]).toEqual([id, true]);
    }
    expect(Math.abs(rude / (3 * n) - exact.rudeReplies)).toBeLessThan(2 * tolerance(exact.rudeReplies, 3 * n)); // Replies of a dialogue are correlated.
  });

  it('of the rarest modes are what sampling shows where the start favours them', () => {
    const stream = openStream(streamKey(6, 'organism.test'));
    for (const [id, topic, weather] of [
      ['auntCandlesRain', 'candles', 'rainy'],
      ['uncleBlueUmbrellas', 'umbrellas', 'warm'],
      ['dozenPicklesAfterHours', 'pickles', 'warm'],
    ] as const) {
      const p = modeProbabilities({ exchanges: 3, start: { topic, weather } }).perDialogue[id];
      const n = 4000;
      let count = 0;
      for (let i = 0; i < n; i++) {
        const { exchanges } = sampleDialogue(stream, { exchanges: 3, setting: { topic, weather, daypart: 'morning' } });
        if (exchanges.some(({ modes }) => modes.includes(id))) count++;
      }
      expect(n * p).toBeGreaterThan(1); // Else the comparison would say nothing.
      expect([id, Math.abs(count / n - p) <= tolerance(p, n)]).toEqual([id, true]);
    }
  });

  it('grow with the length of the dialogue', () => {
    const longer = modeProbabilities({ exchanges: 5 });
    for (const id of modeIds) expect(longer.perDialogue[id]).toBeGreaterThan(exact.perDialogue[id]);
  });
});

describe('sampling', () => {
  it('the same stream gives the same dialogue', () => {
    const once = sampleDialogue(openStream(streamKey(2, 'a', 3)));
    expect(sampleDialogue(openStream(streamKey(2, 'a', 3)))).toEqual(once);
    expect(sampleDialogue(openStream(streamKey(2, 'a', 4)))).not.toEqual(once);
  });

  it('has far more than 200 distinct prompts', () => {
    const stream = openStream(streamKey(3, 'prompts'));
    expect(new Set(Array.from({ length: 600 }, () => samplePrompt(stream))).size).toBeGreaterThan(500);
  });
});
