/** Parameters by name: as values of a trace, and the complete list of a model with its head. */
import { present } from '../../base/invariant.js';
import type { Trace, Value } from '../tensor/value.js';
import type { Architecture, ParameterSpec } from './family.js';

/** Reads parameters of a list into a trace. */
export function parameterReader(trace: Trace, specs: readonly ParameterSpec[]): (name: string) => Value {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  return (name) => trace.parameter(name, present(byName.get(name), `${name} is a parameter of the model`).shape);
}

/** All parameters of a causal language model; a tied head is counted once. */
export function languageModelParameters({ config, body, head }: Architecture): readonly ParameterSpec[] {
  return config.tiedHead ? body : [...body, head];
}

/** All parameters of the model as values of a trace, by name: what a trainer differentiates with respect to. */
export function traceParameters(specs: readonly ParameterSpec[], trace: Trace): ReadonlyMap<string, Value> {
  return new Map(specs.map(({ name, shape }) => [name, trace.parameter(name, shape)]));
}
