/** How much work the attack `ctb` is, counted before it runs. */
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { onlineWork } from '../online/work.js';
import type { CtbOptions } from './options.js';

export function ctbWork(options: CtbOptions, facts: AttackLengths): Work {
  return onlineWork({ ...options, pairing: 'all', demonstrated: null }, facts);
}
