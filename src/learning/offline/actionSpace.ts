/** The space of a planner's actions: a box, or a sphere. */
import { unreachable } from '../../base/invariant.js';
import { type MlpOutput, traceSphere } from '../../engine/nn/mlp.js';
import { clip } from '../../engine/tensor/ops/all.js';
import type { Value } from '../../engine/tensor/value.js';

export type ActionSpace =
  /** Every coordinate in [−max, max]. */
  | { readonly kind: 'box'; readonly max: number }
  /** Vectors of this length. */
  | { readonly kind: 'sphere'; readonly radius: number };

/** The last step of an actor's network: tanh × max, or the direction × radius. */
export function actorOutput(space: ActionSpace): MlpOutput {
  return space.kind === 'box' ? { kind: 'tanh', max: space.max } : space;
}

/** The size of one coordinate, which noise and its clipping are multiples of: the bound of a box, or radius/√d on a
 *  sphere, where unscaled noise of d coordinates would be longer than the action. */
export function noiseUnit(space: ActionSpace, actionWidth: number): number {
  return space.kind === 'box' ? space.max : space.radius / Math.sqrt(actionWidth);
}

/** Brings rows back: clamped into the box, or scaled onto the sphere.
 *  @param actions_BD f32 [B, D] */
export function traceProjection(actions_BD: Value, space: ActionSpace): Value {
  switch (space.kind) {
    case 'box':
      return clip(actions_BD, -space.max, space.max);
    case 'sphere':
      return traceSphere(actions_BD, space.radius);
    default:
      return unreachable(space);
  }
}
