/** A batch as a lesson for a policy that is elsewhere: it reads each distinct sequence once, and has a derivative for each
 *  of its tokens. */
import { present } from '../../base/invariant.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import type { AdamwConfig } from '../../engine/optim/adamw.js';
import { diverged } from '../trainers/weightTrainer.js';
import type { LogProbPolicy, PolicyReading } from './logProbPolicy.js';

export interface Lesson {
  /** log π of each token of a sequence that was listed, nats. */
  readonly logProbs: (sequence: Sequence) => readonly number[];
  /** Adds to ∂loss / ∂log π of each token. */
  readonly add: (sequence: Sequence, derivative: (place: number) => number) => void;
  readonly reading: PolicyReading;
  readonly gradients: readonly (readonly number[])[];
}

export async function openLesson(policy: LogProbPolicy, sequences: readonly Sequence[]): Promise<Lesson> {
  const places = new Map<string, number>();
  const distinct: Sequence[] = [];
  for (const sequence of sequences) {
    const key = keyOf(sequence);
    if (places.has(key) || sequence.completion.length === 0) continue;
    places.set(key, distinct.length);
    distinct.push(sequence);
  }
  const reading = await policy.read(distinct);
  const gradients = distinct.map(({ completion }) => completion.map(() => 0));
  return {
    reading,
    gradients,
    logProbs: (sequence) =>
      sequence.completion.length === 0
        ? []
        : present(
            reading.logProbs[present(places.get(keyOf(sequence)), 'a sequence that was listed')],
            'log-probabilities',
          ),
    add: (sequence, derivative) => {
      if (sequence.completion.length === 0) return;
      const list = present(gradients[present(places.get(keyOf(sequence)), 'a sequence that was listed')], 'gradients');
      list.forEach((before, t) => (list[t] = before + derivative(t)));
    },
  };
}

/** Takes the step, and says what is logged of it.
 *  @throws ConfigError when the loss is no longer finite; the weights are as before */
export async function learnLesson(
  policy: LogProbPolicy,
  { reading, gradients }: Lesson,
  loss: number,
  optimizer: AdamwConfig,
): Promise<Readonly<Record<string, number>>> {
  if (!Number.isFinite(loss)) throw diverged(loss, policy.step() + 1);
  const { gradientNorm, learningRate } = await policy.train(reading, gradients, optimizer);
  return { loss, learning_rate: learningRate, ...(gradientNorm === null ? {} : { grad_norm: gradientNorm }) };
}

function keyOf({ prefix, completion }: Sequence): string {
  return `${prefix.join()}:${completion.join()}`;
}
