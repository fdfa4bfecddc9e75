/** For tests and comparisons: a mass on a line that is to be brought to rest at the origin. An action in ±1 changes its velocity by
 *  half of it, the velocity its place by half of that; a step costs the squared distance and half the squared action.
 *  The best policy at discount 0.9 is linear, known from Riccati's equation (and clamped to the box, which it seldom meets).
 *  The cost of an action is paid at once and its use comes later, so that the reward of one step alone says too little.
 *  States do not show how many steps remain: the end is no terminal. */
import { openStream, streamKey } from '../../../base/random.js';
import type { Actor } from '../actor.js';
import type { Episode, EpisodeStep, ReplayBuffer } from '../replayBuffer.js';
import type { ReplaySettings } from '../replaySettings.js';

/** @param states places and velocities, [n, 2]
 *  @returns actions, [n] */
export type PointPolicy = (states: Float32Array, step: number) => Float32Array | Promise<Float32Array>;

export const pointMass = { discount: 0.9, steps: 12, actionCost: 0.5, episodes: 500 } as const;

export const pointMassSettings: ReplaySettings = {
  actions: 'absolute',
  actionWidth: 1,
  actionUnit: 1,
  stateWidth: 2,
  state: { layer: 0, position: 'place and velocity' },
  model: 'point mass',
  planner: 'none',
  stepIsVisible: false,
};

const clamp = (x: number): number => Math.min(Math.max(x, -1), 1);

/** How the place and velocity of before, and the action, come into the new place and velocity. */
const [fromState, fromAction] = [
  [
    [1, 0.5],
    [0, 1],
  ],
  [0.25, 0.5],
] as const;

/** The best linear policy: iterates P ← AᵀMA − AᵀMB·K with M = Q + γP, K = BᵀMA / (c + BᵀMB). */
function bestGain(): readonly [number, number] {
  let P = [
    [0, 0],
    [0, 0],
  ];
  let K: [number, number] = [0, 0];
  const at = (matrix: readonly (readonly number[])[], i: number, j: number): number => matrix[i]?.[j] ?? NaN;
  const sum = (term: (k: number) => number): number => term(0) + term(1);
  for (let iteration = 0; iteration < 500; iteration++) {
    const M = P.map((row, i) => row.map((x, j) => pointMass.discount * x + (i === 0 && j === 0 ? 1 : 0)));
    const MA = M.map((_, i) => [0, 1].map((j) => sum((k) => at(M, i, k) * at(fromState, k, j))));
    const BM = [0, 1].map((j) => sum((k) => (fromAction[k] ?? NaN) * at(M, k, j)));
    const BMA = [0, 1].map((j) => sum((k) => (BM[k] ?? NaN) * at(fromState, k, j)));
    const curvature = pointMass.actionCost + sum((k) => (BM[k] ?? NaN) * (fromAction[k] ?? NaN));
    K = [(BMA[0] ?? NaN) / curvature, (BMA[1] ?? NaN) / curvature];
    P = [0, 1].map((i) =>
      [0, 1].map((j) => sum((k) => at(fromState, k, i) * at(MA, k, j)) - (BMA[i] ?? NaN) * (K[j] ?? NaN)),
    );
  }
  return K;
}

const gain = bestGain();

const actionsOf = (states: Float32Array, act: (place: number, velocity: number) => number): Float32Array =>
  Float32Array.from({ length: states.length / 2 }, (_, i) =>
    clamp(act(states[2 * i] ?? NaN, states[2 * i + 1] ?? NaN)),
  );

export const bestPolicy = (states: Float32Array): Float32Array =>
  actionsOf(states, (place, velocity) => -gain[0] * place - gain[1] * velocity);

/** A third of the best action, and noise of deviation 0.3. */
export function behaviourPolicy(seed: number): PointPolicy {
  return (states, step) => {
    const draw = openStream(streamKey(seed, 'behaviour of the point mass', step));
    return bestPolicy(states).map((action) => clamp(0.3 * action + 0.3 * draw.normal()));
  };
}

export const actorPolicy =
  ({ act }: Pick<Actor, 'act'>): PointPolicy =>
  (states) =>
    act(states);

/** Places uniform in ±1.5, velocities in ±0.5, [n, 2]. */
export function startStates(count: number, seed: number): Float32Array {
  const draw = openStream(streamKey(seed, 'starts of the point mass'));
  return Float32Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 3 : 1) * (draw.uniform() - 0.5));
}

/** Plays from each of the given states at once.
 *  @returns the episodes, and the mean sum of rewards */
async function play(policy: PointPolicy, starts: Float32Array): Promise<readonly [readonly Episode[], number]> {
  const count = starts.length / 2;
  const steps: EpisodeStep[][] = Array.from({ length: count }, () => []);
  let [states, sum] = [starts, 0];
  for (let step = 0; step < pointMass.steps; step++) {
    const actions = await policy(states, step);
    const next = new Float32Array(states.length);
    for (let i = 0; i < count; i++) {
      const [state, action] = [states.subarray(2 * i, 2 * i + 2), actions[i] ?? NaN];
      const velocity = (state[1] ?? NaN) + 0.5 * action;
      const place = (state[0] ?? NaN) + 0.5 * velocity;
      next.set([place, velocity], 2 * i);
      const reward = -(place ** 2) - pointMass.actionCost * action ** 2;
      sum += reward;
      steps[i]?.push({ state, action: actions.subarray(i, i + 1), reward });
    }
    states = next;
  }
  const episodes = steps.map((each, i): Episode => ({
    steps: each,
    ending: { kind: 'limit', state: states.subarray(2 * i, 2 * i + 2) },
  }));
  return [episodes, sum / count];
}

/** Appends episodes of the behaviour. */
export async function collectPointMass(buffer: ReplayBuffer, seed: number): Promise<void> {
  const [episodes] = await play(behaviourPolicy(seed), startStates(pointMass.episodes, seed));
  for (const episode of episodes) buffer.append(episode);
}

/** Mean sum of rewards from the given states. */
export async function meanReturn(policy: PointPolicy, starts: Float32Array): Promise<number> {
  const [, mean] = await play(policy, starts);
  return mean;
}
