/** Activation functions by their names in config.json. */
import { ConfigError } from '../../base/errors.js';
import { add, div, exp, geluTanh, less, maximum, mul, neg, silu, sub, abs, where } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';

export type Activation = (x: Value) => Value;

const relu: Activation = (x) => maximum(x, 0);

/** x Φ(x), the GELU with the error function, here by the rational approximation of Abramowitz and Stegun 7.1.26 (absolute error of
 *  erf below 1.5e-7, the rounding of float32): with z = |x|/√2 and t = 1/(1 + pz), Φ(−|x|) = ½ (a₁t + … + a₅t⁵) exp(−z²). */
const gelu: Activation = (x) => {
  const z = mul(abs(x), Math.SQRT1_2);
  const t = div(1, add(mul(z, 0.3275911), 1));
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const polynomial = coefficients.reduce<Value | null>((sum, a) => mul(sum === null ? t.trace.constant('f32', [], [a]) : add(sum, a), t), null);
  const tail = mul(mul(polynomial ?? t, 0.5), exp(neg(mul(z, z))));
  return mul(x, where(less(x, 0), tail, sub(1, tail)));
};

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
    throw new ConfigError('Unknown activation function', { where, expected: `one of ${Object.keys(activations).join(', ')}`, got: name });
  }
  return activation;
}
