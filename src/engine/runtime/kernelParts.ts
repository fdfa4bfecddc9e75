/** Pieces that several kernels are made of. */
import { f64, f64x2, i32, type Code, type LocalNames } from './wasmAssembler.js';

/** Moves an address forward. */
export const advance = (local: LocalNames, name: string, bytes: number): Code =>
  local.set(name, i32.add(local.get(name), i32.const(bytes)));

/** Both lanes of an f64x2, added; keeps the vector in local `x`. */
export function sumLanes(vector: Code, local: LocalNames): Code {
  return [...local.set('x', vector), ...f64.add(f64x2.lane(local.get('x'), 0), f64x2.lane(local.get('x'), 1))];
}
