/** Online preference learning in the loop: pairs of siblings, one pass over them per epoch. What pairs are made and which
 *  loss they train is the attack's. */
import { present } from '../../base/invariant.js';
import { type CollectedPairs, demonstrationCounts } from '../../dialogue/pairs.js';
import type { PreferencePair, RolloutTree } from '../../dialogue/types.js';
import type { PreferenceOptions, PreferenceTrainer } from '../../learning/trainers/preference.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import type { Reference } from '../reference.js';
import { type BatchOptions, passBatches } from './batches.js';
import type { OnlineMethod } from './loop.js';

/** The part that each online preference attack does in its own way. */
export interface PreferenceMethod extends Pick<PreferenceLoop, 'draw'> {
  readonly trainer: Partial<PreferenceOptions>;
  readonly pairs: (trees: readonly RolloutTree[]) => CollectedPairs;
  /** Returns the training pair of each pair, null for one that teaches nothing. */
  readonly data: (reference: Reference, pairs: readonly PreferencePair[]) => Promise<readonly (TrainingPair | null)[]>;
}

type PreferenceLoop = OnlineMethod<readonly TrainingPair[], PreferenceTrainer>;

export function preferenceMethod(
  options: BatchOptions,
  { trainer, draw, pairs: pairsOf, data: dataOf }: PreferenceMethod,
): PreferenceLoop {
  return {
    memory: {},
    open: (trainers) => trainers.preference(trainer),
    draw,
    collect: (trees, given) => {
      const collected = pairsOf(trees);
      const pairs = [...collected.pairs, ...given];
      return { pairs, metrics: pairMetrics(collected, pairs) };
    },
    lessons: async ({ pairs }, { context, times, order }) => {
      const data = await times.during('reference', () => dataOf(context.reference, pairs));
      const taught = pairs.flatMap((pair, i) => {
        const own = data[i] ?? null;
        return own === null ? [] : [{ ...pair, data: own }];
      });
      return {
        batches: passBatches(taught, options, order).map((batch) =>
          batch.map((i) => present(taught[i], 'a training pair for each index').data),
        ),
        metrics: taught.length === pairs.length ? {} : { 'pairs/disfluent': pairs.length - taught.length },
        memory: {},
      };
    },
  };
}

/** Counts of what was left out, and of winners that were given rather than earned. */
function pairMetrics(collected: CollectedPairs, pairs: readonly PreferencePair[]): Readonly<Record<string, number>> {
  const { demonstrations, winnerHasLowerReward } = demonstrationCounts(pairs);
  const gaps = collected.pairs.map(({ chosenReward, rejectedReward }) => (chosenReward ?? 0) - (rejectedReward ?? 0));
  return {
    'pairs/kept': collected.pairs.length,
    'pairs/ties': collected.ties,
    'pairs/narrow': collected.narrow,
    'pairs/unscored': collected.unscored,
    'pairs/teaching': demonstrations,
    ...(pairs.length === 0 ? {} : { 'pairs/teachingFraction': demonstrations / pairs.length }),
    ...(demonstrations === 0 ? {} : { 'pairs/teachingContradictsReward': winnerHasLowerReward / demonstrations }),
    ...(gaps.length === 0 ? {} : { 'pairs/gap': gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length }),
  };
}
