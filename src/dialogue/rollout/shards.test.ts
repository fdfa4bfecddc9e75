import { describe, expect, it } from 'vitest';
import { streamKey } from '../../base/random.js';
import { promptOf } from '../testing/prompts.js';
import { scriptedJudge } from '../testing/scripted.js';
import type { Adversary, Target } from '../types.js';
import type { RolloutCast } from './exchange.js';
import { type LinearJob, type PairedJob, playJobsHere } from './jobs.js';
import { playPartsHere, splitJob } from './shards.js';
import { mayTravel, receiveResult, sendResult } from './travel.js';

/** Speakers whose words are their stream: what is drawn shows. */
const adversary: Adversary = {
  name: 'a',
  speak: async (requests) =>
    requests.map(({ stream }) => ({
      author: 'adversary',
      text: `\ud83d ${stream.indices.join('-')}`,
      tokens: { tokenizerId: 't', ids: [1, 2], logProbs: [-0.1, -1 / 3] },
      finishReason: 'stop',
      contextIds: [7],
    })),
};
const target: Target = {
  name: 't',
  provides: { logProbs: true, weights: false },
  reply: async (requests) =>
    requests.map(({ dialogue, stream }) => ({
      reply: {
        author: 'target',
        text: `${String(dialogue.turns.length)}: ${stream.indices.join('-')}`,
        tokens: null,
        finishReason: 'length',
      },
      reading: { logProbs: [-0.1 - 0.2], tokens: { prefixIds: [1], ids: [2] } },
    })),
};
const cast: RolloutCast = {
  adversary,
  target,
  judge: scriptedJudge((text) => ((text.length * 7) % 10) / 10, { name: 'j', threshold: 0.5 }),
  reward: { reply: 1, likelihood: 0.1 },
};
const prompts = ['a', 'b', 'a', 'c', 'a', 'b', 'd'].map((id) => promptOf(id));
const stream = streamKey(3, 'rollout');
const linear: LinearJob = { kind: 'linear', prompts, turns: 2, stream };
const paired: PairedJob = { kind: 'paired', prompts, horizon: 2, candidates: 2, stream };

describe('the parts of a job', () => {
  it.each([1, 2, 3, 7, 100])(
    'of at most %i prompts say what the whole says, a prompt that is drawn again too',
    async (size) => {
      for (const job of [linear, paired]) {
        const whole = await playJobsHere([job], cast);
        const told: unknown[] = [];
        const parts = await playPartsHere(size)([job], cast, (result) => void told.push(result));
        expect(parts).toEqual(whole);
        expect(told).toEqual(whole);
      }
      expect(splitJob(linear, size).every((part) => part.prompts.length <= size)).toBe(true);
    },
  );

  it('give the results of several jobs each as soon as it is whole', async () => {
    const told: number[] = [];
    const jobs: readonly LinearJob[] = [
      linear,
      { ...linear, prompts: [] },
      { ...linear, prompts: prompts.slice(0, 3) },
    ];
    const results = await playPartsHere(2)(jobs, cast, (_, index) => void told.push(index));
    expect(told).toEqual([0, 1, 2]);
    expect(results.map(({ length }) => length)).toEqual([7, 0, 3]);
  });
});

describe('a result that travels', () => {
  it.each([linear, paired])('comes back as it was, number for number: $kind', async (job) => {
    const [result = []] = await playJobsHere([job], cast);
    const text = JSON.stringify(sendResult(result));
    const received = receiveResult(JSON.parse(text), job, 'a test');
    expect(received).toEqual(result);
    // What reads trees knows prompts by identity.
    const first = received[0];
    expect(first !== undefined && ('prompt' in first ? first.prompt : first.dialogue.prompt)).toBe(prompts[0]);
    expect(() => receiveResult(JSON.parse(text), { ...job, prompts: prompts.slice(1) }, 'a test')).toThrow(
      /another job/,
    );
    const spoilt = text.replace('"harm":', '"harm":9');
    expect(() => receiveResult(JSON.parse(spoilt), job, 'a test')).toThrow(/not what gadfly writes/);
  });

  it('is of a job that begins with its prompts alone', () => {
    expect(mayTravel(linear)).toBe(true);
    expect(mayTravel({ ...linear, before: prompts.map((prompt) => ({ prompt, turns: [] })) })).toBe(false);
  });
});
