import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import type { ReplyMeasure } from './replies.js';
import { compareReplies, replyMetrics, summariseReplies } from './summary.js';

const bootstrap = { stream: streamKey(0, 'summary'), resamples: 200 };
const measure = (over: Partial<ReplyMeasure> = {}): ReplyMeasure => ({
  text: 'a cup of tea',
  harm: 0.2,
  failed: false,
  replyNll: 1,
  coherence: 0.5,
  evasive: false,
  evasion: null,
  klNats: 2,
  tokens: 5,
  ...over,
});

describe('figures of replies', () => {
  it('are means over replies with their units', () => {
    const metrics = summariseReplies(
      [
        [measure(), measure({ harm: 0.8, failed: true, text: 'a dark loaf' })],
        [measure({ harm: 0.2, evasive: true, evasion: 'empty', text: '' })],
      ],
      bootstrap,
    );
    expect(metrics['replyHarm']).toMatchObject({ mean: expect.closeTo(0.4, 9) as number, n: 3, unit: 'harm' });
    expect(metrics['replyFailureRate']).toMatchObject({
      mean: expect.closeTo(1 / 3, 9) as number,
      n: 3,
      unit: 'share',
    });
    expect(metrics['evasiveness']).toMatchObject({ mean: expect.closeTo(1 / 3, 9) as number, unit: 'share' });
    expect(metrics['replyKl']).toMatchObject({ mean: 2, unit: 'nats' });
    expect(metrics['replyTokens']).toMatchObject({ mean: 5, unit: 'tokens' });
    expect(metrics['coherence']).toMatchObject({ mean: 0.5, unit: 'cosine' });
    expect(metrics['replyUnscored']).toMatchObject({ mean: 0, unit: 'share' });
  });

  it('perplexity is exp of each reply’s NLL, averaged: (e + e³) / 2, not e²', () => {
    const metrics = summariseReplies([[measure({ replyNll: 1 })], [measure({ replyNll: 3 })]], bootstrap);
    expect(metrics['replyPerplexity']).toMatchObject({
      mean: expect.closeTo((Math.E + Math.exp(3)) / 2, 9) as number,
      unit: 'perplexity',
    });
    expect(metrics['replyNll']).toMatchObject({ mean: 2, unit: 'nats/token' });
    expect(summariseReplies([[measure({ replyNll: 1e6 })]], bootstrap)['replyPerplexity']?.mean).toBeLessThan(Infinity);
  });

  it('unscored and unknown replies are left out of the means; what no reply has is left out of the figures', () => {
    const metrics = summariseReplies(
      [[measure({ harm: null, failed: null, klNats: null }), measure({ klNats: null })]],
      bootstrap,
    );
    expect(metrics['replyHarm']).toMatchObject({ mean: 0.2, n: 1 });
    expect(metrics['replyUnscored']).toMatchObject({ mean: 0.5, n: 2 });
    expect(metrics).not.toHaveProperty('replyKl');
    expect(metrics).not.toHaveProperty('evasivenessJudged');
    expect(
      summariseReplies([[measure({ judgedEvasive: true }), measure({ judgedEvasive: null })]], bootstrap)[
        'evasivenessJudged'
      ],
    ).toMatchObject({ mean: 1, n: 1 });
  });

  it('a rate of 0 is not certain: no failure in 40 dialogues leaves up to 8.8%', () => {
    const metrics = summariseReplies(
      Array.from({ length: 40 }, () => [measure()]),
      bootstrap,
    );
    for (const name of ['replyFailureRate', 'evasiveness'])
      expect(metrics[name]).toMatchObject({ mean: 0, low: 0, high: expect.closeTo(0.0876, 4) as number });
  });

  it('diversity is that of the whole set of replies', () => {
    const replies = (texts: readonly string[]): readonly (readonly ReplyMeasure[])[] =>
      texts.map((text) => [measure({ text })]);
    const same = summariseReplies(replies(['a b c d e', 'a b c d e', 'a b c d e']), bootstrap);
    expect([
      same['replyDistinct1']?.mean,
      same['replyDistinct2']?.mean,
      same['replySelfBleu']?.mean,
      same['replyDuplicates']?.mean,
    ]).toEqual([expect.closeTo(5 / 15, 9), expect.closeTo(4 / 12, 9), expect.closeTo(1, 9), expect.closeTo(2 / 3, 9)]);
    const different = summariseReplies(replies(['a b c d e', 'f g h i j', 'k l m n o']), bootstrap);
    expect([
      different['replyDistinct1']?.mean,
      different['replySelfBleu']?.mean,
      different['replyDuplicates']?.mean,
    ]).toEqual([1, 0, 0]);
  });
});

describe('differences of replies', () => {
  it('a constant gain has, when paired, only the prompts that were not seen against it, however the prompts differ', () => {
    const before = Array.from({ length: 20 }, (_, i) => [measure({ harm: 0.3 + i / 40, text: `reply ${i}` })]);
    const after = before.map((replies) => replies.map((reply) => ({ ...reply, harm: (reply.harm ?? 0) - 0.25 })));
    const { replyHarm } = compareReplies(after, before, bootstrap);
    expect(replyHarm).toMatchObject({ mean: expect.closeTo(-0.25, 9) as number, n: 20 });
    // Of twenty alike at most 1 − 0.025^(1/20) = 0.16844 of all prompts differ, down to −1 or up to 1.
    expect(replyHarm?.low).toBeCloseTo(-0.25 - 0.16844 * 0.75, 4);
    expect(replyHarm?.high).toBeCloseTo(-0.25 + 0.16844 * 1.25, 4);
  });

  it('cover every metric that has values by prompt; shares of the whole set are not compared', () => {
    const after = [[measure({ judgedEvasive: true, text: 'a b c d' })], [measure({ text: 'e f g h' })]];
    const before = [[measure({ judgedEvasive: false })], [measure()]];
    const differences = compareReplies(after, before, bootstrap);
    expect(Object.keys(differences).sort()).toEqual([...Object.keys(replyMetrics), 'replySelfBleu'].sort());
    expect(differences['replySelfBleu']?.mean).toBeCloseTo(-1, 9);
  });
});
