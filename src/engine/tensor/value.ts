/** The vocabulary of graphs as data: values, the nodes that compute them, the trace that records both, and what an op
 *  must say about itself. Types only. */
import type { Dim, Shape } from './dimension.js';
import type { DType, TensorData } from './dtype.js';

/** A tensor that will exist when the graph runs. Immutable; belongs to one trace. */
export interface Value {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly origin: Origin;
  readonly trace: Trace;
}

export type Origin =
  /** Fed at every run. */
  | { readonly kind: 'input'; readonly name: string }
  /** A weight, bound to a store when the graph is compiled. */
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'constant'; readonly data: TensorData }
  | { readonly kind: 'result'; readonly node: Node; readonly index: number };

/** One application of an op. */
export interface Node {
  readonly id: number;
  readonly op: OpDefinition;
  readonly attributes: Attributes;
  /** Operands, then (for ops that need symbolic sizes at run time) the values those sizes are read from. */
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
}

/** JSON data. */
export type Attributes = Readonly<Record<string, AttributeValue>>;
export type AttributeValue = number | string | boolean | null | readonly (number | string)[];

/** Records the nodes of one computation. */
export interface Trace {
  /** A tensor fed at every run. Its plain symbolic dimensions become known to the trace. */
  input(name: string, dtype: DType, shape: Shape): Value;
  /** An f32 weight of fixed shape. The same name and shape give the same value. */
  parameter(name: string, shape: readonly number[]): Value;
  constant(dtype: DType, shape: readonly number[], data: readonly (number | bigint | boolean)[] | TensorData): Value;
  /** Applies an op; the same op on the same inputs gives the same values. For builder functions. */
  emit(op: OpDefinition, inputs: readonly Value[], attributes: Attributes): readonly Value[];
  /** The input from which a plain symbolic size is read when the graph runs. @throws ShapeError when no input has it.
   */
  sizeSource(symbol: string): Value;
}

/** Inference sees this of a value. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** One entry of the op table. */
export interface OpDefinition<A extends Attributes = Attributes> {
  readonly name: string;
  /** Types of the outputs. @throws ShapeError naming the op, what it expected and what it got. */
  infer(inputs: readonly TensorType[], attributes: A): readonly TensorType[];
  /** Adds ONNX nodes that compute the outputs; returns their ONNX names, one per output. */
  lower(onnx: Lowering, node: Node & { readonly attributes: A }): readonly string[];
  /** Reverse-mode rule, or why there is none. */
  readonly vjp: VjpRule<A> | NoVjp;
  /** The operand that is a weight matrix of a plain product x·W, if this node is one: it may be lowered to int8. */
  weightOf?(node: Node & { readonly attributes: A }): WeightOperand | null;
}

export interface WeightOperand {
  readonly value: Value;
  /** Whether it is [N, K], the transpose of what the product takes. */
  readonly isTransposed: boolean;
}

export interface NoVjp {
  readonly none: string;
}

/** Contributions (one or several) to the gradients of the inputs, in order; null or absent where nothing flows. */
export type VjpRule<A extends Attributes = Attributes> = {
  rule(call: VjpCall<A>): readonly (Contribution | readonly Contribution[] | null)[];
}['rule'];

export interface VjpCall<A extends Attributes = Attributes> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: A;
  /** Gradient of the loss in the first output, shaped as it. Further outputs are by-products through which no gradient
   *  flows. */
  readonly gradient: Value;
}

/** A gradient shaped as the primal, rows to be added at `ids` of a [V, C] primal, or the gradient of a stretch of one
 *  axis. */
export type Contribution = Value | SparseRows | Stretch;

/** The gradient of elements from `start` on along an axis; elsewhere it is zero. */
export interface Stretch {
  readonly kind: 'stretch';
  readonly axis: number;
  readonly start: Dim;
  readonly value: Value;
}

export interface SparseRows {
  readonly kind: 'rows';
  /** i64 [N] */
  readonly ids: Value;
  /** f32 [N, C] */
  readonly rows: Value;
}

/** A finished computation; see graph.ts. */
export interface Graph {
  /** Fed at every run. */
  readonly inputs: readonly NamedValue[];
  /** Weights, f32, of fixed shape. */
  readonly parameters: readonly NamedValue[];
  readonly constants: readonly Value[];
  /** Operands before their users. */
  readonly nodes: readonly Node[];
  readonly outputs: readonly NamedValue[];
}

export interface NamedValue {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly value: Value;
}

/** The graph runs on one of these: fused kernels exist on some providers only. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string };

/** A lowering rule may ask this of the ONNX writer. */
export interface Lowering {
  readonly provider: Provider;
  /** The ONNX name of a value that is already lowered. */
  name(value: Value): string;
  /** Whether any node or graph output reads the value. */
  isUsed(value: Value): boolean;
  /** Adds a node with one output and returns the name of the output. An empty input name means an absent optional
   *  input. */
  node(type: string, inputs: readonly string[], options?: LoweredNode): string;
  /** Adds a node with several outputs; `false` leaves an optional output out (its name is ''). */
  nodes(type: string, inputs: readonly string[], outputs: readonly boolean[], options?: LoweredNode): readonly string[];
  constant(dtype: DType, shape: readonly number[], data: readonly number[]): string;
  /** Names of a weight matrix in int8: u8 [K, N] with zero point 128, and f32 [N], the worth of one step per column.
   *  Returns null for one in f32. */
  int8(value: Value): { readonly data: string; readonly steps: string } | null;
  /** The name that `make` gives, made once for a key. */
  shared(key: string, make: () => string): string;
  /** An i64 vector of the given sizes; symbols are read from the shapes of `sources`. */
  sizes(dims: readonly Dim[], sources: readonly Value[]): string;
}

export interface LoweredNode {
  readonly domain?: '' | 'com.microsoft';
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}
