/** Parameters by name: as values of a trace, and the complete list of a model with its head. */
import { present } from '../../base/invariant.js';
import { linear, type WeightLayout } from '../nn/linear.js';
import { add } from '../tensor/ops/all.js';
import type { Trace, Value } from '../tensor/value.js';
import type { Architecture, ForwardInputs, ParameterSpec } from './family.js';

/** The parameters of a model in one trace. */
export interface ParameterReader {
  readonly weight: (name: string) => Value;
  /** The linear map called `name`, with its bias where the model lists one, and with what an adapter adds to it.
   *  @param x_NI token rows, [N, in]
   *  @returns [N, out] */
  readonly linear: (x_NI: Value, name: string, layout: WeightLayout) => Value;
}

/** @param inputs what the model was given: their trace, the adapter that it wears, and the scope of its names */
export function parameterReader(
  { ids_BT: { trace }, branch, scope = '' }: Pick<ForwardInputs, 'ids_BT' | 'branch' | 'scope'>,
  specs: readonly ParameterSpec[],
): ParameterReader {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const specOf = (name: string): ParameterSpec => present(byName.get(name), `${name} is a parameter of the model`);
  const weight = (name: string): Value => trace.parameter(scope + name, specOf(name).shape);
  return {
    weight,
    linear: (x_NI, name, layout) => {
      const y_NO = linear(
        x_NI,
        weight(`${name}.weight`),
        byName.has(`${name}.bias`) ? weight(`${name}.bias`) : null,
        layout,
      );
      const [first = 0, second = 0] = specOf(`${name}.weight`).shape;
      const sizes =
        layout === 'outIn' ? { inputs: second, outputs: first, layout } : { inputs: first, outputs: second, layout };
      const added_NO = branch?.(x_NI, name, sizes) ?? null;
      return added_NO === null ? y_NO : add(y_NO, added_NO);
    },
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

/** The table of token embeddings: the first parameter with a row per token, since tied heads are the table and others
 *  stand behind it. */
export function tokenTableOf({ body, config }: Pick<Architecture, 'body' | 'config'>): ParameterSpec {
  const table = body.find(({ shape }) => shape.length === 2 && shape[0] === config.vocabularySize);
  return present(table, 'a language model has a token table');
}
