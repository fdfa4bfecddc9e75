import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../base/errors.js';
import { openStream, streamKey } from '../../base/random.js';
import { createSampler, kthLargest, type Choice, type Sampler, type SamplingContext } from './sampler.js';
import { plainSampling, type SamplingOptions } from './samplingOptions.js';

interface GoldenCase {
  readonly settings: Partial<SamplingOptions>;
  readonly stopIds: readonly number[];
  readonly prompt: readonly number[];
  readonly generated: readonly number[];
  readonly logits: readonly number[];
  readonly raw: readonly number[];
  readonly logProbs: readonly (number | null)[];
}

/** Written by tests/golden/sampler.py. */
const golden = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/sampler/distributions.json'), 'utf8'),
) as { readonly cases: readonly GoldenCase[] };

type Circumstances = Omit<SamplingContext, 'logTotal'>;

function chooseFrom(sampler: Sampler, logits_V: Float32Array, circumstances: Circumstances): Choice {
  const high = logits_V.reduce((a, b) => Math.max(a, b), -Infinity);
  const logTotal = high + Math.log(logits_V.reduce((sum, logit) => sum + Math.exp(logit - high), 0));
  return sampler.choose(logits_V, { ...circumstances, logTotal });
}

function context(options: Partial<SamplingOptions>, u: number, rest: Partial<Circumstances> = {}): Circumstances {
  return {
    options: { ...plainSampling, ...options },
    seen: [],
    banned: [],
    uniform: () => u,
    where: 'row 0',
    ...rest,
  };
}

function normals(name: string, length: number, scale = 1): Float32Array {
  const stream = openStream(streamKey(7, name));
  return Float32Array.from({ length }, () => stream.normal() * scale);
}

/** The id whose share of [0, 1), by ascending id, holds u; null when u is within 1e-5 of a border. */
function idAt(probabilities: readonly number[], u: number): number | null {
  let sum = 0;
  for (const [id, p] of probabilities.entries()) {
    if (p > 0 && Math.abs(u - sum) < 1e-5) return null;
    sum += p;
    if (p > 0 && u < sum) return Math.abs(u - sum) < 1e-5 ? null : id;
  }
  return null;
}

describe('sampler', () => {
  it.each(golden.cases.map((each, index) => [index, JSON.stringify(each.settings), each] as const))(
    'case %i draws from the distribution of transformers’ processors: %s',
    (_, __, { settings, stopIds, prompt, generated, logits, raw, logProbs }) => {
      const logits_V = Float32Array.from(logits);
      const sampler = createSampler(logits.length);
      const probabilities = logProbs.map((logProb) => (logProb === null ? 0 : Math.exp(logProb)));
      const draws = 300;
      let compared = 0;
      for (let i = 0; i < draws; i++) {
        const u = (i + 0.5) / draws;
        const { id, logProb, samplingLogProb } = chooseFrom(
          sampler,
          logits_V,
          context({ ...settings, stopIds }, u, {
            seen: new Set([...prompt, ...generated]),
            banned: generated.length < (settings.minNewTokens ?? 0) ? stopIds : [],
          }),
        );
        const expected = idAt(probabilities, u);
        if (expected === null) continue;
        compared += 1;
        expect(id).toBe(expected);
        // Single-precision weights: 2e-7 each, and as much again in torch's softmax of float32 scores.
        expect(samplingLogProb).toBeCloseTo(logProbs[id] ?? NaN, 5);
        expect(logProb).toBeCloseTo(raw[id] ?? NaN, 5);
      }
      expect(compared).toBeGreaterThan(draws / 2);
      expect(logits_V).toEqual(Float32Array.from(logits));
    },
  );

  it('top-p agrees with a full sort on any vocabulary, flat or peaked', () => {
    const share = (max: number) => fc.double({ min: 0, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3000 }),
        share(0.999),
        fc.constantFrom(0.001, 0.5, 3, 12),
        share(0.9999),
        fc.nat(),
        (size, topP, spread, u, seed) => {
          const logits_V = normals(`top-p ${String(seed)}`, size, spread);
          const max = Math.max(...logits_V);
          const weights = Array.from(logits_V, (x) => Math.exp(x - max));
          const total = weights.reduce((a, b) => a + b);
          const ascending = weights
            .map((weight, id) => ({ weight, id }))
            .sort((a, b) => a.weight - b.weight || a.id - b.id);
          let cut = 0;
          const kept = new Set(
            ascending
              .filter(({ weight }, index) => {
                cut += weight;
                return index === size - 1 || cut > (1 - topP) * total * (1 + 1e-6);
              })
              .map(({ id }) => id),
          );
          const border = Math.min(...[...kept].map((id) => weights[id] ?? 0));
          const { id, samplingLogProb } = chooseFrom(createSampler(size), logits_V, context({ topP }, u));
          // A token whose sum lies within rounding of the cut may fall on either side.
          expect(kept.has(id) || (weights[id] ?? 0) >= border * (1 - 1e-4)).toBe(true);
          const mass = [...kept].reduce((sum, each) => sum + (weights[each] ?? 0), 0);
          expect(Math.exp(samplingLogProb)).toBeCloseTo((weights[id] ?? 0) / mass, 3);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('greedy takes the largest penalised logit, the first of equals, and draws nothing', () => {
    const sampler = createSampler(5);
    const logits_V = Float32Array.of(1, 3, 3, 2.9, -1);
    const never = {
      uniform: () => {
        throw new Error('a greedy choice drew a number');
      },
    };
    expect(chooseFrom(sampler, logits_V, context({ temperature: 0 }, 0, never))).toMatchObject({
      id: 1,
      samplingLogProb: 0,
    });
    expect(
      chooseFrom(sampler, logits_V, context({ temperature: 0, repetitionPenalty: 2 }, 0, { ...never, seen: [1, 2] }))
        .id,
    ).toBe(3);
    expect(chooseFrom(sampler, logits_V, context({ temperature: 0 }, 0, { ...never, banned: [1, 2, 3] })).id).toBe(0);
  });

  it('negative logits are multiplied by the repetition penalty, positive ones divided', () => {
    const logits_V = Float32Array.of(-1, 1, 0);
    const { samplingLogProb } = chooseFrom(
      createSampler(3),
      logits_V,
      context({ repetitionPenalty: 2 }, 0, { seen: [0, 1] }),
    );
    expect(samplingLogProb).toBeCloseTo(-2 - Math.log(Math.exp(-2) + Math.exp(0.5) + 1), 6);
  });

  it('banned ids are never drawn', () => {
    const sampler = createSampler(4);
    const logits_V = Float32Array.of(0, 9, 0, 0);
    for (let i = 0; i < 50; i++) {
      expect(chooseFrom(sampler, logits_V, context({}, i / 50, { banned: [1] })).id).not.toBe(1);
    }
    expect(chooseFrom(sampler, logits_V, context({}, 0.5)).id).toBe(1);
    expect(() => chooseFrom(sampler, logits_V, context({}, 0.5, { banned: [0, 1, 2, 3] }))).toThrow(/No token is left/);
  });

  it.each([NaN, Infinity, -Infinity])('a logit of %d is an error that names the row, at any place', (bad) => {
    for (const at of [0, 5, 8]) {
      const logits_V = new Float32Array(9);
      logits_V[at] = bad;
      expect(() => chooseFrom(createSampler(9), logits_V, context({}, 0.5, { where: 'row 3' }))).toThrow(
        EnvironmentError,
      );
      expect(() => chooseFrom(createSampler(9), logits_V, context({}, 0.5, { where: 'row 3' }))).toThrow(
        /^row 3: The model gave a logit/,
      );
    }
  });

  it('a choice does not depend on what the sampler chose before', () => {
    const rows = Array.from({ length: 6 }, (_, i) => normals(`rows ${String(i)}`, 1000, 2));
    const options: Partial<SamplingOptions>[] = [
      {},
      { topK: 40 },
      { topP: 0.6 },
      { topK: 300, topP: 0.9, minP: 0.01, temperature: 0.5 },
      { temperature: 0 },
      { repetitionPenalty: 1.2 },
    ];
    const choose = (sampler: ReturnType<typeof createSampler>, i: number): unknown =>
      chooseFrom(sampler, rows[i] ?? new Float32Array(), context(options[i] ?? {}, 0.37 + i / 20, { seen: [1, 2, 3] }));
    const alone = rows.map((_, i) => choose(createSampler(1000), i));
    const shared = createSampler(1000);
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 10 }), (order) => {
        for (const i of order) expect(choose(shared, i)).toEqual(alone[i]);
      }),
      { numRuns: 30 },
    );
  });

  it('kthLargest is the k-th of the sorted values', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true }), { minLength: 1, maxLength: 60 }), fc.nat(), (values, seed) => {
        const k = 1 + (seed % values.length);
        expect(kthLargest(Float32Array.from(values), k) + 0).toBe(
          (Float32Array.from(values).sort()[values.length - k] ?? NaN) + 0,
        );
      }),
    );
  });
});
