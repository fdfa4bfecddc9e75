/** For tests: gradients as the outputs of a graph. */
import { invariant } from '../../../base/invariant.js';
import type { Gradient } from '../differentiate.js';
import type { Value } from '../value.js';

/** Graph outputs under the names that a runtime accumulates: `grad:NAME` for the dense part, `rows:NAME:i:ids` and
 *  `rows:NAME:i:rows` for the i-th sparse part of the parameter NAME. */
export function gradientOutputs(gradients: ReadonlyMap<Value, Gradient>): Record<string, Value> {
  const outputs: Record<string, Value> = {};
  for (const [value, { dense, rows }] of gradients) {
    invariant(
      value.origin.kind === 'parameter' || value.origin.kind === 'input',
      'gradient outputs are of named values',
    );
    const { name } = value.origin;
    if (dense !== null) outputs[`grad:${name}`] = dense;
    rows.forEach((part, index) => {
      outputs[`rows:${name}:${String(index)}:ids`] = part.ids;
      outputs[`rows:${name}:${String(index)}:rows`] = part.rows;
    });
  }
  return outputs;
}
