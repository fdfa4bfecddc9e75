/** How much work the attack `ipo` is, counted before it runs. */
import type { Work } from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import { onlineWork } from '../online/work.js';
import type { IpoOptions } from './options.js';

export function ipoWork(options: IpoOptions, facts: AttackLengths): Work {
  return onlineWork({ ...options, pairing: 'extremes', demonstrated: options.weakSupervision }, facts);
}
