/** Records of an estimate: estimates.jsonl has a line per dialogue with its weight and its events, in the order of their
 *  numbers. The dialogues themselves are lines of rollouts.jsonl, batch by batch. All figures follow from these lines. */
import { z } from 'zod';
import { streamKey } from '../../base/random.js';
import { readAs } from '../../base/readAs.js';
import { type EstimateReport, estimateSchema } from '../../report/estimates.js';
import { readRecords } from '../../runs/recordLog.js';
import type { RunRecords } from '../../runs/runRecords.js';
import { estimateProbability, type WeightedDraw } from '../../stats/estimateProbability.js';

const drawSchema = z.object({
  /** Unit that drew it. */
  stage: z.string(),
  /** From 0. */
  draw: z.int(),
  opening: z.string(),
  tilted: z.boolean(),
  /** log of the tilted density minus log of the ordinary one over the users' turns, nats; null for +∞, or where all are
   *  ordinary. */
  logRatio: z.number().nullable(),
  weight: z.number(),
  /** By event; null where the judge could not say. */
  events: z.record(z.string(), z.number().nullable()),
});

export type EstimateDraw = z.output<typeof drawSchema>;

/** Reads the dialogues that a unit has drawn. */
export async function readEstimateDraws(run: Pick<RunRecords, 'log'>, unit: string): Promise<EstimateDraw[]> {
  const draws: EstimateDraw[] = [];
  for await (const { record, where } of readRecords(run.log('estimates').path))
    if (record['stage'] === unit) draws.push(readAs(drawSchema, record, where));
  return draws;
}

/** How dialogues were drawn, and for whom: what the manifest keeps beside the records. */
export const settingSchema = estimateSchema
  .pick({
    name: true,
    users: true,
    target: true,
    judge: true,
    turns: true,
    mixture: true,
    proposal: true,
    tempering: true,
    openingsAre: true,
    pilot: true,
  })
  .extend({ seed: z.number() });

export type EstimateSetting = z.output<typeof settingSchema>;

/** Confidence of both figures. */
const level = 0.95;

/** Computes the figures of one event from the records. */
export function estimateOf(draws: readonly EstimateDraw[], event: string, setting: EstimateSetting): EstimateReport {
  const { seed, ...declared } = setting;
  const weighted = draws.map(({ opening, tilted, weight, events }): WeightedDraw => {
    const value = events[event];
    return { opening, isTilted: tilted, weight, event: value ?? null };
  });
  const found = estimateProbability(weighted, {
    plainShare: setting.mixture,
    level,
    stream: streamKey(seed, 'estimate, intervals'),
  });
  const seen = (isTilted: boolean): number =>
    weighted.filter((draw) => draw.isTilted === isTilted && (draw.event ?? 0) > 0).length;
  const { mean, low, high, dialogues, unscored, openings, ...figures } = found;
  return {
    ...declared,
    event,
    probability: { mean, low, high, n: dialogues - unscored },
    ...figures,
    level,
    method: setting.mixture === 1 ? 'ordinary' : 'mixture',
    dialogues,
    ordinary: draws.filter(({ tilted }) => !tilted).length,
    seen: { ordinary: seen(false), tilted: seen(true) },
    openings,
    unscored,
    judgeCorrected: null,
  };
}

/** Names of the events of an estimate. */
export function eventNames(event: string | readonly string[]): readonly string[] {
  return typeof event === 'string' ? [event] : [...new Set(event)];
}
