/** The organism on WebGPU against the CPU. Needs an adapter; a software one will do, such as Chromium's:
 *    LD_LIBRARY_PATH=/usr/lib/chromium VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json npx vitest run --project models tests/webgpu
 *  Without one the tests are skipped, with the reason. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assetPath } from '../src/base/packageRoot.js';
import { streamKey } from '../src/base/random.js';
import { generate } from '../src/engine/models/generate.js';
import { openLanguageModel, type LanguageModel } from '../src/engine/models/languageModel.js';
import { packSequences } from '../src/engine/models/packSequences.js';
import { languageModelParameters } from '../src/engine/models/parameters.js';
import { scoreCompletions } from '../src/engine/models/scoreCompletions.js';
import { lossGradients, type LossGradients } from '../src/engine/models/testing/lossGradients.js';
import { traceTokenLogProbs } from '../src/engine/models/tokenLogProbs.js';
import { zeros } from '../src/engine/nn/init.js';
import { defaultAdamw } from '../src/engine/optim/adamw.js';
import { openDevice, plainSampling, type Device } from '../src/engine/runtime/device.js';
import { f32Tensor } from '../src/engine/runtime/hostTensor.js';
import { probeProvider } from '../src/engine/runtime/probeProvider.js';
import { createPreferenceTrainer } from '../src/learning/trainers/preference.js';

const probe = await probeProvider('webgpu');
if (probe.kind === 'unusable') console.warn(`WebGPU is not tested here: ${probe.reason}. ${probe.remedy}`);

/** Prompts that begin alike, of different lengths, and one on its own, of more than 32 tokens: kernels take other paths
 *  there. */
const prompts = ['how are you today', 'how are you', 'what a day '.repeat(14)];

interface Both<T> {
  readonly cpu: T;
  readonly webgpu: T;
}

describe('webgpu', () => {
  let devices: Both<Device>;
  let models: Both<LanguageModel>;

  beforeAll(async () => {
    if (probe.kind === 'unusable') return;
    devices = { cpu: await openDevice(), webgpu: await openDevice({ provider: 'webgpu' }) };
    const open = (device: Device): Promise<LanguageModel> =>
      openLanguageModel(device, assetPath('organism'), { trainable: true });
    models = { cpu: await open(devices.cpu), webgpu: await open(devices.webgpu) };
  });
  afterAll(async () => {
    if (probe.kind === 'unusable') return;
    await devices.webgpu.close();
    await devices.cpu.close();
  });

  function withAdapter(title: string, test: () => Promise<void>): void {
    it(title, async ({ skip }) => {
      if (probe.kind === 'unusable') skip(probe.reason);
      await test();
    });
  }

  async function onBoth<T>(use: (model: LanguageModel, device: Device) => Promise<T>): Promise<Both<T>> {
    return { cpu: await use(models.cpu, devices.cpu), webgpu: await use(models.webgpu, devices.webgpu) };
  }

  const idsOf = (model: LanguageModel): number[][] => prompts.map((text) => model.tokenizer.encode(text));

  function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
    const scale = Math.max(1e-3, ...Array.from(expected, Math.abs));
    expect(got.length).toBe(expected.length);
    expect(Math.max(0, ...Array.from(expected, (value, i) => Math.abs(value - (got[i] ?? NaN)) / scale))).toBeLessThan(
      tolerance,
    );
  }

  withAdapter('greedy tokens of ragged prompts are the same, their log-probabilities within rounding', async () => {
    const { cpu, webgpu } = await onBoth((model) =>
      generate(
        model,
        idsOf(model).map((ids, i) => ({ ids, stream: streamKey(1, 'row', i), scoreFrom: 1 })),
        {
          temperature: 0,
          topK: 0,
          topP: 1,
          minP: 0,
          repetitionPenalty: 1,
          minNewTokens: 8,
          maxNewTokens: 8,
          stopIds: [],
        },
      ),
    );
    expect(webgpu.map(({ ids }) => ids)).toEqual(cpu.map(({ ids }) => ids));
    cpu.forEach(({ logProbs, scored }, i) => {
      expectClose(webgpu[i]?.logProbs ?? [], logProbs, 1e-4);
      expectClose(webgpu[i]?.scored ?? [], scored ?? [], 1e-4);
    });
  });

  withAdapter(
    'soft tokens give the same greedy tokens, and their rows the same gradient, within rounding',
    async () => {
      const { cpu, webgpu } = await onBoth(async (model, device) => {
        const width = model.architecture.config.width;
        const soft = f32Tensor(
          [2, width],
          Array.from({ length: 2 * width }, (_, i) => Math.sin(i) / 10),
        );
        const steered = idsOf(model).map((ids) => [model.vocabularySize, ...ids, model.vocabularySize + 1]);
        const requests = steered.map((ids, i) => ({ ids, stream: streamKey(1, 'row', i) }));
        const replies = await generate(model, requests, { ...plainSampling, temperature: 0, maxNewTokens: 8, soft });
        const items = steered.map((prefix, i) => ({ prefix, completion: idsOf(model)[i] ?? [] }));
        const { segment_N, ...packed } = packSequences(items, model.vocabularySize);
        const store = await device.createStore([{ name: 'rows', shape: [2, width] }]);
        await device.write(store, 'rows', soft.data as Float32Array);
        const { gradients } = await lossGradients(
          device,
          [store, model.weights],
          [{ name: 'rows', shape: [2, width], initial: zeros }],
          {
            build: (trace) =>
              traceTokenLogProbs(model.architecture, {
                ids_BT: trace.input('ids_BT', 'i64', ['B', 'T']),
                positions_BT: trace.input('positions_BT', 'i64', ['B', 'T']),
                attention: { kind: 'causal' },
                soft_SC: trace.parameter('rows', [2, width]),
                rows_N: trace.input('rows_N', 'i64', ['N']),
                targets_N: trace.input('targets_N', 'i64', ['N']),
              }),
            factors: Array.from(segment_N, () => -1),
            feeds: { ...packed },
          },
        );
        await device.release(store);
        return { replies, gradient: gradients.get('rows') ?? [] };
      });
      expect(webgpu.replies.map(({ ids }) => ids)).toEqual(cpu.replies.map(({ ids }) => ids));
      cpu.replies.forEach(({ logProbs }, i) => {
        expectClose(webgpu.replies[i]?.logProbs ?? [], logProbs, 1e-4);
      });
      expect(Math.max(...cpu.gradient)).toBeGreaterThan(0);
      expectClose(webgpu.gradient, cpu.gradient, 1e-3);
    },
  );

  withAdapter('scores of completions that share a prompt are the same within rounding', async () => {
    const { cpu, webgpu } = await onBoth((model) => {
      const [prefix = [], ...completions] = idsOf(model);
      return scoreCompletions(
        model,
        completions.map((completion) => ({ prefix, completion })),
      );
    });
    cpu.forEach((scores, i) => {
      expectClose(webgpu[i] ?? [], scores, 1e-4);
    });
  });

  withAdapter('the gradient of every parameter is the same within rounding', async () => {
    const { cpu, webgpu } = await onBoth((model, device): Promise<LossGradients> => {
      const { segment_N, ...feeds } = packSequences(
        idsOf(model).map((ids) => ({ prefix: ids.slice(0, 1), completion: ids.slice(1) })),
      );
      return lossGradients(device, model.weights, languageModelParameters(model.architecture), {
        build: (trace) =>
          traceTokenLogProbs(model.architecture, {
            ids_BT: trace.input('ids_BT', 'i64', ['B', 'T']),
            positions_BT: trace.input('positions_BT', 'i64', ['B', 'T']),
            attention: { kind: 'causal' },
            rows_N: trace.input('rows_N', 'i64', ['N']),
            targets_N: trace.input('targets_N', 'i64', ['N']),
          }),
        factors: Array.from(segment_N, () => -1),
        feeds: { ...feeds },
      });
    });
    expectClose([webgpu.loss], [cpu.loss], 1e-4);
    for (const [name, gradient] of cpu.gradients) expectClose(webgpu.gradients.get(name) ?? [], gradient, 1e-3);
  });

  withAdapter('a step of preference training ends at the same loss and the same scores', async () => {
    const { cpu, webgpu } = await onBoth(async (model) => {
      const [prefix = [], chosen = [], rejected = []] = idsOf(model);
      const pair = {
        prefix,
        chosen,
        rejected,
        referenceChosen: chosen.map(() => -3),
        referenceRejected: rejected.map(() => -3),
      };
      const trainer = await createPreferenceTrainer(model, { optimizer: { ...defaultAdamw, learningRate: 1e-4 } });
      const items = [
        { prefix, completion: chosen },
        { prefix, completion: rejected },
      ];
      const before = await scoreCompletions(model, items);
      const log = await trainer.train([pair]);
      await trainer.release();
      return { log, before, after: await scoreCompletions(model, items) };
    });
    for (const [name, value] of Object.entries(cpu.log)) expectClose([webgpu.log[name] ?? NaN], [value], 1e-3);
    cpu.after.forEach((scores, i) => {
      // AdamW's first step moves every weight by the learning rate, whatever its gradient's size: those near zero may
      // go either way.
      expectClose(webgpu.after[i] ?? [], scores, 1e-3);
      expect(scores).not.toEqual(cpu.before[i]);
    });
  });

  withAdapter('a second device on webgpu is refused while one is open', async () => {
    await expect(openDevice({ provider: 'webgpu' })).rejects.toThrow(/open already/);
  });
});
