/** Messages between a run and its workers, as schemas: nothing that comes out of a queue is trusted. Names of the
 *  recipe, prompts, hashes and numbers travel; weights lie in the store, and nothing that is executed travels at all. */
import { z } from 'zod';
import { jsonObject } from '../../base/schemaParts.js';
import { spendingNames } from '../../base/spending.js';
import { rewardTerms, type RewardTermName } from '../../dialogue/reward.js';
import { adversaryOriginSchema, judgeOriginSchema, targetOriginSchema } from '../../models/castOrigins.js';

const terms = Object.keys(rewardTerms) as RewardTermName[]; // The table's own keys.

/** The part that all jobs of a run have in common. */
export const planSchema = z.strictObject({
  /** The recipe with every default. */
  configuration: jsonObject,
  source: z.strictObject({ file: z.string().nullable(), folder: z.string() }),
  /** The folder of weights, as the run sees it. */
  store: z.string(),
  /** Workers must have these before they take a job; null for what this run does not share. */
  target: targetOriginSchema.nullable(),
  judge: judgeOriginSchema.nullable(),
});
export type SharedPlan = z.output<typeof planSchema>;

export const castSchema = z.strictObject({
  adversary: adversaryOriginSchema,
  target: targetOriginSchema,
  judge: judgeOriginSchema,
  reward: z.partialRecord(z.enum(terms), z.number()),
  targetTexts: z.array(z.string()).exactOptional(),
  stopWhen: z.array(z.string()).exactOptional(),
});
export type SharedCast = z.output<typeof castSchema>;

/** Dialogues to be played. */
export const rolloutMessage = z.strictObject({ kind: z.literal('rollout'), cast: castSchema, job: z.unknown() });

const counts = z.record(z.string(), z.unknown());

/** Dialogues that were played, and what they took. */
export const rolloutAnswer = z.strictObject({
  dialogues: z.unknown(),
  spent: z.partialRecord(z.enum(spendingNames), z.number().min(0)),
  counts: z.strictObject({ adversary: counts, target: counts, judge: counts }),
});
export type RolloutAnswer = z.output<typeof rolloutAnswer>;
