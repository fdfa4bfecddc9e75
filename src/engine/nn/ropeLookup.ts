/** Rotary tables inside a trace: constants, looked up by the position of each token. */
import { multiplyDims } from '../tensor/dimension.js';
import { gatherRows, reshape } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import type { RopeAngles } from './attention.js';
import { ropeTables, type RopeSettings } from './rope.js';

/** Cosines and sines of each token, f32 [B, T, d], d half of the channels that turn.
 *  @param positions_BT i64 [B, T], each below `positions` */
export function traceRope(
  positions_BT: Value,
  options: { readonly settings: RopeSettings; readonly headSize: number; readonly positions: number },
): RopeAngles {
  const { trace, shape } = positions_BT;
  const tables = ropeTables(options.settings, options.headSize, options.positions);
  const flat_N = reshape(positions_BT, [multiplyDims(...shape)]);
  const lookUp = (table: Float32Array): Value =>
    reshape(gatherRows(trace.constant('f32', [tables.positions, tables.width], table), flat_N), [
      ...shape,
      tables.width,
    ]);
  return { cos_BTd: lookUp(tables.cos), sin_BTd: lookUp(tables.sin) };
}
