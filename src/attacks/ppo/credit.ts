/** From the rewards of a rollout to what each token is worth: penalties, the score where the settings place it, generalised
 *  advantages over whole dialogues, whitening. */
import { invariant, present } from '../../base/invariant.js';
import type { RolloutNode, RolloutTree } from '../../dialogue/types.js';
import {
  generalisedAdvantages,
  klPenalties,
  type ScorePlacement,
  tokenRewards,
  whiten,
} from '../../learning/formulas/advantages.js';
import type { DrawnCompletion, PolicyReading, PpoSample } from '../../learning/trainers/ppo.js';
import type { DrawnUtterance } from '../online/utterances.js';
import type { PpoOptions } from './options.js';
import type { PpoSettings } from './settings.js';

/** An utterance that the policy is to read: where the score comes one position later, the position after its end has a
 *  value as well. In TRL an array is as long as its longest utterance, which has no such position.
 *  @param longest tokens of the longest utterance of the rollout */
export function toRead(
  { prefix, completion }: Pick<DrawnUtterance, 'prefix' | 'completion'>,
  score: ScorePlacement,
  longest: number,
): DrawnCompletion {
  return { prefix, completion, afterEnd: score === 'afterEnd' && completion.length < longest };
}

/** An utterance with the policy's reading of it when it was drawn. */
export interface ReadUtterance extends DrawnCompletion, Pick<DrawnUtterance, 'reference' | 'score'> {
  readonly old: PolicyReading;
}

/** Returns the samples of all utterances, by node. An utterance and what the dialogue goes on with are one trajectory;
 *  where a part of it has no reward the trajectory ends before that part.
 *  @param read utterances that earned a reward */
export function creditRollout(
  trees: readonly RolloutTree[],
  read: ReadonlyMap<RolloutNode, ReadUtterance>,
  settings: Pick<PpoSettings, 'penalty' | 'score'>,
  options: Pick<PpoOptions, 'whitenRewards' | 'gamma' | 'lambda'>,
): ReadonlyMap<RolloutNode, PpoSample> {
  const nodes = [...read.keys()];
  const plain = nodes.map((node) => rewardsOf(present(read.get(node), 'an utterance of each node'), settings));
  const rewards = byNode(nodes, options.whitenRewards ? whiten(plain, 'mean') : plain);
  const advantages = new Map<RolloutNode, readonly number[]>();
  /** Returns value and advantage of the first position; null for an utterance that earned no reward. */
  const credit = (node: RolloutNode): { readonly value: number; readonly advantage: number } | null => {
    invariant(node.children.length <= 1, 'a dialogue goes on in one way');
    const [child] = node.children;
    const next = child === undefined ? null : credit(child);
    const own = read.get(node);
    if (own === undefined) return null;
    const made = generalisedAdvantages(
      { rewards: present(rewards.get(node), 'rewards of each node'), values: own.old.values, next },
      options,
    );
    advantages.set(node, made);
    return {
      value: present(own.old.values[0], 'an utterance has a token'),
      advantage: present(made[0], 'an utterance has a token'),
    };
  };
  for (const { roots } of trees) roots.forEach(credit);
  const raw = nodes.map((node) => present(advantages.get(node), 'advantages of each node'));
  const ofTokens = raw.map((list, i) => list.slice(0, read.get(present(nodes[i], 'a node'))?.completion.length));
  const whitened = whiten(ofTokens, 'nothing');
  return byNode(
    nodes,
    nodes.map((node, i): PpoSample => {
      const { prefix, completion, afterEnd, old } = present(read.get(node), 'an utterance of each node');
      const returns = present(raw[i], 'advantages of each node').map(
        (advantage, t) => advantage + present(old.values[t], 'a value for each position'),
      );
      return { prefix, completion, afterEnd, old, returns, advantages: present(whitened[i], 'advantages') };
    }),
  );
}

function rewardsOf(
  { old, reference, score, afterEnd }: ReadUtterance,
  settings: Pick<PpoSettings, 'penalty' | 'score'>,
): readonly number[] {
  const placement = settings.score === 'afterEnd' && !afterEnd ? 'atLast' : settings.score;
  return tokenRewards(klPenalties(old.logProbs, reference, settings.penalty), score, placement);
}

function byNode<T>(nodes: readonly RolloutNode[], values: readonly T[]): ReadonlyMap<RolloutNode, T> {
  return new Map(nodes.map((node, i) => [node, present(values[i], 'a value for each node')]));
}
