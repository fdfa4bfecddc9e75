/** The traits that online preference attacks have in common. */
import type { BrokenRule } from '../../base/brokenRule.js';
import type { AttackTraits } from '../attack.js';
import type { OnlineOptions } from './options.js';

/** The part that does not depend on options: all of them train the recipe's adversary against its judge, and need no more
 *  of the target than its replies. */
export const onlineAttack = {
  kind: 'policy',
  needs: ['text'],
  product: 'model',
  adversary: 'trains',
  trainsOnJudge: true,
} as const;

type TraitOptions = Pick<
  OnlineOptions,
  'reward' | 'targetTexts' | 'from' | 'horizon' | 'devEvery' | 'diversity' | 'curiosity'
>;

/** Returns the traits of options, of an attack that learns from no texts and has no rules of its own. */
export function onlineTraits({
  reward,
  targetTexts,
  from,
  horizon,
  devEvery,
  diversity,
  curiosity,
}: TraitOptions): AttackTraits {
  const encoder = curiosity !== null && curiosity.meaning > 0 ? curiosity.encoder : null;
  const readsTarget = diversity !== null || (curiosity !== null && curiosity.meaning > 0 && encoder === null);
  return {
    reward,
    targetTexts,
    startsFrom: from,
    horizon,
    prompts: [{ set: 'train' }, ...(devEvery > 0 ? [{ set: 'dev', because: `devEvery ${devEvery}` } as const] : [])],
    texts: null,
    ...(encoder === null ? {} : { models: [{ key: 'curiosity.encoder', model: encoder }] }),
    ...(readsTarget ? { alsoNeeds: ['weights'] } : {}),
    broken: [],
  };
}

/** A rollout goes on after as many siblings as there are. */
export function branchRules({
  branch,
  candidates,
}: Pick<OnlineOptions, 'branch' | 'candidates'>): readonly BrokenRule[] {
  return branch <= candidates
    ? []
    : [{ path: ['branch'], message: `must not exceed candidates (${candidates})`, remedy: null }];
}
