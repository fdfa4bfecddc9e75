import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byteTokenizer } from '../../../tests/fakes/byteTokenizer.js';
import { tinyModel } from '../../../tests/fakes/tinyModel.js';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { defaultAdamw } from '../../engine/optim/adamw.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { adpo, preferenceFormula } from '../formulas/preference.js';
import { numbers } from '../formulas/numbers.js';
import { createPreferenceTrainer, type PreferenceOptions } from './preference.js';
import type { TrainingPair } from './trainingData.js';

const optimizer = { ...defaultAdamw, learningRate: 1e-2, schedule: { kind: 'constant', warmupSteps: 2 } as const };

/** Pairs of two "trees": prefixes extend one another, completions differ in length. */
function randomPairs(count: number, seed = 0): TrainingPair[] {
  const draw = openStream(streamKey(seed, 'pairs'));
  const ids = (n: number): number[] => Array.from({ length: n }, () => 97 + draw.integer(26));
  const roots = [ids(9), ids(14)];
  return Array.from({ length: count }, (_, i) => {
    const [chosen, rejected] = [ids(1 + draw.integer(6)), ids(1 + draw.integer(6))];
    const prefix = [...(roots[i % 2] as number[]), ...ids(draw.integer(5))];
    return {
      prefix,
      chosen,
      rejected,
      referenceChosen: chosen.map(() => -1 - draw.uniform()),
      referenceRejected: rejected.map(() => -1 - draw.uniform()),
    };
  });
}

/** The same pairs, each with a reply to train away. */
function withToxic(pairs: readonly TrainingPair[]): TrainingPair[] {
  const draw = openStream(streamKey(5, 'toxic'));
  return pairs.map((pair) => {
    const toxic = Array.from({ length: 2 + draw.integer(5) }, () => 97 + draw.integer(26));
    return { ...pair, toxic, referenceToxic: toxic.map(() => -1 - draw.uniform()) };
  });
}

describe('preference trainer', () => {
  let device: Device;
  const pairs = randomPairs(8);
  const triples = withToxic(pairs);
  const forms = ['joint', 'paired', 'separate'] as const;

  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
  });
  afterAll(() => device.close());

  /** Trains a fresh model and returns what it logged and its final weights. */
  async function trained(
    options: Partial<PreferenceOptions>,
    batches: readonly (readonly TrainingPair[])[] = [pairs, pairs, pairs],
  ): Promise<{ logs: Readonly<Record<string, number>>[]; weights: Float32Array }> {
    const model = await tinyModel(device);
    const trainer = await createPreferenceTrainer(model, { optimizer, ...options });
    const logs = [];
    for (const batch of batches) logs.push(await trainer.train(batch));
    const weights = await device.readAll(model.weights);
    await trainer.release();
    await model.close();
    return { logs, weights };
  }

  function expectClose(a: Float32Array, b: Float32Array, tolerance: number): void {
    let worst = 0;
    a.forEach((value, i) => (worst = Math.max(worst, Math.abs(value - (b[i] as number)))));
    expect(worst).toBeLessThan(tolerance);
  }

  it.each(['ipo', 'dpo'] as const)(
    '%s: the logged loss and log-probabilities are the formula over scored completions',
    async (loss) => {
      for (const logProbs of ['sum', 'mean'] as const) {
        const model = await tinyModel(device);
        const before = await policyOf(model, logProbs);
        const trainer = await createPreferenceTrainer(model, { loss, logProbs, beta: 0.1, optimizer });
        const log = await trainer.train(pairs);
        const join = (values: readonly number[]): number =>
          values.reduce((sum, value) => sum + value, 0) / (logProbs === 'sum' ? 1 : values.length);
        const losses = pairs.map((pair, i) => {
          const [policyChosen, policyRejected] = before[i] as [number, number];
          return preferenceFormula(
            numbers,
            {
              policyChosen,
              policyRejected,
              referenceChosen: join(pair.referenceChosen),
              referenceRejected: join(pair.referenceRejected),
            },
            { loss, beta: 0.1 },
          ).loss;
        });
        const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length;
        // float32 forward passes of two programs differ in the last bits; IPO squares margins of tens of nats.
        expect(Math.abs((log['loss'] as number) - mean)).toBeLessThan(1e-4 * Math.max(1, mean));
        expect(log['logps/chosen']).toBeCloseTo(before.reduce((sum, [chosen]) => sum + chosen, 0) / pairs.length, 3);
        await trainer.release();
        await model.close();
      }
    },
  );

  it('ctb: a step equals one on the variance of log π − log R over the completions of a prompt', async () => {
    const draw = openStream(streamKey(3, 'group'));
    const ids = (n: number): number[] => Array.from({ length: n }, () => 97 + draw.integer(26));
    const prefix = ids(7);
    const group = Array.from({ length: 4 }, (_, i) => ({ completion: ids(3 + (i % 2)), score: i * 0.7 }));
    const reference = (completion: readonly number[]): number[] => completion.map(() => -2);
    const all = group.flatMap((a, i) =>
      group.slice(0, i).map((b): TrainingPair => ({
        prefix,
        chosen: a.completion,
        rejected: b.completion,
        referenceChosen: reference(a.completion),
        referenceRejected: reference(b.completion),
        soughtMargin: a.score - b.score,
      })),
    );
    const model = await tinyModel(device);
    const scored = await scoreCompletions(
      model,
      group.map(({ completion }) => ({ prefix, completion })),
    );
    const balance = group.map(({ completion, score }, i) => {
      const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
      return sum(present(scored[i], 'scores')) - sum(reference(completion)) - score;
    });
    const mean = balance.reduce((sum, value) => sum + value, 0) / balance.length;
    const variance = balance.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (balance.length - 1);
    await model.close();
    const { logs } = await trained({ loss: 'ctb', beta: 1 }, [all]);
    // The mean over pairs of squared differences is twice the unbiased variance.
    expect(Math.abs((logs[0]?.['loss'] as number) - 2 * variance)).toBeLessThan(1e-4 * variance);
  });

  it('ctb: a completion that several pairs have in common is computed once, to the same weights', async () => {
    const graded = pairs.map((pair, i): TrainingPair => ({ ...pair, soughtMargin: i / 4 }));
    const common = graded.map((pair, i): TrainingPair => {
      const { prefix, rejected, referenceRejected } = graded[i % 2] as TrainingPair;
      return { ...pair, prefix, rejected, referenceRejected };
    });
    const [shared, separate] = await Promise.all([
      trained({ loss: 'ctb', beta: 0.3 }, [common, common]),
      trained({ loss: 'ctb', beta: 0.3, rows: 'separate' }, [common, common]),
    ]);
    expectClose(shared.weights, separate.weights, 2e-4);
  });

  it('ctb: a pair without a margin is refused by name', async () => {
    await expect(trained({ loss: 'ctb', beta: 0.3 }, [pairs])).rejects.toThrow(/pair 0.*margin|no margin/s);
  });

  async function policyOf(model: LanguageModel, how: 'sum' | 'mean'): Promise<[number, number][]> {
    const scored = await scoreCompletions(
      model,
      pairs.flatMap(({ prefix, chosen, rejected }) => [
        { prefix, completion: chosen },
        { prefix, completion: rejected },
      ]),
    );
    const join = (values: Float32Array | undefined): number =>
      (values ?? new Float32Array()).reduce((sum, value) => sum + value, 0) /
      (how === 'sum' ? 1 : (values?.length ?? 1));
    return pairs.map((_, i) => [join(scored[2 * i]), join(scored[2 * i + 1])]);
  }

  it.each(forms)(
    'adpo, %s: the logged loss and rewards are the formula over scored completions, the toxic one after the plain prefix',
    async (form) => {
      for (const logProbs of ['sum', 'mean'] as const) {
        const join = (values: ArrayLike<number>): number =>
          Array.from(values).reduce((sum, value) => sum + value, 0) / (logProbs === 'sum' ? 1 : values.length);
        const model = await tinyModel(device);
        const scored = await scoreCompletions(
          model,
          triples.flatMap(({ prefix, chosen, rejected, toxic }) =>
            [chosen, rejected, toxic ?? []].map((completion) => ({ prefix, completion })),
          ),
        );
        const trainer = await createPreferenceTrainer(model, {
          loss: 'adpo',
          form,
          beta: 0.1,
          gamma: 0.05,
          lambda: 0.5,
          logProbs,
          optimizer,
        });
        const log = await trainer.train(triples);
        const expected = triples.map((pair, i) => {
          const [policyChosen, policyRejected, policyToxic] = [0, 1, 2].map((k) => join(scored[3 * i + k] ?? [])) as [
            number,
            number,
            number,
          ];
          const references = {
            referenceChosen: join(pair.referenceChosen),
            referenceRejected: join(pair.referenceRejected),
            referenceToxic: join(pair.referenceToxic ?? []),
          };
          const { loss } = adpo(
            numbers,
            { policyChosen, policyRejected, policyToxic, ...references },
            { form, beta: 0.1, gamma: 0.05, lambda: 0.5 },
          );
          return { loss, toxic: policyToxic, reward: 0.1 * (policyToxic - references.referenceToxic) };
        });
        const mean = (value: (row: (typeof expected)[number]) => number): number =>
          expected.reduce((sum, row) => sum + value(row), 0) / expected.length;
        expect(log['loss']).toBeCloseTo(
          mean(({ loss }) => loss),
          3,
        );
        expect(log['logps/toxic']).toBeCloseTo(
          mean(({ toxic }) => toxic),
          3,
        );
        expect(log['rewards/toxic']).toBeCloseTo(
          mean(({ reward }) => reward),
          3,
        );
        await trainer.release();
        await model.close();
      }
    },
  );

  it('adpo at γ = 0 trains the weights of DPO to the bit on the same pairs, and does not read their toxic replies', async () => {
    const dpo = await trained({ loss: 'dpo', beta: 0.3 }, [triples, triples, triples]);
    for (const form of forms) {
      const adpo = await trained({ loss: 'adpo', form, beta: 0.3, gamma: 0, lambda: 0.4 }, [triples, triples, triples]);
      expect(Buffer.from(adpo.weights.buffer).equals(Buffer.from(dpo.weights.buffer))).toBe(true);
      expect(adpo.logs).toEqual(dpo.logs);
    }
    // Nor does DPO: without them it is the same.
    expect(
      Buffer.from((await trained({ loss: 'dpo', beta: 0.3 })).weights.buffer).equals(Buffer.from(dpo.weights.buffer)),
    ).toBe(true);
    const { weights, logs } = await trained({ loss: 'adpo', form: 'joint', beta: 0.3, gamma: 0.2 }, [
      triples,
      triples,
      triples,
    ]);
    expect(Buffer.from(weights.buffer).equals(Buffer.from(dpo.weights.buffer))).toBe(false);
    expect(Object.keys(logs[0] ?? {})).toContain('rewards/toxic');
    expect(Object.keys(dpo.logs[0] ?? {})).not.toContain('rewards/toxic');
  });

  it('a pair without a toxic reply is a clear error where the objective reads one', async () => {
    const model = await tinyModel(device);
    const trainer = await createPreferenceTrainer(model, { loss: 'adpo' });
    await expect(trainer.train([...triples.slice(0, 2), ...pairs.slice(2, 3)])).rejects.toThrow(/pair 2/);
    await expect(trainer.train(pairs)).rejects.toThrow(ConfigError);
    expect(trainer.step()).toBe(0);
    await trainer.release();
    for (const options of [
      { beta: 0 },
      { nll: -1 },
      { loss: 'adpo', gamma: -0.1 },
      { loss: 'adpo', lambda: NaN },
    ] as const) {
      await expect(createPreferenceTrainer(model, options)).rejects.toThrow(ConfigError);
    }
    await model.close();
  });

  it('nll adds the chosen reply’s mean negative log-likelihood a token to the loss, and keeps the reply more likely', async () => {
    for (const logProbs of ['sum', 'mean'] as const) {
      const [plain, kept] = [
        await trained({ loss: 'dpo', beta: 0.1, logProbs }),
        await trained({ loss: 'dpo', beta: 0.1, logProbs, nll: 2 }),
      ];
      const scored = await scoreCompletions(
        await tinyModel(device),
        pairs.map(({ prefix, chosen }) => ({ prefix, completion: chosen })),
      );
      const nll =
        scored.reduce((sum, values) => sum - values.reduce((total, value) => total + value, 0) / values.length, 0) /
        pairs.length;
      expect(kept.logs[0]?.['nll_loss']).toBeCloseTo(nll, 4);
      expect(kept.logs[0]?.['loss']).toBeCloseTo((plain.logs[0]?.['loss'] as number) + 2 * nll, 3);
      expect(kept.logs[2]?.['logps/chosen'] as number).toBeGreaterThan(plain.logs[2]?.['logps/chosen'] as number);
      expect(Object.keys(plain.logs[0] ?? {})).not.toContain('nll_loss');
    }
  });

  it('an anchor costs its weight times the squared move of its tokens, in rows of either kind; without one it is a clear error', async () => {
    const model = await tinyModel(device);
    const bare = pairs.map(({ prefix, rejected }) => ({ prefix: prefix.slice(0, 5), completion: [...rejected, 97] }));
    const scored = await scoreCompletions(model, bare);
    await model.close();
    const anchored = triples.map((pair, i) => ({
      ...pair,
      anchor: { ...(bare[i] as (typeof bare)[number]), reference: [...(scored[i] ?? [])].map((value) => value + 0.5) },
    }));
    const batches = [anchored, anchored, anchored];
    const options = { loss: 'adpo', beta: 0.1, gamma: 0.1 } as const;
    const plain = await trained(options, batches);
    const [shared, separate] = [
      await trained({ ...options, anchor: 3 }, batches),
      await trained({ ...options, anchor: 3, rows: 'separate' }, batches),
    ];
    expect(shared.logs[0]?.['anchor_loss']).toBeCloseTo(3 * 0.25, 3);
    expect(shared.logs[0]?.['loss']).toBeCloseTo((plain.logs[0]?.['loss'] as number) + 3 * 0.25, 3);
    expectClose(shared.weights, separate.weights, 2e-4);
    expect(Object.keys(plain.logs[0] ?? {})).not.toContain('anchor_loss');
    await expect(trained({ anchor: 1 })).rejects.toThrow(/anchor/);
  });

  it('a batch of 8 equals 8 accumulated batches of 1, whatever the token budget', async () => {
    for (const loss of ['ipo', 'adpo'] as const) {
      const batches = [triples, triples, triples];
      const whole = await trained({ loss, microbatchTokens: 100_000 }, batches);
      for (const microbatchTokens of [1, 40]) {
        const cut = await trained({ loss, microbatchTokens }, batches);
        // Sums in another order: float32 rounding, amplified by three Adam steps at 1e-2.
        expectClose(cut.weights, whole.weights, 2e-4);
        expect(cut.logs[2]?.['loss']).toBeCloseTo(whole.logs[2]?.['loss'] as number, 2);
      }
    }
  });

  it('the shared-row path computes what separate rows compute', async () => {
    for (const loss of ['ipo', 'dpo', 'adpo'] as const) {
      const batches = [triples, triples, triples];
      const [shared, separate] = [
        await trained({ loss, rows: 'shared' }, batches),
        await trained({ loss, rows: 'separate' }, batches),
      ];
      expectClose(shared.weights, separate.weights, 2e-4);
      for (const [name, value] of Object.entries(separate.logs[0] ?? {}))
        expect(shared.logs[0]?.[name]).toBeCloseTo(value, 3);
    }
  });

  it('training widens the margin of the chosen over the rejected', async () => {
    const { logs } = await trained(
      { beta: 0.1 },
      Array.from({ length: 30 }, () => pairs),
    );
    expect(logs.at(-1)?.['loss'] as number).toBeLessThan((logs[0]?.['loss'] as number) / 4);
    expect(logs.at(-1)?.['rewards/accuracies'] as number).toBeGreaterThanOrEqual(
      logs[0]?.['rewards/accuracies'] as number,
    );
    expect(logs.map((log) => log['learning_rate']).slice(0, 3)).toEqual([5e-3, 1e-2, 1e-2]);
  });

  it('the same run twice gives the same weights to the bit', async () => {
    const [a, b] = [await trained({}), await trained({})];
    expect(Buffer.from(a.weights.buffer).equals(Buffer.from(b.weights.buffer))).toBe(true);
  });

  it('saved after two steps and taken up by another process, it continues to the bit', async () => {
    const batches = [0, 1, 2, 3].map((i) => randomPairs(4, i));
    const whole = await trained({}, batches);

    const folder = await mkdtemp(join(tmpdir(), 'gadfly-trainer-'));
    const first = await tinyModel(device);
    const trainer = await createPreferenceTrainer(first, { optimizer });
    for (const batch of batches.slice(0, 2)) await trainer.train(batch);
    await trainer.save(folder);

    const other = await openDevice({ threads: 1 });
    const second = await tinyModel(other, { seed: 99 });
    const resumed = await createPreferenceTrainer(second, { optimizer });
    await resumed.load(folder);
    expect(resumed.step()).toBe(2);
    const logs = [];
    for (const batch of batches.slice(2)) logs.push(await resumed.train(batch));
    expect(logs).toEqual(whole.logs.slice(2));
    expect(Buffer.from((await other.readAll(second.weights)).buffer).equals(Buffer.from(whole.weights.buffer))).toBe(
      true,
    );
    await other.close();
    await trainer.release();
    await first.close();
  });

  it('a prefix that both completions share has no say: changing the reference on both sides equally changes nothing', async () => {
    const shifted = pairs.map((pair) => ({
      ...pair,
      referenceChosen: [...pair.referenceChosen.slice(1), (pair.referenceChosen[0] ?? 0) - 3],
      referenceRejected: [...pair.referenceRejected.slice(1), (pair.referenceRejected[0] ?? 0) - 3],
    }));
    const [a, b] = [await trained({}, [pairs]), await trained({}, [shifted])];
    expect(a.logs[0]?.['loss']).toBeCloseTo(b.logs[0]?.['loss'] as number, 2);
  });

  it('what was trained is what speaks next: generation sees the new weights without a copy', async () => {
    const model = await tinyModel(device, { tokenizer: byteTokenizer() });
    const before = await policyOf(model, 'sum');
    const trainer = await createPreferenceTrainer(model, { optimizer });
    await trainer.train(pairs);
    expect(await policyOf(model, 'sum')).not.toEqual(before);
    await trainer.release();
    await model.close();
  });
});
