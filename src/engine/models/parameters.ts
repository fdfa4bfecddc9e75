/** Parameters by name: as values of a trace, and the complete list of a model with its head. */
import { present } from '../../base/invariant.js';
import { linear, type WeightLayout } from '../nn/linear.js';
import type { Trace, Value } from '../tensor/value.js';
import type { Architecture, ParameterSpec } from './family.js';

/** The parameters of a model in one trace. */
export interface ParameterReader {
  readonly weight: (name: string) => Value;
  /** The linear map called `name`, with its bias where the model lists one.
   *  @param x_NI token rows, [N, in]
   *  @returns [N, out] */
  readonly linear: (x_NI: Value, name: string, layout: WeightLayout) => Value;
}

export function parameterReader(trace: Trace, specs: readonly ParameterSpec[]): ParameterReader {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const weight = (name: string): Value => trace.parameter(name, present(byName.get(name), `${name} is a parameter of the model`).shape);
  return {
    weight,
    linear: (x_NI, name, layout) => linear(x_NI, weight(`${name}.weight`), byName.has(`${name}.bias`) ? weight(`${name}.bias`) : null, layout),
  };
}

/** All parameters of a causal language model; a tied head is counted once. */
export function languageModelParameters({ config, body, head }: Architecture): readonly ParameterSpec[] {
  return config.tiedHead ? body : [...body, head];
}

/** All parameters of the model as values of a trace, by name: what a trainer differentiates with respect to. */
export function traceParameters(specs: readonly ParameterSpec[], trace: Trace): ReadonlyMap<string, Value> {
  return new Map(specs.map(({ name, shape }) => [name, trace.parameter(name, shape)]));
}
