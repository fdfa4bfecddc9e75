/** Actions to collect with: another one near a policy's, or any of the space. */
import type { RandomStream } from '../../base/random.js';
import { noiseUnit, type ActionSpace } from './actionSpace.js';

export interface ExplorationNoise {
  /** Deviation and bound per coordinate, in units of the action space (`noiseUnit`). */
  readonly deviation: number;
  readonly bound: number;
}

/** The action with clipped normal noise, brought back into its space. */
export function noisyAction(
  action: Float32Array,
  space: ActionSpace,
  { deviation, bound }: ExplorationNoise,
  stream: RandomStream,
): Float32Array {
  const unit = noiseUnit(space, action.length);
  return projected(
    action.map((x) => x + unit * clamp(deviation * stream.normal(), bound)),
    space,
  );
}

/** Uniform in the box, or on the sphere. */
export function randomAction(space: ActionSpace, width: number, stream: RandomStream): Float32Array {
  return space.kind === 'box'
    ? Float32Array.from({ length: width }, () => space.max * (2 * stream.uniform() - 1))
    : projected(
        Float32Array.from({ length: width }, () => stream.normal()),
        space,
      );
}

function projected(action: Float32Array, space: ActionSpace): Float32Array {
  if (space.kind === 'box') return action.map((x) => clamp(x, space.max));
  const length = Math.hypot(...action);
  return action.map((x) => (space.radius * x) / length);
}

function clamp(x: number, bound: number): number {
  return Math.min(Math.max(x, -bound), bound);
}
