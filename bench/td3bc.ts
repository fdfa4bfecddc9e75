/** Steps of TD3+BC: batch 256, states of 576 numbers (SmolLM2's), actions of 64, networks 256-256 with ReLU, two critics, the
 *  actor at every second step, float32. A step includes drawing the batch and the noise: ours from a buffer on disk,
 *  the peer's from arrays in memory.
 *
 *  Peer: peers/td3bc.py, CORL's update with PyTorch. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { openStream, standardNormals, streamKey } from '../src/base/random.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { trainOnBuffer } from '../src/learning/offline/drawTransitions.js';
import { ReplayBuffer } from '../src/learning/offline/replayBuffer.js';
import { stateStatistics } from '../src/learning/offline/stateStatistics.js';
import { createTd3BcTrainer } from '../src/learning/offline/td3bc.js';
import { memoryFigure } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides } from './peer.js';
import { medianSeconds, repeatNote } from './repeat.js';
import type { Bench, Outcome, Repeat } from './types.js';

export interface Td3BcBenchOptions {
  readonly threads: number;
  readonly stateWidth: number;
  readonly actionWidth: number;
  readonly batch: number;
  /** In the buffer. */
  readonly episodes: number;
  readonly stepsPerEpisode: number;
  /** Per call. */
  readonly steps: number;
  readonly repeat: Repeat;
  /** For the buffer. */
  readonly scratch: string;
}

export const td3bcBench: Bench = (setup) => {
  const repeat = { ...setup.repeat, counted: setup.quick ? 1 : 9, seconds: 12 };
  const options = {
    stateWidth: 576,
    actionWidth: 64,
    batch: 256,
    episodes: setup.quick ? 200 : 5000,
    stepsPerEpisode: 3,
    steps: setup.quick ? 4 : 40,
    repeat,
    scratch: setup.scratch,
  };
  return Promise.resolve(
    [...new Set([1, setup.threads])].map((threads) => ({
      name: `td3bc/${String(threads)}`,
      title: `TD3+BC, batch 256, state 576, action 64, 256-256, ${String(threads)} thread(s)`,
      figures: [{ key: 'steps', title: 'steps per second', unit: '1/s', better: 'higher' }, memoryFigure],
      sides: [
        ownSide('Gadfly', 'td3bc', { ...options, threads }),
        ...peerSides({ ...setup, threads }, 'torch', 'td3bc', options),
      ],
      targets: [{ kind: 'ratio', side: 'Gadfly', figure: 'steps', atLeast: 1 }],
      notes: [
        repeatNote(repeat),
        `A call: ${String(options.steps)} steps. Threads are those of the engine: our batches are drawn by the main thread meanwhile.`,
      ],
    })),
  );
};

/** Our side. */
export async function measureTd3Bc(options: Td3BcBenchOptions): Promise<Outcome> {
  const { threads, stateWidth, actionWidth, batch, steps } = options;
  const buffer = fillBuffer(options);
  const device = await openDevice({ threads });
  try {
    const statistics = stateStatistics(buffer);
    const trainer = await createTd3BcTrainer(device, { stateWidth, actionWidth, statistics, seed: 0 });
    const call = (): Promise<void> => trainOnBuffer(trainer, buffer, { steps: trainer.step() + steps, seed: 0, batch });
    const seconds = await medianSeconds(call, options.repeat);
    return { figures: { steps: steps / seconds }, work: { transitions: buffer.transitions(), batch } };
  } finally {
    await device.close();
    buffer.close();
  }
}

/** Fills a buffer with standard normal states, actions within ±1. */
function fillBuffer({ stateWidth, actionWidth, episodes, stepsPerEpisode, scratch }: Td3BcBenchOptions): ReplayBuffer {
  const buffer = ReplayBuffer.open(mkdtempSync(join(scratch, 'replay-')), {
    actions: 'absolute',
    actionWidth,
    actionUnit: 1,
    stateWidth,
    state: { layer: -1, position: 'last token' },
    model: 'random numbers',
    planner: 'none',
    stepIsVisible: true,
  });
  for (let episode = 0; episode < episodes; episode++) {
    const draw = openStream(streamKey(0, 'bench of TD3+BC', episode));
    buffer.append({
      steps: Array.from({ length: stepsPerEpisode }, () => ({
        state: standardNormals(draw, stateWidth),
        action: standardNormals(draw, actionWidth).map(Math.tanh),
        reward: draw.uniform(),
      })),
      ending: { kind: 'exit' },
    });
  }
  return buffer;
}
