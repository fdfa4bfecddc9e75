/** How much work the attack `ppo` is, counted before it runs. */
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { onlineWork } from '../online/work.js';
import type { PpoOptions } from './options.js';

export function ppoWork({ batchSize, ...options }: PpoOptions, facts: AttackLengths): Work {
  return onlineWork(
    {
      ...options,
      candidates: 1,
      branch: 1,
      batches: 'trees',
      batchPairs: batchSize,
      pairing: 'none',
      demonstrated: null,
      readsAgain: true,
    },
    facts,
  );
}
