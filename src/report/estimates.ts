/** The part of a report on how probable a failure is in ordinary use: figures of the stage estimate, and the sentences by
 *  which every form of the report says them. */
import { z } from 'zod';

export const estimateSchema = z.object({
  name: z.string(),
  /** The users: 'untuned', a model, or a file of first lines. */
  users: z.string(),
  target: z.string(),
  judge: z.string(),
  /** 'dialogue', 'reply' or 'label:NAME'. */
  event: z.string(),
  /** Exchanges of a dialogue, at most. */
  turns: z.int(),
  /** Mean of weight times event, with the practical interval; `n` counts scored dialogues. */
  probability: z.object({
    mean: z.number().nullable(),
    /** It is null where too few dialogues with the event carry the figure for an interval. */
    low: z.number().nullable(),
    high: z.number().nullable(),
    n: z.int(),
  }),
  /** The figure to sign: with probability `level` the event is at most this probable. */
  guaranteedHigh: z.number(),
  /** The same by another inequality, as a check. */
  bernsteinHigh: z.number().nullable(),
  level: z.number(),
  method: z.enum(['ordinary', 'mixture']),
  /** Share of ordinary dialogues that was asked for, α. */
  mixture: z.number(),
  /** The adversary towards which the others were tilted, and how far, λ; null without. */
  proposal: z.string().nullable(),
  tempering: z.number().nullable(),
  dialogues: z.int(),
  /** Number of these that were ordinary. */
  ordinary: z.int(),
  /** Dialogues in which the event was seen, ordinary and tilted. */
  seen: z.object({ ordinary: z.int(), tilted: z.int() }),
  openings: z.int(),
  /** The openings stand for others like them, or are all there are. */
  openingsAre: z.enum(['sample', 'all']),
  /** Dialogues in which the judge could not say. */
  unscored: z.int(),
  meanWeight: z.number(),
  effectiveSampleSize: z.number().nullable(),
  /** Share of the figure that rests on one dialogue, at most; on tilted dialogues. */
  largestShare: z.number().nullable(),
  tiltedShare: z.number().nullable(),
  standardError: z.number().nullable(),
  /** Number of ordinary dialogues that would be as sure. */
  plainEquivalent: z.number().nullable(),
  /** The choice of the pilot; null without one. */
  pilot: z
    .object({
      dialogues: z.int(),
      /** Number of ordinary dialogues that one of the mixture was worth there; 1 where it chose ordinary ones alone. */
      gain: z.number(),
    })
    .nullable(),
  /** The rate corrected for the judge's errors; null where its errors were not measured. */
  judgeCorrected: z.record(z.string(), z.number().nullable()).nullable(),
});

export type EstimateReport = z.infer<typeof estimateSchema>;

/** Says what the event is, as the end of 'the probability that …'. */
export function eventWords({ event, turns }: Pick<EstimateReport, 'event' | 'turns'>): string {
  const length = turns === 1 ? 'one exchange' : `${String(turns)} exchanges`;
  if (event === 'reply') return `a reply in a dialogue of ${length} fails`;
  const label = event.startsWith('label:') ? event.slice('label:'.length) : null;
  return label === null
    ? `a dialogue of ${length} has a failed reply`
    : `a dialogue of ${length} has a reply that is ‘${label}’`;
}

/** A probability as a share of dialogues that a reader can picture: '0.24% (about 1 in 420)'. */
export function chanceWords(probability: number): string {
  const percent = `${String(Number((100 * probability).toPrecision(2)))}%`;
  if (probability <= 0 || probability > 0.1) return percent;
  const one = 1 / probability;
  const digits = 10 ** Math.max(0, Math.floor(Math.log10(one)) - 1);
  return `${percent} (about 1 in ${(Math.round(one / digits) * digits).toLocaleString('en')})`;
}

/** The one sentence of an estimate: the figure to sign. */
export function guaranteeSentence(estimate: EstimateReport): string {
  const { guaranteedHigh, level } = estimate;
  return `With ${percentWords(level)} confidence, the probability that ${eventWords(estimate)} is at most ${chanceWords(guaranteedHigh)}.`;
}

/** The best estimate with its interval, or why there is none. */
export function bestEstimateSentence({ probability, tiltedShare, method }: EstimateReport): string {
  const { mean, low, high } = probability;
  if (mean === null) return 'No dialogue could be judged, so that there is no estimate.';
  if (mean === 0) return 'It was seen in none of the dialogues.';
  const best = `The best estimate is ${chanceWords(mean)}`;
  if (low === null || high === null)
    return `${best}; it rests on too few dialogues for an interval, so that only the bound counts.`;
  const interval = `${best}, and probably between ${chanceWords(low)} and ${chanceWords(high)}`;
  return method === 'ordinary' || tiltedShare === null
    ? `${interval}.`
    : `${interval}. That interval assumes that the tilted dialogues reach every kind of this failure; ${percentWords(tiltedShare)} of the estimate rests on them.`;
}

/** Says what the figures rest on. */
export function basisSentences(estimate: EstimateReport): readonly string[] {
  const { dialogues, ordinary, users, judge, proposal, seen, openings, openingsAre, unscored, plainEquivalent } =
    estimate;
  const count = (n: number): string => Math.round(n).toLocaleString('en');
  const mixed =
    proposal === null
      ? `${count(dialogues)} ordinary dialogues`
      : `${count(ordinary)} ordinary dialogues, and ${count(dialogues - ordinary)} that were tilted towards the adversary ‘${proposal}’ and count by how ordinary they are`;
  const found = seen.ordinary + seen.tilted;
  return [
    `It rests on ${mixed}. The event was seen in ${count(found)} of them${proposal === null ? '' : ` (${count(seen.ordinary)} ordinary)`}.`,
    `Users: ${usersWords(users)}. Judge: ${judge}.`,
    ...(openings === dialogues
      ? []
      : [
          openingsAre === 'sample'
            ? `The dialogues have ${count(openings)} openings, and those of one opening count as one observation.`
            : `Each dialogue begins with one of ${count(openings)} openings, which are taken to be all there are.`,
        ]),
    ...(plainEquivalent === null || proposal === null
      ? []
      : [`The estimate is as sure as that of ${count(plainEquivalent)} ordinary dialogues.`]),
    ...pilotSentences(estimate),
    ...(unscored === 0
      ? []
      : [
          `${count(unscored)} dialogues could not be judged: they count as failures in the bound and in the upper end, and as none in the lower end.`,
        ]),
  ];
}

function pilotSentences({ pilot, proposal, mixture, tempering }: EstimateReport): readonly string[] {
  if (pilot === null) return [];
  const begin = `A pilot of ${String(pilot.dialogues)} dialogues, which is thrown away,`;
  return proposal === null
    ? [`${begin} found no tilting that beats ordinary dialogues, so that all of them are ordinary.`]
    : [
        `${begin} chose a share of ${percentWords(mixture)} ordinary dialogues${tempering === null ? '' : ` and a tempering of ${String(tempering)}`}, each worth about ${pilot.gain.toPrecision(2)} ordinary ones there.`,
      ];
}

/** Says what the figures do not say. */
export function limitSentences({ judge, judgeCorrected }: EstimateReport): readonly string[] {
  return [
    'It says nothing of other users: who asks for failures on purpose finds them more often.',
    ...(judgeCorrected === null
      ? [`It takes the verdicts of ${judge} for the truth: its errors are not part of the figures.`]
      : []),
    'It holds for the target as it was sampled here, with these settings and dialogues of this length.',
  ];
}

function usersWords(users: string): string {
  if (users === 'untuned') return 'the adversary of the recipe before any training, which speaks as a user would';
  return users.startsWith('file:')
    ? `first lines of ${users.slice('file:'.length)}, from which the adversary goes on before any training`
    : users;
}

function percentWords(share: number): string {
  return `${String(Number((100 * share).toPrecision(2)))}%`;
}
