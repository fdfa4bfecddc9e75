/** Batches of a replay buffer: uniform with replacement, each step's from streams of its own, so that a run that goes on
 *  draws what an uninterrupted one would have. */
import { ConfigError } from '../../base/errors.js';
import { openStream, standardNormals, streamKey } from '../../base/random.js';
import type { ReplayBuffer } from './replayBuffer.js';
import type { Td3Batch, Td3BcTrainer } from './td3bc.js';

export interface Draw {
  readonly seed: number;
  readonly batch: number;
  /** Only the first of the buffer's episodes. Default all. */
  readonly episodes?: number;
}

/** The batch of a step, with its noise. @throws ConfigError when there is nothing to draw from */
export function drawTransitions(buffer: ReplayBuffer, step: number, { seed, batch, episodes }: Draw): Td3Batch {
  const transitions = buffer.transitions(episodes);
  if (transitions === 0) throw new ConfigError('the replay buffer is empty', { remedy: 'Collect episodes first.' });
  const places = openStream(streamKey(seed, 'replayed transitions', step));
  const drawn = buffer.read(Array.from({ length: batch }, () => places.integer(transitions)));
  const noise = openStream(streamKey(seed, 'noise of the target policy', step));
  return { ...drawn, noise: standardNormals(noise, batch * buffer.settings.actionWidth) };
}

/** Trains until `steps` are done in all; the next batch is drawn while a step is computed.
 *  @param onStep is given what each step said, and may end the training by returning false */
export async function trainOnBuffer(
  trainer: Td3BcTrainer,
  buffer: ReplayBuffer,
  { steps, ...draw }: Draw & { readonly steps: number },
  onStep: (values: Readonly<Record<string, number>>, step: number) => boolean | Promise<boolean> = () => true,
): Promise<void> {
  if (trainer.step() >= steps) return;
  let next = drawTransitions(buffer, trainer.step() + 1, draw);
  for (let step = trainer.step() + 1; step <= steps; step++) {
    const training = trainer.train(next);
    // A failing draw would leave the step's promise without a listener: the step comes first.
    if (step < steps) next = await drawnMeanwhile(training, () => drawTransitions(buffer, step + 1, draw));
    if (!(await onStep(await training, step))) return;
  }
}

/** Lets the step be sent to the device, then draws. */
async function drawnMeanwhile<T>(training: Promise<unknown>, draw: () => T): Promise<T> {
  try {
    return draw();
  } catch (error) {
    await training.catch(() => undefined); // the draw's error is told
    throw error;
  }
}
