/** Reverse-mode differentiation: appends the gradient of a scalar loss to the trace that computes it. Gradients of
 *  embedding tables and of the output head stay sparse where they are sparse: rows to be added at token ids. */
import { GadflyError, ShapeError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import { addDims, formatShape, sameShape, subtractDims, type Dim } from './dimension.js';
import { add } from './ops/arithmetic.js';
import { scatterAddRows } from './ops/gather.js';
import { concat, pad } from './ops/join.js';
import { at } from './shapeRules.js';
import type { Contribution, Node, SparseRows, Stretch, Value } from './value.js';

export interface Gradient {
  /** Shaped as the primal; null when the loss does not depend on it, or only through rows. */
  readonly dense: Value | null;
  /** To be added to `dense` at row ids[n]: rows[n]. */
  readonly rows: readonly { readonly ids: Value /* i64 [N] */; readonly rows: Value /* f32 [N, C] */ }[];
}

/** Gradients of `loss` in each of `wrt`.
 *  @param loss f32 scalar
 *  @param wrt parameters, or any f32 values the loss is computed from
 *  @throws ShapeError when the loss is not a scalar, GadflyError 'gradient' when it passes through an op that has none
 */
export function differentiate(loss: Value, wrt: readonly Value[]): ReadonlyMap<Value, Gradient> {
  if (loss.dtype !== 'f32' || loss.shape.length > 0) {
    throw new ShapeError('the loss is not a scalar', {
      where: 'differentiate',
      expected: 'f32 []',
      got: `${loss.dtype} ${formatShape(loss.shape)}`,
    });
  }
  const wanted = new Set(wrt);
  const pending = new Map<Value, Accumulated>([
    [loss, { ...nothingYet(), dense: loss.trace.constant('f32', [], [1]) }],
  ]);
  for (const node of nodesBetween(wanted, loss)) propagate(node, pending);
  return new Map(
    wrt.map((value) => {
      const sum = pending.get(value) ?? nothingYet();
      return [value, { dense: withStretches(value, sum), rows: sum.rows }];
    }),
  );
}

interface Accumulated {
  dense: Value | null;
  readonly rows: SparseRows[];
  readonly stretches: Stretch[];
}

const nothingYet = (): Accumulated => ({ dense: null, rows: [], stretches: [] });

/** Nodes through which the loss depends on wanted values, last first. */
function nodesBetween(wanted: ReadonlySet<Value>, loss: Value): readonly Node[] {
  const reached = new Map<number, Node>();
  const queue = [loss];
  for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
    if (value.origin.kind !== 'result' || reached.has(value.origin.node.id)) continue;
    reached.set(value.origin.node.id, value.origin.node);
    queue.push(...value.origin.node.inputs.filter(({ dtype }) => dtype === 'f32'));
  }
  // Inputs have smaller node ids than what is computed from them.
  const forward = [...reached.values()].sort((a, b) => a.id - b.id);
  const dependent = new Set(wanted);
  const between = forward.filter(({ inputs, outputs }) => {
    if (!inputs.some((input) => input.dtype === 'f32' && dependent.has(input))) return false;
    for (const output of outputs) dependent.add(output);
    return true;
  });
  return between.reverse();
}

function propagate({ op, inputs, outputs, attributes }: Node, pending: Map<Value, Accumulated>): void {
  const [first, ...others] = outputs.map((output) => densified(output, pending.get(output)));
  const refusal =
    typeof op.vjp !== 'function'
      ? op.vjp.none
      : others.some((each) => each !== null)
        ? 'the loss depends on a by-product of it'
        : null;
  if (refusal !== null && [first, ...others].some((each) => each !== null && each !== undefined)) {
    throw new GadflyError('gradient', `${op.name} has no gradient`, {
      where: 'differentiate',
      got: refusal,
      remedy: 'Pass its operands through stopGradient, or build it from other ops.',
    });
  }
  if (typeof op.vjp !== 'function' || first === null || first === undefined) return;
  op.vjp({ inputs, outputs, attributes, gradient: first }).forEach((contribution, index) => {
    for (const each of contributionsOf(contribution)) accumulate(op.name, at(inputs, index), each, pending);
  });
}

function contributionsOf(contribution: Contribution | readonly Contribution[] | null): readonly Contribution[] {
  if (contribution === null) return [];
  return Array.isArray(contribution) ? (contribution as readonly Contribution[]) : [contribution as Contribution];
}

function accumulate(op: string, primal: Value, contribution: Contribution, pending: Map<Value, Accumulated>): void {
  if (primal.dtype !== 'f32' || primal.origin.kind === 'constant') return;
  const sum = pending.get(primal) ?? nothingYet();
  pending.set(primal, sum);
  if ('kind' in contribution) {
    if (contribution.kind === 'rows') sum.rows.push(contribution);
    else sum.stretches.push(contribution);
    return;
  }
  invariant(
    sameShape(contribution.shape, primal.shape),
    `a gradient has its primal's shape (${op}: ${formatShape(contribution.shape)} for ${formatShape(primal.shape)})`,
  );
  sum.dense = sum.dense === null ? contribution : add(sum.dense, contribution);
}

/** Gradients that propagate further must be dense; those that a caller asked for may keep their rows. */
function densified(primal: Value, gradient: Accumulated | undefined): Value | null {
  if (gradient === undefined) return null;
  const scattered = gradient.rows.map(({ ids, rows }) => scatterAddRows(rows, ids, at(primal.shape, 0)));
  return sumOf([withStretches(primal, gradient), ...scattered]);
}

/** The dense part, stretches included: where stretches tile an axis they are joined, not padded and added. */
function withStretches(primal: Value, { dense, stretches }: Accumulated): Value | null {
  const rest = [...stretches];
  const summands: (Value | null)[] = [dense];
  for (let stretch = rest[0]; stretch !== undefined; stretch = rest[0]) {
    const tiles = tilesOf(primal, stretch.axis, rest);
    for (const used of tiles ?? [stretch]) rest.splice(rest.indexOf(used), 1);
    summands.push(
      tiles === null
        ? padded(primal, stretch)
        : concat(tiles.map(({ value }) => value) as [Value, ...Value[]], stretch.axis),
    );
  }
  return sumOf(summands);
}

/** Stretches that cover the whole axis, in order; null when they do not. */
function tilesOf(primal: Value, axis: number, stretches: readonly Stretch[]): readonly Stretch[] | null {
  const tiles: Stretch[] = [];
  let covered: Dim = 0;
  while (covered !== at(primal.shape, axis)) {
    const next = stretches.find((each) => each.axis === axis && each.start === covered && !tiles.includes(each));
    if (next === undefined) return null;
    tiles.push(next);
    covered = addDims(covered, at(next.value.shape, axis));
  }
  return tiles.length === 0 ? null : tiles;
}

function padded(primal: Value, { axis, start, value }: Stretch): Value {
  return pad(value, axis, start, subtractDims(at(primal.shape, axis), addDims(start, at(value.shape, axis))));
}

function sumOf(summands: readonly (Value | null)[]): Value | null {
  return summands.reduce((sum, each) => (sum === null ? each : each === null ? sum : add(sum, each)), null);
}
