/** One optimizer step: forward, cross-entropy, backward, clip to norm 1, AdamW over every weight, float32. 8 rows of 64 random tokens.
 *
 *  Peer: train_step.py (transformers, fused AdamW). Both sides do two steps that do not count, then `steps` that do; the figure of a
 *  process is their median. Ours goes through the SFT trainer, so building the batch and the way to the worker thread and back count. */
import { systemClock } from '../src/base/clock.js';
import { openStream, streamKey } from '../src/base/random.js';
import { openLanguageModel } from '../src/engine/models/languageModel.js';
import { defaultAdamw } from '../src/engine/optim/adamw.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { createSftTrainer } from '../src/learning/trainers/sft.js';
import { numberAt, type Bench, type Outcome } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { spreadOf } from './results.js';

export interface TrainStepOptions {
  readonly model: string;
  readonly threads: number;
  readonly batch: number;
  readonly length: number;
  readonly steps: number;
}

const [batch, length, steps] = [8, 64, 3];

export const trainStep: Bench = async (setup) => [
  {
    name: 'train-step',
    title: `one optimizer step, ${String(batch)} × ${String(length)} tokens, float32`,
    runs: setup.runs,
    figures: [
      { key: 'milliseconds', title: 'a step, ms', better: 'lower', digits: 0 },
      { key: 'tokensPerSecond', title: 'tokens/s', better: 'higher', digits: 0 },
    ],
    sides: [
      ownSide('Gadfly', 'trainStep', { model: setup.model, threads: setup.threads, batch, length, steps }),
      ...peerSides(setup, {
        label: 'transformers',
        script: 'train_step.py',
        args: ['--shapes', `${String(batch)}x${String(length)}`, '--runs', String(steps)],
        resultKey: 'shapes',
        read: (result) => {
          const milliseconds = numberAt(result, 'shapes', `${String(batch)}x${String(length)}`, 'median_ms');
          return stepOutcome(milliseconds, { batch, length, steps: numberAt(result, 'shapes', `${String(batch)}x${String(length)}`, 'runs') });
        },
      }),
    ],
    notes: [`A process: two steps uncounted, then the median of ${String(steps)}.`],
  },
];

/** Our side. */
export async function measureTrainStep(options: TrainStepOptions): Promise<Outcome> {
  const device = await openDevice({ threads: options.threads });
  try {
    const model = await openLanguageModel(device, options.model, { trainable: true });
    // As the peer: torch.optim.AdamW with its default decay.
    const optimizer = { ...defaultAdamw, learningRate: 1e-6, weightDecay: 0.01, maxGradientNorm: 1 };
    const trainer = await createSftTrainer(model, { microbatchTokens: options.batch * options.length, optimizer });
    const stream = openStream(streamKey(0, 'bench'));
    const examples = Array.from({ length: options.batch }, () => {
      const [first = 0, ...rest] = Array.from({ length: options.length }, () => stream.integer(model.vocabularySize));
      return { prefix: [first], completion: rest };
    });
    const milliseconds: number[] = [];
    for (let step = -2; step < options.steps; step++) {
      const start = systemClock.monotonicMs();
      await trainer.train(examples);
      if (step >= 0) milliseconds.push(systemClock.monotonicMs() - start);
    }
    return stepOutcome(spreadOf(milliseconds)?.median ?? 0, options);
  } finally {
    await device.close();
  }
}

type Shape = Pick<TrainStepOptions, 'batch' | 'length' | 'steps'>;

function stepOutcome(milliseconds: number, shape: Shape): Outcome {
  const tokens = shape.batch * shape.length;
  return { figures: { milliseconds, tokensPerSecond: (tokens / milliseconds) * 1000 }, work: { 'tokens a step': tokens, 'counted steps': shape.steps } };
}
