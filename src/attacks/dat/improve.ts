/** TD3+BC on the buffer: an actor learns which actions are worth most, and stays close to those that were explored. */
import { childKey, openStream } from '../../base/random.js';
import { trainOnBuffer } from '../../learning/offline/drawTransitions.js';
import type { ReplayBuffer } from '../../learning/offline/replayBuffer.js';
import { stateStatistics } from '../../learning/offline/stateStatistics.js';
import { createTd3BcTrainer, type Td3BcTrainer } from '../../learning/offline/td3bc.js';
import type { PlannedActor } from '../../learning/planner/planner.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { createPhaseTimes } from '../phaseTimes.js';
import type { DatContext } from './context.js';
import type { DatOptions } from './options.js';
import { streams } from './rollouts.js';

/** Steps between two lines of metrics, each with a checkpoint. */
const stepsPerReport = 100;

export async function improveActor(
  context: DatContext,
  { improve, collect }: DatOptions & { readonly improve: NonNullable<DatOptions['improve']> },
  buffer: ReplayBuffer,
): Promise<{ readonly actor: PlannedActor; readonly steps: number }> {
  const { actionWidth, stateWidth } = buffer.settings;
  const { device } = context.speaker.adversary.model;
  const { steps, batchSize, episodes, ...update } = improve;
  const known = episodes ?? buffer.episodes;
  const draws = openStream(childKey(context.stream, streams.replayed));
  const [weightSeed, batchSeed] = [draws.integer(2 ** 31 - 1), draws.integer(2 ** 31 - 1)];
  const trainer = await createTd3BcTrainer(
    device,
    { stateWidth, actionWidth, statistics: stateStatistics(buffer, known), seed: weightSeed },
    { ...update, space: collect.explore === 'sphere' ? { kind: 'sphere', radius: 1 } : { kind: 'box', max: 1 } },
  );
  let isImproved = false;
  try {
    const { restored } = context.checkpoints;
    if (restored !== null) await trainer.load(restored.folder);
    await train(context, trainer, buffer, { steps, batch: batchSize, episodes: known, seed: batchSeed });
    const { actions: meaning, actionUnit: unit } = buffer.settings;
    isImproved = true;
    return { actor: { actor: trainer.actor, meaning, unit }, steps: trainer.step() };
  } finally {
    await trainer.release(); // its graphs read the actor's weights
    if (!isImproved) await trainer.actor.release();
  }
}

async function train(
  { mayGoOn, sink, progress, checkpoints, clock, spending }: DatContext,
  trainer: Td3BcTrainer,
  buffer: ReplayBuffer,
  training: Parameters<typeof trainOnBuffer>[2],
): Promise<void> {
  const { steps } = training;
  const epochs = Math.ceil(steps / stepsPerReport);
  const times = createPhaseTimes(clock);
  let values: Readonly<Record<string, number>>[] = [];
  while (trainer.step() < steps) {
    const until = Math.min(steps, stepsPerReport * (Math.floor(trainer.step() / stepsPerReport) + 1));
    await times.during('train', () =>
      trainOnBuffer(trainer, buffer, { ...training, steps: until }, (each) => {
        mayGoOn();
        values.push(each);
        spending.add({ optimizerSteps: 1 });
        return true;
      }),
    );
    const at = { epoch: Math.ceil(until / stepsPerReport), step: until };
    const means = meanByName(values, 'improve/');
    values = [];
    sink.metrics({ ...means, ...times.take() }, at);
    progress({ phase: 'train', epoch: at.epoch, epochs, values: means });
    await checkpoints.save({ step: until, score: null, state: {}, write: trainer.save });
  }
}
