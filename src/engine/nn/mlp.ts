/** Small networks as traced operations: affine maps with an activation between them. Their parameters are named as those
 *  of torch's nn.Sequential of nn.Linear, counted by layer (`PREFIX.0.weight`), and lie in whatever store the graph is
 *  compiled with, so that one may stand beside a language model in one training graph. */
import { ConfigError } from '../../base/errors.js';
import { unreachable } from '../../base/invariant.js';
import { div, mul, reduceSum, relu, silu, sqrt, tanh } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import { uniform, type Initial } from './init.js';
import { linear } from './linear.js';

export const mlpActivations = ['relu', 'silu', 'tanh'] as const;
export type MlpActivation = (typeof mlpActivations)[number];

export type MlpOutput =
  | { readonly kind: 'linear' }
  /** The activation follows the last layer too. */
  | { readonly kind: 'activated' }
  /** Every coordinate in [−max, max]. */
  | { readonly kind: 'tanh'; readonly max: number }
  /** Rows of this length. */
  | { readonly kind: 'sphere'; readonly radius: number };

export interface Mlp {
  /** The names of the parameters begin with it. */
  readonly prefix: string;
  /** Width of the input, of each hidden layer, of the output. */
  readonly widths: readonly [number, ...number[], number];
  readonly activation: MlpActivation;
  readonly output: MlpOutput;
}

interface MlpParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Initial;
}

/** The parameters, in order. A new network begins as torch's nn.Linear: weights and biases uniform within 1/√inputs.
 *  @throws ConfigError when a width is not a positive integer */
export function mlpParameters({ prefix, widths }: Mlp): readonly MlpParameter[] {
  if (!widths.every((width) => Number.isInteger(width) && width > 0))
    throw new ConfigError('not widths of a network', {
      where: prefix,
      expected: 'integers > 0',
      got: widths.join(', '),
    });
  return layersOf(widths).flatMap(([inputs, outputs], layer) => {
    const initial = uniform(1 / Math.sqrt(inputs));
    return [
      { name: `${prefix}.${String(layer)}.weight`, shape: [outputs, inputs], initial },
      { name: `${prefix}.${String(layer)}.bias`, shape: [outputs], initial },
    ];
  });
}

/** @param x_NI rows, f32 [N, widths[0]]
 *  @returns f32 [N, last width]; the weights become parameters of the trace */
export function traceMlp({ prefix, widths, activation, output }: Mlp, x_NI: Value): Value {
  const layers = layersOf(widths);
  return layers.reduce((x, [inputs, outputs], layer) => {
    const name = `${prefix}.${String(layer)}`;
    const weight = x.trace.parameter(`${name}.weight`, [outputs, inputs]);
    const y = linear(x, weight, x.trace.parameter(`${name}.bias`, [outputs]), 'outIn');
    return layer < layers.length - 1 ? activate(y, activation) : traceOutput(y, output, activation);
  }, x_NI);
}

function layersOf(widths: readonly number[]): readonly (readonly [inputs: number, outputs: number])[] {
  return widths.slice(1).map((outputs, layer) => [widths[layer] ?? 0, outputs] as const);
}

function activate(x: Value, activation: MlpActivation): Value {
  switch (activation) {
    case 'relu':
      return relu(x);
    case 'silu':
      return silu(x);
    case 'tanh':
      return tanh(x);
    default:
      return unreachable(activation);
  }
}

function traceOutput(y_NO: Value, output: MlpOutput, activation: MlpActivation): Value {
  switch (output.kind) {
    case 'linear':
      return y_NO;
    case 'activated':
      return activate(y_NO, activation);
    case 'tanh':
      return mul(tanh(y_NO), output.max);
    case 'sphere':
      return traceSphere(y_NO, output.radius);
    default:
      return unreachable(output);
  }
}

/** Every row scaled to the given length. A row of zeros has no direction: it comes out as NaN, which trainers refuse.
 *  @param x_NO f32 [N, O] */
export function traceSphere(x_NO: Value, radius: number): Value {
  return mul(div(x_NO, sqrt(reduceSum(mul(x_NO, x_NO), [-1], { keepDims: true }))), radius);
}
