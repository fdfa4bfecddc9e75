/** Sampling: prompts of 64 random tokens, exactly 24 new tokens a row, at batch 1, 8 and 32. New tokens a second over the whole call,
 *  reading of the prompt included.
 *
 *  Peer: generate.py (transformers' model.generate). Both samplers of it: `plain` (temperature 1, nothing cut off) and `astprompter`
 *  (temperature 0.7, top-k 50, top-p 0.7, repetition penalty 1.1). End tokens are banned on both sides, so every row gives 24. After a
 *  call that does not count, the figure of a process is the median of `calls`.
 *
 *  Ours twice: frozen, as targets are (weights rearranged when the model is opened), and trainable, as an adversary in training is
 *  (weights read where the trainer writes them). */
import { systemClock } from '../src/base/clock.js';
import { openStream, streamKey } from '../src/base/random.js';
import { generate, type GenerationOptions } from '../src/engine/models/generate.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { openDevice, plainSampling } from '../src/engine/runtime/device.js';
import { numberAt, type Bench, type Figure, type Outcome } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { spreadOf } from './results.js';

export interface GenerationBenchOptions {
  readonly model: string;
  readonly threads: number;
  readonly trainable: boolean;
  readonly batches: readonly number[];
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly calls: number;
}

const samplers = {
  plain: {},
  astprompter: { temperature: 0.7, topK: 50, topP: 0.7, repetitionPenalty: 1.1 },
} as const satisfies Readonly<Record<string, Partial<GenerationOptions>>>;

const shape = { batches: [1, 8, 32], promptTokens: 64, newTokens: 24, calls: 2 } as const;

const keyOf = (sampler: string, batch: number): string => `${sampler} b${String(batch)}`;

export const generation: Bench = async (setup) => {
  const figures = Object.keys(samplers).flatMap((sampler) =>
    shape.batches.map((batch): Figure => ({ key: keyOf(sampler, batch), title: `${sampler}, batch ${String(batch)}, tokens/s`, better: 'higher', digits: 1 })),
  );
  const own = { model: setup.model, threads: setup.threads, ...shape };
  return [
    {
      name: 'generation',
      title: `prompt ${String(shape.promptTokens)} + ${String(shape.newTokens)} new tokens, float32`,
      runs: setup.runs,
      figures,
      sides: [
        ownSide('frozen', 'generation', { ...own, trainable: false }),
        ownSide('trainable', 'generation', { ...own, trainable: true }),
        ...peerSides(setup, {
          label: 'transformers',
          script: 'generate.py',
          args: [
            ...['--batches', ...shape.batches.map(String)],
            ...['--prompt', String(shape.promptTokens), '--new', String(shape.newTokens), '--runs', String(shape.calls)],
          ],
          resultKey: 'results',
          read: (result) => ({
            figures: Object.fromEntries(figures.map(({ key }) => [key, numberAt(result, 'results', key, 'tokens_per_s_median')])),
            work: { 'prompt tokens a row': numberAt(result, 'prompt'), 'new tokens a row': numberAt(result, 'new') },
          }),
        }),
      ],
      notes: [`A process: one call uncounted, then the median of ${String(shape.calls)}.`],
    },
  ];
};

/** Our side. */
export async function measureGeneration(options: GenerationBenchOptions): Promise<Outcome> {
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model, { trainable: options.trainable });
    const figures: Record<string, number> = {};
    for (const [name, sampler] of Object.entries(samplers)) {
      for (const batch of options.batches) {
        const stream = openStream(streamKey(0, 'bench'));
        const requests = Array.from({ length: batch }, (_, row) => ({
          ids: Array.from({ length: options.promptTokens }, () => stream.integer(model.vocabularySize)),
          stream: streamKey(0, 'bench', row),
        }));
        const limits = { minNewTokens: options.newTokens, maxNewTokens: options.newTokens, stopIds: model.tokenizer.endIds };
        const rates: number[] = [];
        for (let call = -1; call < options.calls; call++) {
          const start = systemClock.monotonicMs();
          const rows = await generate(model, requests, { ...plainSampling, ...sampler, ...limits });
          const seconds = (systemClock.monotonicMs() - start) / 1000;
          if (call >= 0) rates.push(rows.reduce((sum, { ids }) => sum + ids.length, 0) / seconds);
        }
        figures[keyOf(name, batch)] = spreadOf(rates)?.median ?? 0;
      }
    }
    return { figures, work: { 'prompt tokens a row': options.promptTokens, 'new tokens a row': options.newTokens } };
  } finally {
    await device.close();
  }
}
