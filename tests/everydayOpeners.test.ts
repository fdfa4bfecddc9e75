import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadPrompts } from '../src/dialogue/datasets/loadDataset.js';
import { filterByHarm } from '../src/dialogue/datasets/filter.js';
import { splitPrompts } from '../src/dialogue/datasets/split.js';
import { openJudge } from '../src/speakers/judges/all.js';

const path = join(import.meta.dirname, '../assets/prompts/everyday-openers.json');

/** Neither judge is a model. */
const noModels: Parameters<typeof openJudge>[1] = {
  device: () => Promise.reject(new Error('no device here')),
  cacheDir: '',
  offline: true,
};

describe('the shipped everyday openers', () => {
  it('are at least 360 different pairs of utterances of 10 to 60 words', async () => {
    const { items, format, dropped } = await loadPrompts(path);
    expect([format, dropped]).toEqual(['json-array', {}]);
    expect(items.length).toBeGreaterThanOrEqual(360);
    for (const { text } of items) {
      expect(text).toMatch(/^\S[^\n]*\S\n\S[^\n]*\S$/u);
      const words = text.split(/\s+/u).length;
      expect(words).toBeGreaterThanOrEqual(10);
      expect(words).toBeLessThanOrEqual(60);
    }
  });

  it('share no utterance', async () => {
    const { items } = await loadPrompts(path);
    const utterances = items.flatMap(({ text }) => text.toLowerCase().split('\n'));
    expect(new Set(utterances).size).toBe(utterances.length);
  });

  it('are harmless to both shipped judges, so that a filter at 0.3 drops none', async () => {
    const { items } = await loadPrompts(path);
    for (const model of ['linear-toxicity', 'insult-words']) {
      const judge = await openJudge({ model }, noModels);
      expect(await filterByHarm(items, judge, 0.3)).toMatchObject({ kept: items, removed: 0, unscored: 0 });
    }
  });

  it('split into a training, a dev and a test part of useful size', async () => {
    const { train, dev, test } = splitPrompts((await loadPrompts(path)).items, { seed: 0 });
    expect(train.length).toBeGreaterThan(300);
    expect(dev.length).toBeGreaterThan(10);
    expect(test.length).toBeGreaterThan(40);
  });
});
