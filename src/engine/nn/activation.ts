/** Activation functions by their names in config.json. */
import { ConfigError } from '../../base/errors.js';
import { gelu, geluTanh, relu, silu } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';

export type Activation = (x: Value) => Value;

/** Names as in transformers' ACT2FN; several name one function. */
const activations = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
  relu,
  silu,
  swish: silu,
} as const satisfies Record<string, Activation>;

/** @throws ConfigError with the list of known names */
export function activationNamed(name: string, where: string): Activation {
  const known: Readonly<Record<string, Activation>> = activations;
  const activation = Object.hasOwn(known, name) ? known[name] : undefined;
  if (activation === undefined) {
    throw new ConfigError('Unknown activation function', {
      where,
      expected: `one of ${Object.keys(activations).join(', ')}`,
      got: name,
    });
  }
  return activation;
}
