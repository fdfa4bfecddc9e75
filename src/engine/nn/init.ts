/** Initial weights by seed, distributed as transformers initialises them: normal(0, std) for matrices and embeddings,
 *  zeros for biases, ones for gains, uniform for adapters. The draws differ from PyTorch's; each parameter has its own
 *  stream, named after it, so adding a layer changes no other weight. */
import { unreachable } from '../../base/invariant.js';
import { openStream, streamKey } from '../../base/random.js';

export type Initial =
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' };

export const zeros: Initial = { kind: 'zeros' };
export const ones: Initial = { kind: 'ones' };

export function normal(std: number): Initial {
  return { kind: 'normal', std };
}

/** Evenly in [−bound, bound). */
export function uniform(bound: number): Initial {
  return { kind: 'uniform', bound };
}

/** The initial values of one parameter, `length` of them. */
export function initialValues(
  initial: Initial,
  length: number,
  options: { readonly seed: number; readonly name: string },
): Float32Array {
  switch (initial.kind) {
    case 'zeros':
      return new Float32Array(length);
    case 'ones':
      return new Float32Array(length).fill(1);
    case 'normal': {
      const stream = openStream(streamKey(options.seed, `initial weights of ${options.name}`));
      return Float32Array.from({ length }, () => initial.std * stream.normal());
    }
    case 'uniform': {
      const stream = openStream(streamKey(options.seed, `initial weights of ${options.name}`));
      return Float32Array.from({ length }, () => initial.bound * (2 * stream.uniform() - 1));
    }
    default:
      return unreachable(initial);
  }
}
