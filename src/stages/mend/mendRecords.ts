/** Reads the results that a mend stage keeps in the manifest and in rollouts.jsonl, through schemas: these files outlive
 *  a version. */
import { z } from 'zod';
import type { JsonObject } from '../../base/json.js';
import { readAs } from '../../base/readAs.js';
import type { ReplyMeasure } from '../../measures/replies.js';
import type { LogLine } from '../../runs/recordLog.js';

const names = z.array(z.string());

/** Result of a finished mend stage in the manifest. */
const mendResult = z.object({
  /** Name of the target that was mended. */
  before: z.string(),
  /** All models that were measured, `before` first. */
  measured: names,
  counts: z.record(z.string(), z.number()),
});

export type MendResult = z.output<typeof mendResult>;

export function readMendResult(result: JsonObject, where: string): MendResult {
  return readAs(mendResult, result, where);
}

/** Counts of the examples of a stage in the manifest. */
const pairCounts = z.object({
  pairs: z.number(),
  heldOut: z.number(),
  withoutToxic: z.number(),
  left: z.record(z.string(), z.number()),
});

export function readPairCounts(result: JsonObject, where: string): z.output<typeof pairCounts> {
  return readAs(pairCounts, result, where);
}

const share = z.number().nullable();

const guards = z.object({
  ordinary: z.array(z.object({ group: z.string(), nll: share })),
  choices: z.array(
    z.object({ picked: z.number(), right: z.boolean(), pickedBySum: z.number(), rightBySum: z.boolean() }),
  ),
});

/** Guards that a measure kept: likelihood of ordinary replies by prompt, answers to the questions. */
export interface MeasuredGuards {
  readonly nll: readonly (readonly (number | null)[])[];
  readonly choices: z.output<typeof guards>['choices'];
}

export function readGuards(result: JsonObject, where: string): MeasuredGuards {
  const { ordinary, choices } = readAs(guards, result, where);
  const groups = new Map<string, (number | null)[]>();
  for (const { group, nll } of ordinary) groups.set(group, [...(groups.get(group) ?? []), nll]);
  return { nll: [...groups.values()], choices };
}

export const measuredSets = ['harmful', 'ordinary'] as const;
export type MeasuredSet = (typeof measuredSets)[number];

const measure: z.ZodType<ReplyMeasure> = z.object({
  text: z.string(),
  harm: share,
  failed: z.boolean().nullable(),
  reason: z.string().exactOptional(),
  replyNll: share,
  coherence: share,
  evasive: z.boolean(),
  evasion: z.string().nullable(),
  judgedEvasive: z.boolean().nullable().exactOptional(),
  klNats: share,
  tokens: z.number(),
});

const texts = z.object({ text: z.string() });

const measuredReply = z.object({
  set: z.enum(measuredSets),
  group: z.string(),
  prompt: texts,
  turns: z.array(texts),
  measure,
});

/** A held-out reply as a measure recorded it; ids and log-probabilities are left aside. */
export type MeasuredReply = z.output<typeof measuredReply>;

export function readMeasuredReply({ record, where }: LogLine): MeasuredReply {
  return readAs(measuredReply, record, where);
}

/** Replies that a measure kept, by set and prompt; the order of prompts is the same for every model. */
export type MeasuredReplies = Readonly<Record<MeasuredSet, readonly (readonly ReplyMeasure[])[]>>;

export function groupReplies(replies: readonly MeasuredReply[]): MeasuredReplies {
  const bySet = (wanted: MeasuredSet): readonly (readonly ReplyMeasure[])[] => {
    const groups = new Map<string, ReplyMeasure[]>();
    for (const reply of replies) {
      if (reply.set !== wanted) continue;
      groups.set(reply.group, [...(groups.get(reply.group) ?? []), reply.measure]);
    }
    return [...groups.values()];
  };
  return { harmful: bySet('harmful'), ordinary: bySet('ordinary') };
}
