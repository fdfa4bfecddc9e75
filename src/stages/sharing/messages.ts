/** Messages between a run and its workers, as schemas: nothing that comes out of a queue is trusted. Names of the
 *  recipe, prompts, hashes and numbers travel; weights lie in the store, and nothing that is executed travels at all. */
import { z } from 'zod';
import { jsonObject } from '../../base/schemaParts.js';
import { spendingNames } from '../../base/spending.js';
import { rewardTerms, type RewardTermName } from '../../dialogue/reward.js';
import { adversaryOriginSchema, judgeOriginSchema, targetOriginSchema } from '../../models/castOrigins.js';

const terms = Object.keys(rewardTerms) as RewardTermName[]; // The table's own keys.

/** The part that all jobs of a run have in common. */
const runPlanSchema = z.strictObject({
  kind: z.literal('run'),
  /** The recipe with every default. */
  configuration: jsonObject,
  source: z.strictObject({ file: z.string().nullable(), folder: z.string() }),
  /** The folder of weights, as the run sees it. */
  store: z.string(),
  /** Workers must have these before they take a job; null for what this run does not share. */
  target: targetOriginSchema.nullable(),
  judge: judgeOriginSchema.nullable(),
});
export type RunPlan = z.output<typeof runPlanSchema>;

/** A sweep is read from its folder by every worker: nothing but the folder's name travels. */
const sweepPlanSchema = z.strictObject({ kind: z.literal('sweep'), folder: z.string() });

export const planSchema = z.discriminatedUnion('kind', [runPlanSchema, sweepPlanSchema]);

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

/** A point of a sweep. */
export const pointMessage = z.strictObject({
  kind: z.literal('point'),
  name: z.string(),
  shard: z.int().min(1).nullable(),
  /** When the sweep was started or resumed: a point that failed is tried again by another session. */
  session: z.string(),
});
export type PointMessage = z.output<typeof pointMessage>;

export const pointAnswer = z.strictObject({
  status: z.enum(['done', 'stopped', 'failed']),
  reason: z.string().exactOptional(),
  thresholdExceeded: z.array(z.string()).exactOptional(),
});
