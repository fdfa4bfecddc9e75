/** `report.json`: what an evaluation found. One schema, the types that follow from it, and the reading of a file;
 *  stages write it, `render` shows it. */
import { z } from 'zod';
import type { JsonObject } from '../base/json.js';
import { readAs, requireVersion } from '../base/readAs.js';
import { jsonObject } from '../base/schemaParts.js';
import { estimateSchema } from './estimates.js';
import { searchSummarySchema } from './search.js';
import { type ensembleQualitySchema, establishedSchema, type labellingSchema } from './established.js';

/** The version of the form that this code writes and reads. */
const reportVersion = 1;

/** A mean with its 95% interval (bootstrap by prompt, or by the report's `groupBy`). */
const metricSummarySchema = z.object({
  mean: z.number(),
  low: z.number(),
  high: z.number(),
  /** Number of values averaged; unscored ones are not among them. */
  n: z.number(),
  /** 'share', 'nats/token', 'reward', … */
  unit: z.string(),
  /** Least and greatest of the values averaged. */
  min: z.number().exactOptional(),
  max: z.number().exactOptional(),
});

export const metricsSchema = z.record(z.string(), metricSummarySchema);

/** One adversary under one judge. */
const rowSchema = z.object({
  name: z.string(),
  /** Name of the attack that trained the adversary; without one 'none', or 'prompts' for a list. */
  attack: z.string(),
  /** Whether the attack is a policy, which learnt on other prompts, or a search, which worked on these very ones; 'none'
   *  without an attack. */
  attackKind: z.enum(['none', 'policy', 'search']).exactOptional(),
  target: z.string(),
  judge: z.string(),
  threshold: z.number().exactOptional(),
  /** Whether the attack was trained or selected by this very judge: its figures flatter the attack then. */
  judgeTrainedOn: z.boolean().exactOptional(),
  dialogues: z.number(),
  /** Exchanges per dialogue. */
  turns: z.number(),
  metrics: metricsSchema,
  /** The same metrics per turn, the first turn first. */
  byTurn: z.array(z.object({ turn: z.number(), metrics: metricsSchema })).exactOptional(),
  /** Rates over the dialogues of each category of prompts, in the order of their names. */
  byCategory: z
    .array(z.object({ category: z.string(), dialogues: z.number(), metrics: metricsSchema }))
    .exactOptional(),
  /** Number of replies that the judge could not score; no figure counts them. */
  unscored: z.number().exactOptional(),
  /** Number of those that the target did not give: no text, or no text beside its reasoning. */
  noReply: z.number().exactOptional(),
  /** The change by rounding in these dialogues, rounded minus exact, where training rollouts had a rounded target. */
  rounding: metricsSchema.exactOptional(),
  /** The failure rate corrected for the judge's errors, which people's labels tell. */
  judgeCorrected: z
    .object({
      /** The judge's own rate. */
      judged: z.number(),
      /** The corrected rate with its interval; null where none can be told. */
      rate: z.number().nullable(),
      low: z.number().nullable(),
      high: z.number().nullable(),
      /** Shares of failing and of harmless replies that the judge calls failures. */
      tpr: z.number(),
      fpr: z.number(),
      labels: z.int(),
      /** With this confidence the true rate is at most that; null where the labels allow no limit. */
      guaranteedHigh: z.number().nullable(),
      confidence: z.number(),
      /** Rate that it was to be certified to be below, and whether it is; null where none was asked. */
      below: z.number().nullable(),
      certified: z.boolean().nullable(),
      /** About how many more labels of each verdict would certify it; null where it is certified, or none would. */
      moreFlagged: z.int().nullable(),
      morePassed: z.int().nullable(),
    })
    .exactOptional(),
  /** The finds of a search, and their cost. */
  search: searchSummarySchema.exactOptional(),
  /** Training and evaluating this row used these quantities, by name. */
  spending: z.record(z.string(), z.number()).exactOptional(),
});

/** A row against the baseline row, on the same prompts with the same target: the row minus the baseline. */
const rowDifferenceSchema = z.object({
  row: z.string(),
  baseline: z.string(),
  judge: z.string(),
  metrics: metricsSchema,
  /** By metric, of a paired permutation test over the units that intervals resample. */
  pValues: z.record(z.string(), z.number()),
  /** The same, corrected by Holm's rule for the number of rows that are compared. */
  adjusted: z.record(z.string(), z.number()),
});

const sampleTurnSchema = z.object({
  author: z.enum(['adversary', 'target']),
  text: z.string(),
  /** Why there is no text. */
  noReply: z.string().exactOptional(),
  /** By the first judge; null when unscored, or not due. */
  harm: z.number().nullable(),
  /** True where the judge was not asked, since it rates dialogues at their end. */
  notDue: z.literal(true).exactOptional(),
  failed: z.boolean().nullable(),
  /** For an adversary's utterance: nats per token under the target; null when unknown. */
  nll: z.number().nullable().exactOptional(),
  /** Reward of an adversary's utterance and its answer. */
  reward: z.number().nullable().exactOptional(),
  /** Words that drive the verdict, the strongest first, with their share of it. */
  words: z.array(z.object({ word: z.string(), weight: z.number() })).exactOptional(),
});

const sampleSchema = z.object({
  row: z.string(),
  /** Why it is shown: 'worst', 'typical', 'random'. */
  chosen: z.string().exactOptional(),
  prompt: z.string(),
  turns: z.array(sampleTurnSchema),
});

/** One dialogue as a point: how harmful, how likely. */
const pointSchema = z.object({
  row: z.string(),
  /** Highest harm of its replies; null when none was scored. */
  harm: z.number().nullable(),
  /** Mean over its utterances, nats per token; null when unknown. */
  nll: z.number().nullable(),
});

/** Words that drive a judge's verdicts over all dialogues of a row. */
const verdictWordsSchema = z.object({
  row: z.string(),
  judge: z.string(),
  words: z.array(z.object({ word: z.string(), weight: z.number(), count: z.number() })),
});

/** One adversary against the target of a round. */
const loopEntrySchema = z.object({
  /** From 1. */
  round: z.int(),
  /** 'untuned', or a trained one: 'ipo-1' is that of round 1. */
  adversary: z.string(),
  /** Whether it was trained against this round's very target. */
  fresh: z.boolean(),
  /** The recipe's target in round 1, then the mended ones: 'adpo-1' is what round 1 made. */
  target: z.string(),
  /** The same metrics as in a row. */
  metrics: metricsSchema,
  /** These belong to the round's target and are the same for all adversaries: ordinaryNll, ordinaryNllChange,
   *  choiceAccuracy … */
  guards: metricsSchema,
});

const mendSetSchema = z.enum(['harmful', 'ordinary']);

const mendRowSchema = z.object({
  /** The target before, the control-token model under the name 'twin' (the start of training), or a mended model. */
  model: z.string(),
  metrics: metricsSchema,
  /** This model minus the target before, on the same dialogues; absent for the target before itself. */
  change: metricsSchema.exactOptional(),
});

const mendPointSchema = z.object({ step: z.number(), values: z.record(z.string(), z.number()) });

const mendReplySchema = z.object({
  model: z.string(),
  text: z.string(),
  /** It is null when unscored. */
  harm: z.number().nullable(),
  failed: z.boolean().nullable(),
  evasive: z.boolean(),
});

/** One held-out dialogue and every model's reply to it. */
const mendSampleSchema = z.object({
  set: mendSetSchema,
  /** Oldest first, the last to be answered. */
  context: z.array(z.string()),
  replies: z.array(mendReplySchema),
});

/** The replies of a mend stage's models to held-out dialogues, and how they differ from before. */
const mendSchema = z.object({
  /** 'mend', or 'mend-1' in round 1 of a loop. */
  stage: z.string(),
  /** The target that was mended. */
  before: z.string(),
  /** How many dialogues, pairs and the like it worked with, by name. */
  counts: z.record(z.string(), z.number()),
  /** Answers to held-out dialogues. */
  sets: z.array(z.object({ set: mendSetSchema, dialogues: z.number(), rows: z.array(mendRowSchema) })),
  /** Ability: NLL of held-out ordinary replies, multiple choice. */
  guards: z.array(mendRowSchema),
  /** Held-out replies while training: 'kl/chosen', 'kl/rejected', 'kl/toxic', nats per reply, against the start of
   *  training. */
  course: z.array(z.object({ model: z.string(), points: z.array(mendPointSchema) })),
  samples: z.array(mendSampleSchema),
});

/** A cluster of samples, and how they are alike. */
export const clusterSchema = z.object({
  cluster: z.int(),
  /** Number of samples. */
  size: z.int(),
  /** Number of samples that are kept for labelling. */
  kept: z.int(),
  /** The samples nearest to the centre, the nearest first. */
  examples: z.array(z.string()),
  /** Words that set it apart from the other clusters: log-odds ratios in standard errors, the greatest first. */
  words: z.array(z.object({ word: z.string(), zScore: z.number(), count: z.int() })),
});

/** Samples as points of a plane: alike ones lie together. */
const clusterMapSchema = z.object({
  /** Number of all samples, of which the map shows some. */
  samples: z.int(),
  /** Places in [0, 1]², both axes of one scale, and the cluster of each. */
  points: z.array(z.tuple([z.number(), z.number(), z.int()])),
});

const reportSchema = z.object({
  schema: z.literal(reportVersion),
  /** Name, seed, status, versions, host, models, judges, times: what a reader must know to repeat it. */
  run: jsonObject,
  /** Unit that the intervals of rows and of the loop resample; absent where it is the prompt. */
  groupBy: z.enum(['conversation']).exactOptional(),
  rows: z.array(rowSchema),
  /** Rows against the baseline row; absent where there is none. */
  differences: z.array(rowDifferenceSchema).exactOptional(),
  samples: z.array(sampleSchema),
  points: z.array(pointSchema).exactOptional(),
  verdictWords: z.array(verdictWordsSchema).exactOptional(),
  /** Rounds of attack and mending, in order; within a round the adversaries in order of their training. */
  loop: z.array(loopEntrySchema).exactOptional(),
  mend: z.array(mendSchema).exactOptional(),
  /** Clusters of what the target says, which the stage explore has found; the largest first. */
  clusters: z.array(clusterSchema).exactOptional(),
  clusterMap: clusterMapSchema.exactOptional(),
  /** Judges that establish stages have trained. */
  established: z.array(establishedSchema).exactOptional(),
  /** How probable failures are in ordinary use. */
  estimates: z.array(estimateSchema).exactOptional(),
  /** Sentences that a reader should know beside the figures. */
  notes: z.array(z.string()).exactOptional(),
});

/** A parsed value that nothing changes any more. */
type Immutable<T> = T extends string | number | boolean | null | undefined
  ? T
  : { readonly [K in keyof T]: Immutable<T[K]> };

export type MetricSummary = Immutable<z.infer<typeof metricSummarySchema>>;
export type Metrics = Immutable<z.infer<typeof metricsSchema>>;
export type ReportRow = Immutable<z.infer<typeof rowSchema>>;
export type RowDifference = Immutable<z.infer<typeof rowDifferenceSchema>>;
export type SearchSummary = Immutable<z.infer<typeof searchSummarySchema>>;
export type SampleTurn = Immutable<z.infer<typeof sampleTurnSchema>>;
export type ReportSample = Immutable<z.infer<typeof sampleSchema>>;
export type ReportPoint = Immutable<z.infer<typeof pointSchema>>;
export type VerdictWords = Immutable<z.infer<typeof verdictWordsSchema>>;
export type LoopEntry = Immutable<z.infer<typeof loopEntrySchema>>;
export type MendRow = Immutable<z.infer<typeof mendRowSchema>>;
export type MendPoint = Immutable<z.infer<typeof mendPointSchema>>;
export type MendSample = Immutable<z.infer<typeof mendSampleSchema>>;
export type ClusterReport = Immutable<z.infer<typeof clusterSchema>>;
export type ClusterMap = Immutable<z.infer<typeof clusterMapSchema>>;
export type MendReport = Immutable<z.infer<typeof mendSchema>>;
export type EstablishedReport = Immutable<z.infer<typeof establishedSchema>>;
export type Labelling = Immutable<z.infer<typeof labellingSchema>>;
export type EnsembleQuality = Immutable<z.infer<typeof ensembleQualitySchema>>;
export type Report = Immutable<Omit<z.infer<typeof reportSchema>, 'run'>> & { readonly run: JsonObject };

/** Reads a report; keys that the schema does not know are kept as they are.
 *  @throws FormatError naming the first place that is not as it should be, or the remedy for a report of a newer
 *  version */
export function parseReport(value: unknown, where: string): Report {
  requireVersion(value, reportVersion, 'report', where);
  readAs(reportSchema, value, where);
  return value as Report; // As validated, with the further keys that a parsed copy would lack.
}
