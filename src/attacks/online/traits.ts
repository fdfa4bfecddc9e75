/** The traits that online preference attacks have in common. */
import type { BrokenRule } from '../../base/brokenRule.js';
import type { AttackTraits } from '../attack.js';
import type { OnlineOptions } from './options.js';

/** Sets of prompts that they cannot do without. */
export function onlinePrompts({ devEvery }: Pick<OnlineOptions, 'devEvery'>): AttackTraits['prompts'] {
  return [{ set: 'train' }, ...(devEvery > 0 ? [{ set: 'dev', because: `devEvery ${devEvery}` } as const] : [])];
}

export function branchRules({
  branch,
  candidates,
}: Pick<OnlineOptions, 'branch' | 'candidates'>): readonly BrokenRule[] {
  return branch <= candidates
    ? []
    : [{ path: ['branch'], message: `must not exceed candidates (${candidates})`, remedy: null }];
}
