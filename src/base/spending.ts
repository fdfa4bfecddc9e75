/** Counts what a run spends where it happens: in speakers, judges, trainers. One list of names, which metrics, the
 *  manifest, reports, limits and the dry run share.
 *
 *  A resumed run goes back to its last checkpoint and so do the counts: in the end they are those of a run that never
 *  stopped, and work that was lost is not in them. Time and dollars are gone however: those are never taken back. */

export const spendingNames = [
  'targetReplies',
  'targetTokensRead',
  'targetTokensGenerated',
  /** Passes of the target's model that only score text, one per sequence. */
  'targetEvaluations',
  'targetGradients',
  'adversaryUtterances',
  'adversaryTokensRead',
  'adversaryTokensGenerated',
  /** A writer answers in the target's place while it is mended. */
  'writerReplies',
  'writerTokensRead',
  'writerTokensGenerated',
  'judgeTexts',
  'judgeTokensRead',
  'judgeTokensGenerated',
  /** Sequences scored by a reference that is not the target. */
  'referenceEvaluations',
  /** Texts that an encoder has read for their embeddings; those that the target reads are its evaluations. */
  'encoderTexts',
  'optimizerSteps',
  /** Tokens that a trainer elsewhere has read, with a gradient or without. */
  'trainerTokens',
  'seconds',
  /** US dollars. */
  'cost',
] as const;

export type SpendingName = (typeof spendingNames)[number];
/** Names that are left out count zero. */
export type Amounts = { readonly [Name in SpendingName]?: number };
export type Totals = { readonly [Name in SpendingName]: number };

export interface Spending {
  readonly add: (amounts: Amounts) => void;
  readonly total: () => Totals;
  /** Runs work that a resumed run does again without counting it, but for dollars. */
  readonly uncounted: <T>(work: () => Promise<T>) => Promise<T>;
}

/** @param before what earlier sessions have spent; unknown names are passed over
 *  @param seconds time over all sessions */
export function createSpending(
  before: Readonly<Record<string, number>> = {},
  seconds: () => number = () => 0,
): Spending {
  const counts = new Map<SpendingName, number>(spendingNames.map((name) => [name, before[name] ?? 0]));
  let pauses = 0;
  return {
    add: (amounts) => {
      for (const name of spendingNames)
        if (pauses === 0 || name === 'cost') counts.set(name, (counts.get(name) ?? 0) + (amounts[name] ?? 0));
    },
    total: () =>
      totalsOf((name) => {
        const count = counts.get(name) ?? 0;
        // A sum of small prices: what rounding adds behind the twelfth place is no money.
        return name === 'seconds' ? seconds() : name === 'cost' ? Math.round(count * 1e12) / 1e12 : count;
      }),
    uncounted: async (work) => {
      pauses++;
      try {
        return await work();
      } finally {
        pauses--;
      }
    },
  };
}

/** Tokens that any model generated. */
export function generatedTokens(totals: Totals): number {
  return (
    totals.targetTokensGenerated +
    totals.adversaryTokensGenerated +
    totals.writerTokensGenerated +
    totals.judgeTokensGenerated
  );
}

/** The counts above zero, without the time. @param prefix put before each name */
export function spentCounts(totals: Totals, prefix = ''): Readonly<Record<string, number>> {
  return Object.fromEntries(
    spendingNames.flatMap((name) =>
      name === 'seconds' || totals[name] === 0 ? [] : [[`${prefix}${name}`, totals[name]]],
    ),
  );
}

export function spentSince(after: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): Totals {
  return totalsOf((name) => (after[name] ?? 0) - (before[name] ?? 0));
}

/** The work of a speaker at one request. */
export interface SpokenWork {
  readonly replies: number;
  readonly tokensRead: number;
  readonly tokensGenerated: number;
}

export type SpeakerRole = 'target' | 'adversary' | 'writer';

/** Counts what a speaker of this role does. */
export function countSpeaker(spending: Spending, role: SpeakerRole): (work: SpokenWork) => void {
  const replies = role === 'adversary' ? 'adversaryUtterances' : (`${role}Replies` as const);
  return (work) => {
    spending.add({
      [replies]: work.replies,
      [`${role}TokensRead`]: work.tokensRead,
      [`${role}TokensGenerated`]: work.tokensGenerated,
    });
  };
}

function totalsOf(value: (name: SpendingName) => number): Totals {
  return Object.fromEntries(spendingNames.map((name) => [name, value(name)])) as Totals; // Every name of the list.
}
