/** Makes preference pairs of rollout trees: at each node the sibling with the highest reward against the one with the
 *  lowest, or every two siblings. Ties, narrow gaps and unscored siblings give no pair and are counted. */
import { present } from '../base/invariant.js';
import type { Dialogue, ExchangeScore, PreferencePair, RolloutNode, RolloutTree, Utterance } from './types.js';

export interface PairOptions {
  /** Pairs whose rewards differ by less are skipped; ≥ 0, default 0. Ties are always skipped. */
  readonly minGap?: number;
  /** The pairs of a node: its extremes (the default), or every two siblings, the better rewarded one as the winner. */
  readonly pairing?: 'extremes' | 'all';
}

export interface CollectedPairs {
  readonly pairs: readonly PreferencePair[];
  /** Pairs whose rewards are equal. */
  readonly ties: number;
  /** Pairs whose rewards differ, but by less than `minGap`. */
  readonly narrow: number;
  /** Nodes with fewer than two rewarded siblings: a judge or a likelihood was missing. */
  readonly unscored: number;
}

/** Returns the pairs of the trees in order, parents before children. */
export function pairsFromTrees(
  trees: readonly RolloutTree[],
  { minGap = 0, pairing = 'extremes' }: PairOptions = {},
): CollectedPairs {
  const pairs: PreferencePair[] = [];
  let [ties, narrow, unscored] = [0, 0, 0];
  const consider = (better: RolloutNode, worse: RolloutNode): void => {
    const gap = totalOf(better.score) - totalOf(worse.score);
    if (gap === 0) ties++;
    else if (gap < minGap) narrow++;
    else pairs.push(pairOf(better, worse));
  };
  const visit = (siblings: readonly RolloutNode[]): void => {
    if (siblings.length === 0) return;
    const rewarded = bestFirst(siblings.filter(({ score }) => score.reward !== null));
    const [best, worst] = [rewarded[0], rewarded.at(-1)];
    if (best === undefined || worst === undefined || rewarded.length < 2) unscored++;
    else if (pairing === 'extremes') consider(best, worst);
    else rewarded.forEach((better, i) => rewarded.slice(i + 1).forEach((worse) => consider(better, worse)));
    for (const { children } of siblings) visit(children);
  };
  for (const { roots } of trees) visit(roots);
  return { pairs, ties, narrow, unscored };
}

/** Sorts by reward, best first. Equal rewards keep their order; siblings without a reward stand in the middle, so that
 *  they are an extreme only when no other sibling is. */
export function bestFirst<T extends { readonly score: ExchangeScore }>(siblings: readonly T[]): readonly T[] {
  const rewarded = siblings
    .filter(({ score }) => score.reward !== null)
    .sort((a, b) => totalOf(b.score) - totalOf(a.score));
  const unrewarded = siblings.filter(({ score }) => score.reward === null);
  return rewarded.length === 0 ? unrewarded : [...rewarded.slice(0, 1), ...unrewarded, ...rewarded.slice(1)];
}

/** Counts demonstrations, whose winner is given and not earned, and how often they contradict the reward. */
export function demonstrationCounts(pairs: readonly PreferencePair[]): {
  readonly pairs: number;
  readonly demonstrations: number;
  readonly winnerHasLowerReward: number;
} {
  const demonstrations = pairs.filter((pair) => pair.isDemonstration);
  const contradicted = demonstrations.filter(
    ({ chosenReward, rejectedReward }) =>
      chosenReward !== null && rejectedReward !== null && chosenReward < rejectedReward,
  );
  return { pairs: pairs.length, demonstrations: demonstrations.length, winnerHasLowerReward: contradicted.length };
}

/** Splits a dialogue into the part before its last exchange and the adversary's utterance in that exchange. */
export function splitExchange(dialogue: Dialogue): { readonly before: Dialogue; readonly utterance: Utterance } {
  return {
    before: { prompt: dialogue.prompt, turns: dialogue.turns.slice(0, -2) },
    utterance: present(dialogue.turns.at(-2), 'a dialogue with an exchange'),
  };
}

function pairOf(best: RolloutNode, worst: RolloutNode): PreferencePair {
  const { before, utterance } = splitExchange(best.dialogue);
  return {
    dialogue: before,
    chosen: utterance,
    rejected: splitExchange(worst.dialogue).utterance,
    chosenReward: totalOf(best.score),
    rejectedReward: totalOf(worst.score),
    isDemonstration: false,
  };
}

function totalOf(score: ExchangeScore): number {
  return present(score.reward, 'a rewarded exchange').total;
}
