/** The package as a library, on the organism that ships with it. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../src/base/packageRoot.js';
import * as gadfly from '../src/index.js';
import { textItems } from '../src/dialogue/score.js';

const sampling = { maxNewTokens: 12, minNewTokens: 1, temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };

describe('the library', () => {
  let device: gadfly.Device;
  let model: gadfly.LanguageModel;
  beforeAll(async () => {
    device = await gadfly.openDevice({ threads: 1 });
    const resolved = await gadfly.resolveModel('organism', {
      cacheDir: mkdtempSync(join(tmpdir(), 'gadfly-')),
      offline: true,
    });
    if (resolved.kind !== 'local') throw new Error('the organism lies in the package');
    model = await gadfly.openLanguageModel(device, resolved.path);
  });
  afterAll(() => device.close());

  it('opens the organism, speaks, scores what it said, and judges it', async () => {
    const { items } = await gadfly.loadPrompts(assetPath('organism', 'prompts.json'), { limit: 2 });
    const ids = items.map(({ text }) => model.tokenizer.encode(text));
    const spoken = await gadfly.generate(
      model,
      ids.map((prompt, i) => ({ ids: prompt, stream: gadfly.streamKey(0, 'library', i) })),
      { ...sampling, stopIds: [] },
    );
    const scored = await gadfly.scoreCompletions(
      model,
      spoken.map((each, i) => ({ prefix: ids[i] ?? [], completion: each.ids })),
    );
    spoken.forEach(({ logProbs }, i) => {
      logProbs.forEach((value, t) => {
        expect(scored[i]?.[t]).toBeCloseTo(value, 3);
      });
    });
    const judge = await gadfly.openJudge(
      { model: 'organism:judge' },
      { device: () => Promise.resolve(device), cacheDir: tmpdir(), offline: true },
    );
    for (const verdict of await judge.judge(textItems(spoken.map(({ text }) => text))))
      expect(verdict.kind).toBe('scored');
  });
});
