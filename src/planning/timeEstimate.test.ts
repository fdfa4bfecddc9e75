import { describe, expect, it } from 'vitest';
import type { ModelRates } from './rates.js';
import { expectedLength, generatingRate, stageSeconds } from './timeEstimate.js';
import { adversarySchema } from '../speakers/options.js';
import type { SpeakerWork } from '../speakers/work.js';
import type { StageWork } from './workload.js';

const rates: ModelRates = {
  key: { model: 'm', threads: 1, device: 'cpu', processor: 'p', versions: {} },
  name: 'm',
  measuredAt: '',
  frozen: {
    reading: 1000,
    generating: [
      { batch: 1, tokensPerSecond: 10 },
      { batch: 8, tokensPerSecond: 40 },
      { batch: 32, tokensPerSecond: 80 },
    ],
  },
  trainable: { reading: 500, generating: [{ batch: 32, tokensPerSecond: 40 }], training: 20 },
  utterances: { format: 'plain', limit: 32, adversary: [], target: [] },
};
const all = { adversary: rates, target: rates, reference: rates, otherAdversaries: new Map([['another', rates]]) };
const silent: SpeakerWork = { queries: 0, contextTokens: 0, readTokens: 0, generatedTokens: 0, calls: [] };
const speaking: SpeakerWork = {
  ...silent,
  calls: [{ times: 2, rows: 8, contexts: 8, contextTokens: 4000, readTokens: 1000, newTokens: 200 }],
};
const work: StageWork = {
  stage: 's',
  trainsAdversary: true,
  adversary: speaking,
  otherAdversaries: [],
  target: speaking,
  writer: null,
  reference: { queries: 1, readTokens: 3000 },
  targetTexts: { queries: 0, readTokens: 0 },
  targetGradients: { queries: 0, readTokens: 0 },
  encoderTexts: 0,
  judgeQueries: 0,
  pairs: 1,
  trainedTokens: 100,
  optimizerSteps: 1,
};

describe('the time of a stage', () => {
  it('is what is read and generated at the rates of the weights that speak, and what is trained', () => {
    // Frozen: 2 × (1000 / 1000 + 200 / 40). In training half as quick: reading at 500, batch 8 at 20.
    expect(stageSeconds(work, all)).toEqual({ adversary: 24, target: 12, reference: 3, training: 5, total: 44 });
    expect(stageSeconds({ ...work, trainsAdversary: false, trainedTokens: 0 }, all)?.adversary).toBe(12);
    const scoring = { ...work, targetTexts: { queries: 4, readTokens: 2000 } };
    expect(stageSeconds(scoring, all)).toMatchObject({ target: 14, total: 46 });
  });

  it('counts further adversaries at the rates of their models, and lists of prompts not at all', () => {
    const speaker = (model: string) => adversarySchema.parse({ model });
    const otherAdversaries = [
      { speaker: speaker('another'), work: speaking },
      { speaker: speaker('prompts:list.json'), work: silent },
    ];
    expect(stageSeconds({ ...work, otherAdversaries }, all)).toMatchObject({ adversary: 24 + 12, total: 44 + 12 });
  });

  it('is unknown where the adversary could not be trained, known where it is not', () => {
    const untrained = { ...all, adversary: { ...rates, trainable: null } };
    expect(stageSeconds(work, untrained)).toBeNull();
    expect(stageSeconds({ ...work, trainsAdversary: false, trainedTokens: 0 }, untrained)?.total).toBe(27);
  });

  it('takes rates between batches along the logarithm, beyond them the nearest', () => {
    expect([0.5, 1, 8, 16, 32, 500].map((rows) => generatingRate(rates.frozen, rows))).toEqual([
      10, 10, 40, 60, 80, 80,
    ]);
  });
});

describe('the expected length of an utterance', () => {
  it('is the mean of measured ones cut to the limit; those that the measurement cut fill it', () => {
    expect(expectedLength([4, 8, 32], 32, 100)).toBe((4 + 8 + 100) / 3);
    expect(expectedLength([4, 8, 32], 32, 6)).toBe((4 + 6 + 6) / 3);
    expect(expectedLength([], 32, 6)).toBeNull();
  });
});
