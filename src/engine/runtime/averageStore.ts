/** Polyak's average of one store into another: target ← (1 − share) · target + share · source. */
import { ConfigError } from '../../base/errors.js';
import { kernelsOver } from './kernels.js';
import { matchedTensors, viewOf, type ResidentStore, type ResidentTensor } from './residentStore.js';

/** Averages every tensor; further tensors of the other store stay as they are. The order of rounding is torch's
 *  `share * source + (1 - share) * target` in single precision.
 *  @throws ShapeError unless the other store has tensors of the same names and shapes, ConfigError when `share` is
 *    outside [0, 1] */
export function averageStore(from: ResidentStore, to: ResidentStore, share: number): void {
  if (!(share >= 0 && share <= 1))
    throw new ConfigError('not a share of an average', { expected: 'a number from 0 to 1', got: String(share) });
  for (const [source, target] of matchedTensors(from, to)) {
    if (source.memory === target.memory)
      kernelsOver(target.memory).average(target.byteOffset, source.byteOffset, target.length, 1 - share, share);
    else averageApart(source, target, share);
    target.zero = false;
  }
}

/** The same bits where the tensors lie in different memories, which the kernel cannot see at once. */
function averageApart(source: ResidentTensor, target: ResidentTensor, share: number): void {
  const [kept, added] = [Math.fround(1 - share), Math.fround(share)];
  const into = viewOf(target);
  viewOf(source).forEach((value, i) => {
    into[i] = Math.fround(added * value) + Math.fround(kept * (into[i] ?? 0));
  });
}
