/** A value head: a scalar per token on the last hidden state of a language model, for training by PPO alone. Its
 *  parameters lie in the store that is trained (the model's own, or its adapter's), so that one optimizer steps all;
 *  saved models leave them out. A new head says 0 everywhere. */
import { present } from '../../base/invariant.js';
import { linear } from '../nn/linear.js';
import { uniform, zeros } from '../nn/init.js';
import { relu, reshape } from '../tensor/ops/all.js';
import type { Value } from '../tensor/value.js';
import type { Architecture, ParameterSpec } from './family.js';
import { traceParameters } from './parameters.js';

/** A linear map, as in TRL ≤ 0.11, or a layer of twice the width and a ReLU before it, as in trlx. */
export const valueHeadKinds = ['linear', 'mlp'] as const;
export type ValueHeadKind = (typeof valueHeadKinds)[number];

export interface ValueHead {
  readonly kind: ValueHeadKind;
  readonly parameters: readonly ParameterSpec[];
}

export function valueHeadOf({ config: { width } }: Pick<Architecture, 'config'>, kind: ValueHeadKind): ValueHead {
  const inner = kind === 'mlp' ? 2 * width : width;
  return {
    kind,
    parameters: [
      ...(kind === 'mlp'
        ? [
            { name: 'value_head.inner.weight', shape: [inner, width], initial: uniform(1 / Math.sqrt(width)) },
            { name: 'value_head.inner.bias', shape: [inner], initial: zeros },
          ]
        : []),
      { name: 'value_head.weight', shape: [1, inner], initial: zeros },
      { name: 'value_head.bias', shape: [1], initial: zeros },
    ],
  };
}

/** @param hidden_NC states after the final norm, f32 [N, C]
 *  @returns the value of each, f32 [N]; the weights become parameters of the trace */
export function traceValues({ kind, parameters }: ValueHead, hidden_NC: Value): Value {
  const weights = traceParameters(parameters, hidden_NC.trace);
  const weight = (name: string): Value => present(weights.get(name), `the head has ${name}`);
  const map = (x_NI: Value, name: string): Value =>
    linear(x_NI, weight(`${name}.weight`), weight(`${name}.bias`), 'outIn');
  const inner_NI = kind === 'mlp' ? relu(map(hidden_NC, 'value_head.inner')) : hidden_NC;
  return reshape(map(inner_NI, 'value_head'), ['N']);
}
