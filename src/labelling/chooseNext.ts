/** Chooses which item is labelled next, at random, and says with what probability it was drawn.
 *
 *  `random` draws uniformly. `active` draws from a mixture in which every item keeps a part of the uniform probability:
 *  a uniform part; a part over clusters, those with fewer labelled items more often, and within a cluster uniformly;
 *  and, once an ensemble was trained on the labels so far, a part in proportion to the disagreement of its members. So
 *  fewer labels do where most items are alike. The probability of each draw is kept with its label: what is estimated
 *  from labels that were chosen so can be weighted back to all items (S. Farquhar, Y. Gal, T. Rainforth, On statistical
 *  bias in active learning, ICLR 2021, eq. 9).
 *
 *  Cost: linear in the number of items; 10,000 take a millisecond or two. */
import { invariant, present } from '../base/invariant.js';
import type { RandomStream } from '../base/random.js';

export const choiceStrategies = ['active', 'random'] as const;
export type ChoiceStrategy = (typeof choiceStrategies)[number];

export interface LabellingItem {
  readonly id: string;
  /** Is null where items have no clusters. */
  readonly cluster: number | null;
}

export interface ChoiceQuestion {
  readonly strategy: ChoiceStrategy;
  /** Items that may be shown next. */
  readonly candidates: readonly LabellingItem[];
  /** Items that have a label by now, from anyone; those among the candidates (for a second label) included. */
  readonly labelled: readonly LabellingItem[];
  /** Disagreement of the ensemble so far, at least 0, by id; an item that is not in it counts as their mean. Null
   *  before there is an ensemble. */
  readonly disagreement: ReadonlyMap<string, number> | null;
}

export interface NextItem {
  readonly item: LabellingItem;
  /** Probability with which the item was drawn among these candidates, above 0. */
  readonly probability: number;
}

/** Share of the uniform part of an active choice: no item is less likely than this divided by the number of candidates. */
export const uniformShare = 0.2;

/** Returns null without candidates. */
export function chooseNext(question: ChoiceQuestion, stream: RandomStream): NextItem | null {
  const { candidates } = question;
  if (candidates.length === 0) return null;
  const probabilities = choiceProbabilities(question);
  const chosen = drawIndex(probabilities, stream.uniform());
  return {
    item: present(candidates[chosen], 'the draw is an index of the candidates'),
    probability: present(probabilities[chosen], 'each candidate has a probability'),
  };
}

/** Returns the probability of each candidate, in order: they sum to 1. */
export function choiceProbabilities({
  strategy,
  candidates,
  labelled,
  disagreement,
}: ChoiceQuestion): readonly number[] {
  const uniform = candidates.map(() => 1 / candidates.length);
  const parts =
    strategy === 'random'
      ? []
      : [
          byCluster(candidates, labelled),
          disagreement === null ? null : byDisagreement(candidates, disagreement),
        ].filter((part) => part !== null);
  if (parts.length === 0) return uniform;
  const share = (1 - uniformShare) / parts.length;
  return uniform.map((each, i) => uniformShare * each + share * parts.reduce((sum, part) => sum + (part[i] ?? 0), 0));
}

/** A cluster of which n items are labelled has weight 1 / (1 + n), which its candidates share. Returns null where no
 *  candidate has a cluster. */
function byCluster(candidates: readonly LabellingItem[], labelled: readonly LabellingItem[]): readonly number[] | null {
  if (candidates.every(({ cluster }) => cluster === null)) return null;
  const [open, seen] = [countByCluster(candidates), countByCluster(labelled)];
  return normalised(candidates.map(({ cluster }) => 1 / ((1 + (seen.get(cluster) ?? 0)) * (open.get(cluster) ?? 1))));
}

function countByCluster(items: readonly LabellingItem[]): ReadonlyMap<number | null, number> {
  const counts = new Map<number | null, number>();
  for (const { cluster } of items) counts.set(cluster, (counts.get(cluster) ?? 0) + 1);
  return counts;
}

/** Returns null where no candidate's disagreement is known, or the members agree on all. */
function byDisagreement(
  candidates: readonly LabellingItem[],
  disagreement: ReadonlyMap<string, number>,
): readonly number[] | null {
  const known = candidates.flatMap(({ id }) => disagreement.get(id) ?? []);
  invariant(
    known.every((value) => Number.isFinite(value) && value >= 0),
    'a disagreement is at least 0',
  );
  const total = known.reduce((sum, value) => sum + value, 0);
  return total === 0 ? null : normalised(candidates.map(({ id }) => disagreement.get(id) ?? total / known.length));
}

function normalised(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** @param uniform in [0, 1) */
function drawIndex(probabilities: readonly number[], uniform: number): number {
  let below = 0;
  const found = probabilities.findIndex((probability) => (below += probability) > uniform);
  // The sum may miss 1 by rounding.
  return found < 0 ? probabilities.length - 1 : found;
}
