/** The graphs of TD3+BC: the target of the critics, their loss, and the actor's.
 *
 *  Source: Fujimoto & Gu, arXiv 2106.06860; CORL's td3_bc.py. Beyond both: actions on a sphere, Q alone, one step without
 *  a bootstrap, a single critic. */
import { unreachable } from '../../base/invariant.js';
import { type Mlp, type MlpActivation, mlpParameters, traceMlp } from '../../engine/nn/mlp.js';
import {
  abs,
  add,
  clip,
  concat,
  div,
  minimum,
  mul,
  neg,
  reduceMean,
  reshape,
  stopGradient,
  sub,
} from '../../engine/tensor/ops/all.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import type { LossGraph } from '../trainers/weightTrainer.js';
import { actorOutput, noiseUnit, traceProjection, type ActionSpace } from './actionSpace.js';

export interface NetworkShape {
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  readonly activation: MlpActivation;
}

export interface ActorShape extends NetworkShape {
  readonly stateWidth: number;
  readonly actionWidth: number;
  readonly space: ActionSpace;
}

/** An actor learns one of these: −λQ + the squared distance from the buffer's actions; that distance alone (α = 0); or −Q alone,
 *  which the released code of Dialogue Action Tokens does where it says α = 0. */
export const actorObjectives = ['td3bc', 'bc', 'q'] as const;
export type ActorObjective = (typeof actorObjectives)[number];

export interface UpdateRule {
  readonly objective: ActorObjective;
  /** λ is alpha / mean |Q|. For `td3bc`. */
  readonly alpha: number;
  readonly gamma: number;
  /** Deviation and bound of the noise on the target's actions, in units of the action space. */
  readonly policyNoise: number;
  readonly noiseClip: number;
}

export interface Td3Shapes {
  readonly actor: ActorShape;
  readonly critic: NetworkShape;
  /** Two critics, of whose targets the smaller counts. */
  readonly twin: boolean;
}

export function actorNetwork({ stateWidth, actionWidth, hidden, activation, space }: ActorShape): Mlp {
  return { prefix: 'actor', widths: [stateWidth, ...hidden, actionWidth], activation, output: actorOutput(space) };
}

function criticNetworks({ actor, critic, twin }: Td3Shapes): readonly [Mlp, ...Mlp[]] {
  const network = (index: number): Mlp => ({
    prefix: `critic${String(index)}`,
    widths: [actor.stateWidth + actor.actionWidth, ...critic.hidden, 1],
    activation: critic.activation,
    output: { kind: 'linear' },
  });
  return twin ? [network(1), network(2)] : [network(1)];
}

export const criticParameters = (shapes: Td3Shapes): ReturnType<typeof mlpParameters> =>
  criticNetworks(shapes).flatMap((network) => mlpParameters(network));

/** The names under which the statistics of states lie in a store. */
export const statisticsNames = { mean: 'states.mean', scale: 'states.scale' } as const;

/** (state − mean) / scale, both from a store beside the weights. */
function traceNormalised(trace: Trace, name: string, width: number): Value {
  const states_BS = trace.input(name, 'f32', ['B', width]);
  const mean_S = trace.parameter(statisticsNames.mean, [width]);
  return div(sub(states_BS, mean_S), trace.parameter(statisticsNames.scale, [width]));
}

/** inputs  states f32 [B, S]
 *  output  f32 [B, D] */
export function traceAction(trace: Trace, actor: ActorShape, name = 'states'): Value {
  return traceMlp(actorNetwork(actor), traceNormalised(trace, name, actor.stateWidth));
}

function traceValue(network: Mlp, states_BS: Value, actions_BD: Value): Value {
  return reshape(traceMlp(network, concat([states_BS, actions_BD], 1)), ['B']);
}

/** inputs  nextStates [B, S] · rewards, alive [B] · noise [B, D], standard normal
 *  output  r + alive · γ · the smaller Q of the targets at the smoothed action of the target actor, f32 [B] */
export function traceTarget(trace: Trace, shapes: Td3Shapes, rule: UpdateRule): Value {
  const { actor } = shapes;
  const unit = noiseUnit(actor.space, actor.actionWidth);
  const [deviation, bound] = [rule.policyNoise * unit, rule.noiseClip * unit];
  const noise_BD = clip(mul(trace.input('noise', 'f32', ['B', actor.actionWidth]), deviation), -bound, bound);
  const actions_BD = traceProjection(add(traceAction(trace, actor, 'nextStates'), noise_BD), actor.space);
  const states_BS = traceNormalised(trace, 'nextStates', actor.stateWidth);
  const [first, ...others] = criticNetworks(shapes);
  const least_B = others.reduce(
    (least, network) => minimum(least, traceValue(network, states_BS, actions_BD)),
    traceValue(first, states_BS, actions_BD),
  );
  const future_B = mul(mul(trace.input('alive', 'f32', ['B']), rule.gamma), least_B);
  return add(trace.input('rewards', 'f32', ['B']), future_B);
}

/** inputs  states [B, S] · actions [B, D] · targets [B]
 *  output  the sum of the critics' mean squared errors, and the mean Q of the first */
export function traceCriticLoss(trace: Trace, shapes: Td3Shapes): LossGraph {
  const states_BS = traceNormalised(trace, 'states', shapes.actor.stateWidth);
  const actions_BD = trace.input('actions', 'f32', ['B', shapes.actor.actionWidth]);
  const targets_B = trace.input('targets', 'f32', ['B']);
  const [first, ...others] = criticNetworks(shapes).map((network) => {
    const values_B = traceValue(network, states_BS, actions_BD);
    return { values_B, loss: meanSquare(sub(values_B, targets_B)) };
  }) as [CriticPart, ...CriticPart[]]; // as many as networks, of which there is one
  return {
    loss: others.reduce((sum, { loss }) => add(sum, loss), first.loss),
    outputs: { q: reduceMean(first.values_B, [0]) },
  };
}

interface CriticPart {
  readonly values_B: Value;
  readonly loss: Value;
}

/** inputs  states [B, S] · actions [B, D]
 *  output  the actor's loss; the first critic's weights are read, not trained */
export function traceActorLoss(trace: Trace, shapes: Td3Shapes, { objective, alpha }: UpdateRule): LossGraph {
  const actions_BD = traceAction(trace, shapes.actor);
  const distance = meanSquare(sub(actions_BD, trace.input('actions', 'f32', ['B', shapes.actor.actionWidth])));
  if (objective === 'bc') return { loss: distance, outputs: { distance } };
  const states_BS = traceNormalised(trace, 'states', shapes.actor.stateWidth);
  const values_B = traceValue(criticNetworks(shapes)[0], states_BS, actions_BD);
  const value = reduceMean(values_B, [0]);
  switch (objective) {
    case 'q':
      return { loss: neg(value), outputs: { distance } };
    case 'td3bc': {
      const weight = div(alpha, stopGradient(reduceMean(abs(values_B), [0])));
      return { loss: sub(distance, mul(weight, value)), outputs: { distance } };
    }
    default:
      return unreachable(objective);
  }
}

function meanSquare(x: Value): Value {
  return reduceMean(
    mul(x, x),
    x.shape.map((_, axis) => axis),
  );
}
