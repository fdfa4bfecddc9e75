/** The parts of a recipe that repeat its stages: the loop of attack and mending, the sweep over values. */
import { z } from 'zod';
import { positive, share } from '../base/schemaParts.js';

/** Attack, mend, attack again. */
export const loopSchema = z.strictObject({
  rounds: z
    .int()
    .min(2)
    .default(3)
    .describe(
      'Each attacks the target with a fresh adversary, plays the earlier ones against it again and, but for the last, mends it.',
    ),
  stopWhen: z
    .strictObject({
      replyFailureRate: share.optional().describe('The fresh adversary of a round gets no more failures than this.'),
      ordinaryNllRise: positive
        .optional()
        .describe('Ordinary dialogue has become less likely by this share: the mending costs too much.'),
    })
    .prefault({}),
});

/** Values of any keys: every combination (grid), or one run for each entry (list). */
export const sweepSchema = z
  .strictObject({
    grid: z
      .record(z.string().min(1), z.array(z.unknown()).min(1))
      .optional()
      .describe('{ stages.mend.train.0.gamma: [0, 0.2], seed: [0, 1] }'),
    list: z
      .array(z.record(z.string().min(1), z.unknown()))
      .min(1)
      .optional(),
  })
  .refine((sweep) => Object.values(sweep).filter((value) => value !== undefined).length === 1, {
    error: 'a sweep is exactly one of grid, list',
  });

export type LoopOptions = z.output<typeof loopSchema>;
export type SweepOptions = z.output<typeof sweepSchema>;
