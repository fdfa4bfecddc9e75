/** For tests and comparisons: a point in the plane that is to be brought to the origin in five steps. A step moves it by half
 *  of the action, in a box of ±1, and costs the squared distance it has then, so the best action is known: straight
 *  for the origin, as far as the box allows. Steps are not visible in the state: the end is no terminal. */
import { openStream, streamKey } from '../../../base/random.js';
import type { Actor } from '../actor.js';
import type { Episode, EpisodeStep, ReplayBuffer } from '../replayBuffer.js';
import type { ReplaySettings } from '../replaySettings.js';

export type PointPolicy = (
  states: Float32Array,
  stream: { readonly seed: number; readonly step: number },
) => Float32Array | Promise<Float32Array>;

const reach = 0.5;
const length = 5;

export const pointMassSettings: ReplaySettings = {
  actions: 'absolute',
  actionWidth: 2,
  stateWidth: 2,
  state: { layer: 0, position: 'the place' },
  model: 'point mass',
  stepIsVisible: false,
};

const clamp = (x: number): number => Math.min(Math.max(x, -1), 1);

export const bestPolicy: PointPolicy = (states) => states.map((x) => clamp(-x / reach));

/** Goes a third of the way, with noise of deviation a half. */
export function behaviourPolicy(seed: number): PointPolicy {
  return (states, { seed: episodes, step }) => {
    const draw = openStream(streamKey(seed, 'behaviour of the point mass', episodes, step));
    return states.map((x) => clamp(0.3 * clamp(-x / reach) + 0.5 * draw.normal()));
  };
}

export const actorPolicy =
  ({ act }: Pick<Actor, 'act'>): PointPolicy =>
  (states) =>
    act(states);

/** Plays episodes at once, from places uniform in ±1.5.
 *  @returns the episodes, and the mean sum of rewards */
async function play(policy: PointPolicy, count: number, seed: number): Promise<readonly [Episode[], number]> {
  const draw = openStream(streamKey(seed, 'places of the point mass'));
  let states = Float32Array.from({ length: 2 * count }, () => 3 * draw.uniform() - 1.5);
  const steps: EpisodeStep[][] = Array.from({ length: count }, () => []);
  let sum = 0;
  for (let step = 0; step < length; step++) {
    const actions = await policy(states, { seed, step });
    const next = states.map((x, i) => x + reach * clamp(actions[i] ?? NaN));
    for (let i = 0; i < count; i++) {
      const [x = NaN, y = NaN] = next.subarray(2 * i, 2 * i + 2);
      const reward = -(x * x + y * y);
      sum += reward;
      steps[i]?.push({ state: states.slice(2 * i, 2 * i + 2), action: actions.slice(2 * i, 2 * i + 2), reward });
    }
    states = next;
  }
  const episodes = steps.map((each, i): Episode => ({
    steps: each,
    ending: { kind: 'limit', state: states.slice(2 * i, 2 * i + 2) },
  }));
  return [episodes, sum / count];
}

/** Appends episodes of the noisy behaviour. */
export async function collectPointMass(buffer: ReplayBuffer, count: number, seed: number): Promise<void> {
  const [episodes] = await play(behaviourPolicy(seed), count, seed);
  for (const episode of episodes) buffer.append(episode);
}

/** Mean sum of rewards over 500 episodes, from places that depend on the seed alone. */
export async function meanReturn(policy: PointPolicy, seed: number): Promise<number> {
  const [, mean] = await play(policy, 500, 1000 + seed);
  return mean;
}
