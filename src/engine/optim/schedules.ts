/** Learning rates over steps: linear warm-up, then constant, linear or cosine decay. Pure functions of the step.
 *  Source: transformers, optimization.py (get_constant_schedule_with_warmup, get_linear_…, get_cosine_…); here step 1
 *  is the first step, so warm-up reaches the full rate at step `warmupSteps` and no step has rate 0 (there, the first
 *  step of a warm-up does). */
import { ConfigError } from '../../base/errors.js';
import { unreachable } from '../../base/invariant.js';

export type Schedule =
  | { readonly kind: 'constant'; readonly warmupSteps?: number }
  /** Down to `finalFraction` of the rate (default 0) at step `totalSteps`, and so from there on. */
  | {
      readonly kind: 'linear' | 'cosine';
      readonly warmupSteps?: number;
      readonly totalSteps: number;
      readonly finalFraction?: number;
    };

/** Fraction of the full learning rate at a step.
 *  @param step 1 for the first update
 *  @returns in (0, 1] during warm-up, [finalFraction, 1] after */
export function scheduleFraction(schedule: Schedule, step: number): number {
  if (!Number.isInteger(step) || step < 1)
    throw new ConfigError('not a step', { where: 'schedule', expected: 'an integer ≥ 1', got: String(step) });
  const { warmupSteps = 0 } = schedule;
  if (step <= warmupSteps) return step / warmupSteps;
  switch (schedule.kind) {
    case 'constant':
      return 1;
    case 'linear':
      return between(1 - decayedShare(schedule, step), schedule.finalFraction);
    case 'cosine':
      return between((1 + Math.cos(Math.PI * decayedShare(schedule, step))) / 2, schedule.finalFraction);
    default:
      return unreachable(schedule);
  }
}

/** How far the decay has come: 0 at the first step after warm-up's end, 1 at `totalSteps`. */
function decayedShare(
  { warmupSteps = 0, totalSteps }: { readonly warmupSteps?: number; readonly totalSteps: number },
  step: number,
): number {
  return Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
}

function between(share: number, finalFraction = 0): number {
  return finalFraction + (1 - finalFraction) * share;
}
