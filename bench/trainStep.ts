/** One optimizer step: forward, cross-entropy, backward, clip to norm 1, AdamW over every weight, float32. 8 rows of 64
 *  and of 256 random tokens, SmolLM2 and random weights in GPT-2 small's shape, at 1 thread and at all.
 *
 *  Peer: peers/train_step.py (transformers, fused AdamW). Ours goes through the SFT trainer, so building the batch and
 *  the way to the worker thread and back count. */
import { openStream, streamKey } from '../src/base/random.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { defaultAdamw } from '../src/engine/optim/adamw.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { createSftTrainer } from '../src/learning/trainers/sft.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, BenchSetup, Comparison, BenchMetric, Outcome, Repeat } from './types.js';

type Shape = readonly [batch: number, length: number];

export interface TrainStepOptions {
  readonly model: string;
  readonly threads: number;
  readonly shapes: readonly Shape[];
  readonly repeat: Repeat;
}

export const trainShapes: readonly Shape[] = [
  [8, 64],
  [8, 256],
];
export const shapeKey = ([batch, length]: Shape): string => `${String(batch)}x${String(length)}`;

export const trainStep: Bench = async (setup) => {
  const threadCounts = setup.quick ? [setup.threads] : [...new Set([1, setup.threads])];
  const models = [
    { name: 'smollm2', path: setup.model },
    ...(setup.quick ? [] : [{ name: 'gpt2-small', path: await setup.gpt2Small() }]),
  ];
  return models.flatMap(({ name, path }) =>
    threadCounts.map((threads) => oneComparison({ ...setup, threads }, name, path)),
  );
};

function oneComparison(setup: BenchSetup, modelName: string, model: string): Comparison {
  const { threads, repeat } = setup;
  const shapes = setup.quick ? trainShapes.slice(0, 1) : trainShapes;
  const options = { model, threads, shapes, repeat };
  return {
    name: `train-step/${modelName}-${String(threads)}`,
    title: `training step of ${modelName}, float32, ${String(threads)} thread(s)`,
    figures: [
      ...shapes.map((shape): BenchMetric => ({
        key: shapeKey(shape),
        title: `${shape.join(' × ')} tokens`,
        unit: 'ms',
        better: 'lower',
      })),
      memoryFigure,
    ],
    sides: [ownSide('Gadfly', 'trainStep', options), ...peerSides(setup, 'transformers', 'train_step', options)],
    targets: shapes.map((shape) => ({ kind: 'ratio', side: 'Gadfly', figure: shapeKey(shape), atLeast: 0.9 })),
    notes: [repeatNote(repeat)],
  };
}

/** Our side. */
export async function measureTrainStep(options: TrainStepOptions): Promise<Outcome> {
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model, { trainable: true });
    // As the peer: torch.optim.AdamW with its default decay.
    const optimizer = { ...defaultAdamw, learningRate: 1e-6, weightDecay: 0.01, maxGradientNorm: 1 };
    const trainer = await createSftTrainer(model, {
      microbatchTokens: Math.max(...options.shapes.map(([batch, length]) => batch * length)),
      optimizer,
    });
    const stream = openStream(streamKey(0, 'bench'));
    const figures: Record<string, number> = {};
    const work: Record<string, number> = {};
    for (const [batch, length] of options.shapes) {
      const examples = Array.from({ length: batch }, () => {
        const [first = 0, ...rest] = Array.from({ length }, () => stream.integer(model.vocabularySize));
        return { prefix: [first], completion: rest };
      });
      const shape = shapeKey([batch, length]);
      figures[shape] = 1000 * (await medianSeconds(() => trainer.train(examples), options.repeat));
      work[`tokens of ${shape}`] = batch * length;
    }
    return { figures, work };
  } finally {
    await device.close();
  }
}
