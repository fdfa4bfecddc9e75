/** How often a piece of work is done in one process, the same on every side: bench/peers/peer.py has the same rule. */
import { systemClock, type Clock } from '../src/base/clock.js';
import { present } from '../src/base/invariant.js';
import { spreadOf } from './spread.js';
import type { Repeat } from './types.js';

export async function medianSeconds(
  call: () => Promise<unknown>,
  { uncounted, counted, seconds }: Repeat,
  clock: Clock = systemClock,
): Promise<number> {
  for (let i = 0; i < uncounted; i++) await call();
  const taken: number[] = [];
  let sum = 0;
  while (taken.length < counted && sum < seconds) {
    const start = clock.monotonicMs();
    await call();
    const each = (clock.monotonicMs() - start) / 1000;
    taken.push(each);
    sum += each;
  }
  return present(spreadOf(taken), 'at least one call counts').median;
}

/** In words, for notes. */
export function repeatNote({ uncounted, counted, seconds }: Repeat): string {
  return `A process: ${String(uncounted)} call(s) uncounted, then the median of ${String(counted)}, fewer once they took ${String(seconds)} s.`;
}
