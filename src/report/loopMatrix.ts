/** The loop of attack and mending as a matrix: adversaries down, the targets of the rounds across. Page, Markdown and
 *  terminal show the same. */
import type { LoopEntry, Metrics, MetricSummary, ReportRow } from './report.js';
import { metricOrder } from './metrics.js';

export interface LoopRound {
  readonly round: number;
  readonly target: string;
  readonly guards: Metrics;
}

export interface LoopCell {
  readonly rate: MetricSummary;
  /** Trained against this very target. */
  readonly fresh: boolean;
}

export interface LoopMatrix {
  /** In order of training. */
  readonly adversaries: readonly string[];
  readonly rounds: readonly LoopRound[];
  /** Names of guards that any target has. */
  readonly guards: readonly string[];
  /** Returns null where the two were not played against each other, or nothing was scored. */
  readonly cell: (adversary: string, round: number) => LoopCell | null;
  /** The adversary, of those trained against a round's very target, that makes it fail most. */
  readonly strongestFresh: (round: number) => LoopRate | null;
  /** The highest rate of all cells. */
  readonly highest: number;
}

export interface LoopRate {
  readonly adversary: string;
  readonly rate: MetricSummary;
}

export function loopMatrix(loop: readonly LoopEntry[]): LoopMatrix {
  const numbers = [...new Set(loop.map(({ round }) => round))].sort((a, b) => a - b);
  const rounds = numbers.map((round) => {
    const own = loop.filter((entry) => entry.round === round);
    return {
      round,
      target: own[0]?.target ?? '',
      guards: Object.assign({}, ...own.map(({ guards }) => guards)) as Metrics,
    };
  });
  const ratesOf = (wanted: LoopEntry[]): readonly LoopRate[] =>
    wanted.flatMap(({ adversary, metrics: { replyFailureRate: rate } }) =>
      rate === undefined ? [] : [{ adversary, rate }],
    );
  return {
    adversaries: [...new Set(loop.map(({ adversary }) => adversary))],
    rounds,
    guards: metricOrder(rounds.map(({ guards }) => ({ metrics: guards }))),
    cell: (adversary, round) => {
      const entry = loop.find((each) => each.adversary === adversary && each.round === round);
      const rate = entry?.metrics['replyFailureRate'];
      return entry === undefined || rate === undefined ? null : { rate, fresh: entry.fresh };
    },
    strongestFresh: (round) => strongest(ratesOf(loop.filter((entry) => entry.round === round && entry.fresh))),
    highest: Math.max(0, ...ratesOf([...loop]).map(({ rate }) => rate.mean)),
  };
}

/** Returns null for an empty list. */
export function strongest(rates: readonly LoopRate[]): LoopRate | null {
  return rates.reduce<LoopRate | null>(
    (most, each) => (most === null || each.rate.mean > most.rate.mean ? each : most),
    null,
  );
}

/** The adversary of a row that a loop calls 'ipo-1@adpo-1'; of any other row, its name. */
export function adversaryOf({ name, target }: Pick<ReportRow, 'name' | 'target'>): string {
  return name.endsWith(`@${target}`) ? name.slice(0, -(target.length + 1)) : name;
}
