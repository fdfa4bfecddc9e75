/** Sampling: prompts of 64 random tokens, exactly 24 new tokens per row, at batch 1, 8 and 32, temperature 1, nothing
 *  cut off. New tokens per second over the whole call, reading of the prompt included. Ours with frozen weights, as
 *  targets and judges have them.
 *
 *  Peer: peers/generate.py (transformers' model.generate). End tokens are banned on both sides, so every row gives 24.
 */
import { openStream, streamKey } from '../src/base/random.js';
import { generate } from '../src/engine/models/generate.js';
import { openLanguageModel, type Precision } from '../src/engine/models/languageModel.js';
import { openDevice, plainSampling } from '../src/engine/runtime/device.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, BenchMetric, Outcome, Repeat, BenchTarget } from './types.js';

export interface GenerationBenchOptions {
  readonly model: string;
  readonly threads: number;
  readonly precision: Precision;
  readonly batches: readonly number[];
  readonly promptTokens: number;
  readonly newTokens: number;
  readonly repeat: Repeat;
}

export const samplingShape = { promptTokens: 64, newTokens: 24 } as const;
const batches = [1, 8, 32] as const;
const precisions = ['f32', 'int8'] as const;
const leastRatio: Readonly<Record<Precision, Readonly<Record<(typeof batches)[number], number>>>> = {
  f32: { 1: 2, 8: 1.7, 32: 1.3 },
  int8: { 1: 3, 8: 3, 32: 3 },
};

export const batchKey = (batch: number): string => `b${String(batch)}`;

export const generation: Bench = async (setup) => {
  const { model, threads, repeat } = setup;
  const chosen = setup.quick ? batches.slice(0, 2) : batches;
  const options = { model, threads, batches: chosen, ...samplingShape, repeat };
  return [
    {
      name: 'sampling',
      title: `sampling ${String(samplingShape.promptTokens)} + ${String(samplingShape.newTokens)} tokens`,
      figures: [
        ...chosen.map((batch): BenchMetric => ({
          key: batchKey(batch),
          title: `batch ${String(batch)}`,
          unit: 'tokens/s',
          better: 'higher',
        })),
        memoryFigure,
      ],
      sides: [
        ...precisions.map((precision) => ownSide(precision, 'generation', { ...options, precision })),
        ...peerSides(setup, 'transformers', 'generate', options),
      ],
      targets: precisions.flatMap((side) =>
        chosen.map((batch): BenchTarget => ({
          kind: 'ratio',
          side,
          figure: batchKey(batch),
          atLeast: leastRatio[side][batch],
        })),
      ),
      notes: [repeatNote(repeat), 'The peer computes in float32.'],
    },
  ];
};

/** Our side. */
export async function measureGeneration(options: GenerationBenchOptions): Promise<Outcome> {
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model);
    const figures: Record<string, number> = {};
    for (const batch of options.batches) {
      const stream = openStream(streamKey(0, 'bench'));
      const requests = Array.from({ length: batch }, (_, row) => ({
        ids: Array.from({ length: options.promptTokens }, () => stream.integer(model.vocabularySize)),
        stream: streamKey(0, 'bench', row),
      }));
      const limits = {
        minNewTokens: options.newTokens,
        maxNewTokens: options.newTokens,
        stopIds: model.tokenizer.endIds,
      };
      const seconds = await medianSeconds(
        () => generate(model, requests, { ...plainSampling, ...limits, precision: options.precision }),
        options.repeat,
      );
      figures[batchKey(batch)] = (batch * options.newTokens) / seconds;
    }
    return { figures, work: { 'prompt tokens a row': options.promptTokens, 'new tokens a row': options.newTokens } };
  } finally {
    await device.close();
  }
}
