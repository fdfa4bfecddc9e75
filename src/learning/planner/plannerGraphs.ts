/** The cloned network of a planner and the map from its actions to soft tokens, as traced operations. */
import type { ParameterSpec } from '../../engine/models/family.js';
import { normal, uniform, zeros } from '../../engine/nn/init.js';
import { type Mlp, mlpParameters, traceMlp } from '../../engine/nn/mlp.js';
import { add, div, expand, matmul, reshape, sub } from '../../engine/tensor/ops/all.js';
import type { Dim } from '../../engine/tensor/dimension.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { type PlannerSettings, stateWidth } from './plannerSettings.js';

export const raiseNames = { weight: 'raise.weight', bias: 'raise.bias' } as const;
export const cloneStatistics = { mean: 'clone.stateMean', scale: 'clone.stateScale' } as const;
/** The largest number of an action that the clone gave on what it has learnt from, [1]. */
export const largestName = 'clone.largestAction';

/** The network differs from that of the released code in its last layer, which no SiLU follows: actions of both signs can
 *  be cloned, as those that are explored around them are. */
function clonedNetwork(settings: PlannerSettings): Mlp {
  return {
    prefix: 'clone',
    widths: [stateWidth(settings), ...settings.hidden, settings.actionWidth],
    activation: 'silu',
    output: { kind: 'linear' },
  };
}

/** The parameters of the map. A new one makes tokens about as long as those of the model's table.
 *  @param tokenScale root mean square of the table's numbers */
export function raiseParameters(
  { mapping, actionWidth, tokens, width }: PlannerSettings,
  tokenScale: number,
): readonly ParameterSpec[] {
  if (mapping === 'pca') return [{ name: raiseNames.weight, shape: [actionWidth, width], initial: zeros }];
  return [
    {
      name: raiseNames.weight,
      shape: [actionWidth, tokens * width],
      initial: uniform(tokenScale * Math.sqrt(3 / actionWidth)),
    },
    { name: raiseNames.bias, shape: [tokens * width], initial: normal(tokenScale) },
  ];
}

/** Those that self-cloning trains: principal directions stay as they are. */
export function clonedParameters(settings: PlannerSettings, tokenScale: number): readonly ParameterSpec[] {
  const network = mlpParameters(clonedNetwork(settings));
  return settings.mapping === 'pca' ? network : [...network, ...raiseParameters(settings, tokenScale)];
}

/** @param states_BS f32 [B, S], as they come
 *  @returns actions f32 [B, D] */
export function traceCloned(states_BS: Value, settings: PlannerSettings): Value {
  const width = [stateWidth(settings)];
  const { trace } = states_BS;
  const mean = trace.parameter(cloneStatistics.mean, width);
  const scale = trace.parameter(cloneStatistics.scale, width);
  return traceMlp(clonedNetwork(settings), div(sub(states_BS, mean), scale));
}

/** @param actions_BD f32 [B, D]
 *  @returns rows of soft tokens f32 [B · tokens, C], those of an action one behind the other */
export function traceRaise(actions_BD: Value, settings: PlannerSettings): Value {
  const { mapping, actionWidth, tokens, width } = settings;
  const { trace } = actions_BD;
  const rows = [actions_BD.shape[0] as Dim];
  if (mapping === 'pca') {
    const directions = trace.parameter(raiseNames.weight, [actionWidth, width]);
    const one = reshape(matmul(actions_BD, directions), [...rows, 1, width]);
    return reshape(expand(one, [...rows, tokens, width]), [`${String(tokens)}*B`, width]);
  }
  const weight = trace.parameter(raiseNames.weight, [actionWidth, tokens * width]);
  const bias = trace.parameter(raiseNames.bias, [tokens * width]);
  return reshape(add(matmul(actions_BD, weight), bias), [`${String(tokens)}*B`, width]);
}

/** The rows that the states of a batch call for.
 *  @returns f32 [B · tokens, C] */
export function traceClonedRows(trace: Trace, settings: PlannerSettings): Value {
  return traceRaise(traceCloned(trace.input('states', 'f32', ['B', stateWidth(settings)]), settings), settings);
}
