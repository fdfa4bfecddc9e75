/** The few operations that formulas need, abstract over the kind of a quantity: a number in a test, a node of a graph in
 *  training. A formula that is written once over `Arithmetic<V>` is the same formula in both places. */

export interface Arithmetic<V> {
  readonly add: (a: V, b: V) => V;
  readonly sub: (a: V, b: V) => V;
  readonly mul: (a: V, b: V) => V;
  /** a · factor, where the factor is a plain number, known when the graph is traced. */
  readonly scale: (a: V, factor: number) => V;
  /** a + offset. */
  readonly shift: (a: V, offset: number) => V;
  readonly exp: (a: V) => V;
  readonly log: (a: V) => V;
  readonly abs: (a: V) => V;
  /** min(a, limit), elementwise. */
  readonly atMost: (a: V, limit: number) => V;
  /** The larger of both, elementwise; at a tie, half of the gradient goes to each. */
  readonly max: (a: V, b: V) => V;
  /** min(max(a, low), high), elementwise. */
  readonly clip: (a: V, low: number, high: number) => V;
}

/** Returns log σ(x), stable on both sides: min(x, 0) − log(1 + exp(−|x|)). */
export function logSigmoid<V>(m: Arithmetic<V>, x: V): V {
  return m.sub(m.atMost(x, 0), m.log(m.shift(m.exp(m.scale(m.abs(x), -1)), 1)));
}
