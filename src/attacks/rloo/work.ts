/** How much work the attack `rloo` is, counted before it runs. */
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { onlineWork } from '../online/work.js';
import type { RlooOptions } from './options.js';

export function rlooWork({ batchSize, ...options }: RlooOptions, facts: AttackLengths): Work {
  return onlineWork(
    { ...options, batches: 'trees', batchPairs: batchSize, pairing: 'none', demonstrated: null },
    facts,
  );
}
