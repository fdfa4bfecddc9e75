import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { ConfigError } from '../../base/errors.js';
import { streamKey } from '../../base/random.js';
import { type Device, openDevice, plainSampling, type SamplingOptions } from '../runtime/device.js';
import { generate } from './generate.js';
import type { LanguageModel } from './languageModel.js';
import { scoreCompletions } from './scoreCompletions.js';
import { scoreDraws } from './scoreDraws.js';

describe('the log-probability of draws', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await tinyModel(device, { seed: 5 });
  });
  afterAll(() => device.close());

  const prompts = ['a tale of', 'rain', 'what is it that'];
  const draw = async (options: Partial<SamplingOptions>) => {
    const sampling = { ...plainSampling, stopIds: model.tokenizer.endIds, maxNewTokens: 12, ...options };
    const requests = prompts.map((text, i) => ({
      ids: model.tokenizer.encode(text),
      stream: streamKey(1, 'draws', i),
    }));
    const drawn = await generate(model, requests, sampling);
    const items = requests.map(({ ids }, i) => ({ prefix: ids, completion: drawn[i]?.ids ?? [] }));
    return { drawn, items, sampling };
  };

  it.each([
    ['of the model itself', {}],
    ['at a temperature', { temperature: 0.7 }],
    ['of the most probable tokens', { temperature: 0.8, topP: 0.6, topK: 40, minP: 0.01 }],
    ['with penalties, bans and a least length', { repetitionPenalty: 1.3, noRepeatNgram: 2, minNewTokens: 6 }],
    ['of a greedy choice', { temperature: 0 }],
  ])('is what generation noted when it drew them: %s', async (_title, options) => {
    const { drawn, items, sampling } = await draw(options);
    const scored = await scoreDraws(model, items, sampling);
    scored.forEach((logProbs, i) => {
      expect(logProbs).toHaveLength(drawn[i]?.ids.length ?? -1);
      logProbs.forEach((logProb, t) => {
        expect(logProb).toBeCloseTo(drawn[i]?.samplingLogProbs[t] ?? NaN, 4);
      });
    });
  });

  it('is that of the raw model where nothing is cut off, at temperature 1', async () => {
    const { items, sampling } = await draw({});
    const raw = await scoreCompletions(model, items);
    const scored = await scoreDraws(model, items, sampling);
    scored.forEach((logProbs, i) => {
      expect(logProbs.length).toBe(raw[i]?.length);
      logProbs.forEach((logProb, t) => {
        expect(logProb).toBeCloseTo(raw[i]?.[t] ?? NaN, 4);
      });
    });
  });

  it('is −∞ for what the sampler cuts off or bans, and finite for what comes after it', async () => {
    const { items, sampling } = await draw({ temperature: 1.5 });
    const narrow = (await scoreDraws(model, items, { ...sampling, topK: 1 })).flat();
    expect(narrow).toContain(-Infinity);
    expect(narrow.filter((logProb) => logProb !== -Infinity).every((logProb) => logProb <= 0)).toBe(true);
    const ended = items.map(({ prefix }) => ({ prefix, completion: [...model.tokenizer.endIds.slice(0, 1), 5] }));
    const [first] = await scoreDraws(model, ended, { ...sampling, minNewTokens: 3 });
    expect(first?.[0]).toBe(-Infinity);
    expect(first?.[1]).toBeGreaterThan(-20);
  });

  it('of nothing is nothing, and an id outside the vocabulary an error', async () => {
    const { sampling } = await draw({});
    expect(await scoreDraws(model, [{ prefix: [1], completion: [] }], sampling)).toEqual([[]]);
    await expect(
      scoreDraws(model, [{ prefix: [1], completion: [model.vocabularySize] }], sampling),
    ).rejects.toBeInstanceOf(ConfigError);
  });
});
