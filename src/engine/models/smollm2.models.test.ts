import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { openDevice, type Device } from '../runtime/device.js';
import { resolveSmollm2Wheel } from './checkpoints/resolveModel.js';
import { generate } from './generate.js';
import { openLanguageModel, type LanguageModel } from './languageModel.js';
import { scoreCompletions } from './scoreCompletions.js';

interface GoldenText {
  readonly ids: readonly number[];
  /** Per token 1 …, nats. */
  readonly logProbs: readonly number[];
  readonly greedy: readonly number[];
}

// tests/golden/smollm2.py, from transformers on the same dequantised weights.
const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../tests/golden/smollm2/scores.json'), 'utf8'),
) as readonly GoldenText[];

describe('SmolLM2-135M-Instruct from GGUF', () => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 2 });
    model = await openLanguageModel(device, await resolveSmollm2Wheel({ cacheDir: null, offline: false }));
  });
  afterAll(() => device.close());

  it('log-probabilities of 20 texts equal those of transformers to 1e-3 nats per token', async () => {
    const scored = await scoreCompletions(
      model,
      golden.map(({ ids }) => ({ prefix: ids.slice(0, 1), completion: ids.slice(1) })),
    );
    golden.forEach(({ logProbs }, i) => {
      expect(scored[i]).toHaveLength(logProbs.length);
      logProbs.forEach((value, t) => expect(Math.abs((scored[i]?.[t] ?? NaN) - value)).toBeLessThan(1e-3));
    });
  });

  it('64 greedy tokens after each of 20 prompts equal those of transformers', async () => {
    const results = await generate(
      model,
      golden.map(({ ids }, i) => ({ ids, stream: streamKey(0, 'greedy', i) })),
      {
        temperature: 0,
        topK: 0,
        topP: 1,
        minP: 0,
        repetitionPenalty: 1,
        minNewTokens: 0,
        maxNewTokens: 64,
        stopIds: [],
      },
    );
    expect(results.map(({ ids }) => ids)).toEqual(golden.map(({ greedy }) => greedy));
  });
});
