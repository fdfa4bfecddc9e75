/** TD3+BC: an actor and its critics learn from a fixed buffer of transitions.
 *
 *  Step t = 1, 2, …: the critics step at y = r + alive · γ · min(Q₁', Q₂')(s', smoothed π'(s')); at every `delay`th the
 *  actor steps at −λQ₁ + the squared distance from the buffer's actions, with the critics just updated, and all targets
 *  follow. Batches and noise are the caller's (drawTransitions.ts), so that (weights, targets, moments, step) is the
 *  whole state.
 *
 *  Source: Fujimoto & Gu, arXiv 2106.06860; CORL's td3_bc.py, of which it is the update. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { readJsonObject } from '../../base/json.js';
import { readAs, requireVersion } from '../../base/readAs.js';
import { initialiseWeights } from '../../engine/models/weights.js';
import { mlpParameters } from '../../engine/nn/mlp.js';
import {
  type AdamwState,
  createAdamwState,
  defaultAdamw,
  releaseAdamwState,
  stepAdamw,
} from '../../engine/optim/adamw.js';
import type { Device, Program, TensorStore } from '../../engine/runtime/device.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import { readTensors, saveTensors, type StorePart } from '../trainers/storedTensors.js';
import { gradientGraph, scalarOf } from '../trainers/weightTrainer.js';
import { type Actor, actorParts, createActor } from './actor.js';
import type { ActionSpace } from './actionSpace.js';
import type { Transitions } from './replayBuffer.js';
import type { StateStatistics } from './stateStatistics.js';
import {
  actorNetwork,
  criticParameters,
  traceActorLoss,
  traceCriticLoss,
  traceTarget,
  type NetworkShape,
  type Td3Shapes,
  type UpdateRule,
} from './td3bcGraphs.js';

export interface Td3BcOptions extends UpdateRule {
  readonly space: ActionSpace;
  readonly actor: NetworkShape;
  readonly critic: NetworkShape;
  readonly twin: boolean;
  /** False: the reward alone is the target of the critics, as of a bandit with one step. */
  readonly bootstrap: boolean;
  /** The share of the online weights in the targets' average. */
  readonly tau: number;
  /** Steps of the critics per step of the actor. */
  readonly delay: number;
  readonly actorRate: number;
  readonly criticRate: number;
}

/** CORL's values. */
const defaultTd3Bc: Td3BcOptions = {
  objective: 'td3bc',
  alpha: 2.5,
  gamma: 0.99,
  policyNoise: 0.2,
  noiseClip: 0.5,
  space: { kind: 'box', max: 1 },
  actor: { hidden: [256, 256], activation: 'relu' },
  critic: { hidden: [256, 256], activation: 'relu' },
  twin: true,
  bootstrap: true,
  tau: 0.005,
  delay: 2,
  actorRate: 3e-4,
  criticRate: 3e-4,
};

/** Transitions, and standard normal noise for the target's actions, [count, actionWidth]. */
export interface Td3Batch extends Transitions {
  readonly noise: Float32Array;
}

export interface Td3BcTrainer {
  /** Steps taken, over all sessions. */
  readonly step: () => number;
  /** The one that learns. */
  readonly actor: Actor;
  /** One step on one batch. Returns losses and mean Q by name; those of the actor at its steps only.
   *  @throws ConfigError when a loss is not finite, EnvironmentError when a gradient is not; the weights that it is of are
   *    as before */
  readonly train: (batch: Td3Batch) => Promise<Readonly<Record<string, number>>>;
  /** Writes the whole state into an existing folder. */
  readonly save: (folder: string) => Promise<void>;
  /** Takes up a saved state. @throws FormatError when it is of other networks */
  readonly load: (folder: string) => Promise<void>;
  /** Frees all but the actor. */
  readonly release: () => Promise<void>;
}

export interface Td3BcSetup {
  readonly stateWidth: number;
  readonly actionWidth: number;
  readonly statistics: StateStatistics;
  /** Draws the initial weights. */
  readonly seed: number;
}

const stateVersion = 1;
const stateSchema = z.object({ step: z.int().min(0) });
const fileNames = { state: 'td3bc.json', tensors: 'td3bc.safetensors' } as const;

export async function createTd3BcTrainer(
  device: Device,
  { stateWidth, actionWidth, statistics, seed }: Td3BcSetup,
  options: Partial<Td3BcOptions> = {},
): Promise<Td3BcTrainer> {
  const all = { ...defaultTd3Bc, ...options };
  const { objective, delay, tau } = all;
  const shapes: Td3Shapes = {
    actor: { ...all.actor, stateWidth, actionWidth, space: all.space },
    critic: all.critic,
    twin: all.twin,
  };
  const actor = await createActor(device, shapes.actor, statistics, seed);
  const critics = objective === 'bc' ? null : await createCritics(device, shapes, all, actor, seed);
  const actorStep = await createStep(device, {
    parameters: mlpParameters(actorNetwork(shapes.actor)),
    weights: actor.weights,
    frozen: [actor.statistics, ...(critics === null ? [] : [critics.step.weights])],
    build: (trace) => traceActorLoss(trace, shapes, all),
    learningRate: all.actorRate,
  });
  let done = 0;

  const parts = (): readonly StorePart[] => [
    ...actorParts(actor),
    ...momentParts(actorStep.state, 'actor'),
    ...(critics === null
      ? []
      : [{ store: critics.step.weights, prefix: '' }, ...momentParts(critics.step.state, 'critics')]),
    ...(critics?.targets == null ? [] : [{ store: critics.targets.weights, prefix: 'target.' }]),
  ];

  return {
    step: () => done,
    actor,
    train: async (batch) => {
      const feeds = feedsOf(batch, stateWidth, actionWidth);
      const at = done + 1;
      const values: Record<string, number> = {};
      if (critics !== null) {
        const targets = await targetsOf(device, critics.targets, feeds);
        const outputs = await critics.step.take({ ...feeds, targets }, at, 'critic');
        Object.assign(values, { 'loss/critic': scalarOf(outputs, 'loss'), q: scalarOf(outputs, 'q') });
      }
      if (at % delay === 0) {
        const outputs = await actorStep.take(feeds, at, 'actor');
        Object.assign(values, {
          'loss/actor': scalarOf(outputs, 'loss'),
          'distance/actions': scalarOf(outputs, 'distance'),
        });
        if (critics !== null && critics.targets !== null) {
          await device.average(critics.step.weights, critics.targets.weights, tau);
          await device.average(actor.weights, critics.targets.weights, tau);
        }
      }
      done = at;
      return values;
    },
    save: async (folder) => {
      await saveTensors(join(folder, fileNames.tensors), device, parts());
      const state = { schema: stateVersion, step: done };
      await writeFile(join(folder, fileNames.state), `${JSON.stringify(state, null, 2)}\n`);
    },
    load: async (folder) => {
      const path = join(folder, fileNames.state);
      const value = readJsonObject(path);
      requireVersion(value, stateVersion, 'state of a TD3+BC trainer', path);
      const { step } = readAs(stateSchema, value, path);
      await readTensors(join(folder, fileNames.tensors), device, parts());
      done = step;
      actorStep.state.stepsDone = Math.floor(step / delay);
      if (critics !== null) critics.step.state.stepsDone = step;
    },
    release: async () => {
      await actorStep.release();
      await critics?.step.release();
      if (critics !== null) await device.release(critics.step.weights);
      if (critics !== null && critics.targets !== null) {
        await device.release(critics.targets.program);
        await device.release(critics.targets.weights);
      }
    },
  };
}

interface TargetNetworks {
  readonly program: Program;
  /** Those of actor and critics. */
  readonly weights: TensorStore;
}

interface Critics {
  readonly step: OptimizedLoss;
  /** Absent (null) where nothing is bootstrapped. */
  readonly targets: TargetNetworks | null;
}

async function createCritics(
  device: Device,
  shapes: Td3Shapes,
  options: Td3BcOptions,
  actor: Actor,
  seed: number,
): Promise<Critics> {
  const parameters = criticParameters(shapes);
  const weights = await initialiseWeights(device, parameters, seed);
  const step = await createStep(device, {
    parameters,
    weights,
    frozen: [actor.statistics],
    build: (trace) => traceCriticLoss(trace, shapes),
    learningRate: options.criticRate,
  });
  if (!options.bootstrap) return { step, targets: null };
  const targets = await device.createStore([...mlpParameters(actorNetwork(shapes.actor)), ...parameters], {
    beside: weights,
  });
  await device.copy(actor.weights, targets);
  await device.copy(weights, targets);
  const trace = createTrace();
  const graph = finishGraph(trace, { targets: traceTarget(trace, shapes, options) });
  return {
    step,
    targets: { program: await device.compile(graph, { store: [targets, actor.statistics] }), weights: targets },
  };
}

/** y of every transition: the reward alone where nothing is bootstrapped. */
async function targetsOf(device: Device, targets: TargetNetworks | null, feeds: Feeds): Promise<HostTensor> {
  if (targets === null) return feeds.rewards;
  const { nextStates, rewards, alive, noise } = feeds;
  const outputs = await device.run(targets.program, { nextStates, rewards, alive, noise });
  return present(outputs['targets'], 'the graph gives targets');
}

interface LossSetup {
  readonly parameters: ReturnType<typeof mlpParameters>;
  readonly weights: TensorStore;
  /** Stores that the loss reads and no step changes. */
  readonly frozen: readonly TensorStore[];
  readonly build: Parameters<typeof gradientGraph>[1];
  readonly learningRate: number;
}

/** A loss with the optimizer of its weights. */
interface OptimizedLoss {
  readonly weights: TensorStore;
  readonly state: AdamwState;
  readonly take: (
    feeds: Readonly<Record<string, HostTensor>>,
    step: number,
    what: string,
  ) => Promise<Readonly<Record<string, HostTensor>>>;
  /** Frees the graph and the optimizer; the weights stay. */
  readonly release: () => Promise<void>;
}

async function createStep(
  device: Device,
  { parameters, weights, frozen, build, learningRate }: LossSetup,
): Promise<OptimizedLoss> {
  const program = await device.compile(gradientGraph(parameters, build), { store: [weights, ...frozen] });
  const state = await createAdamwState(device, weights);
  const wanted = new Set(program.inputs.map(({ name }) => name));
  return {
    weights,
    state,
    take: async (feeds, step, what) => {
      const read = Object.fromEntries(Object.entries(feeds).filter(([name]) => wanted.has(name)));
      const outputs = await device.accumulate(program, read, state.gradients);
      const loss = scalarOf(outputs, 'loss');
      if (!Number.isFinite(loss)) {
        await device.fill(state.gradients, 0);
        throw new ConfigError(`the loss of the ${what} is not finite`, {
          where: `step ${String(step)}`,
          got: String(loss),
          remedy: 'Lower the learning rates, or look at the rewards of the buffer.',
        });
      }
      await stepAdamw(device, { ...defaultAdamw, learningRate, maxGradientNorm: null }, weights, state);
      return outputs;
    },
    release: async () => {
      await device.release(program);
      await releaseAdamwState(device, state);
    },
  };
}

function momentParts({ firstMoment, secondMoment }: AdamwState, of: string): readonly StorePart[] {
  return [
    { store: firstMoment, prefix: `${of}.firstMoment.` },
    { store: secondMoment, prefix: `${of}.secondMoment.` },
  ];
}

type Feeds = Readonly<Record<Exclude<keyof Td3Batch, 'count'>, HostTensor>>;

function feedsOf(batch: Td3Batch, stateWidth: number, actionWidth: number): Feeds {
  const { count } = batch;
  return {
    states: f32Tensor([count, stateWidth], batch.states),
    actions: f32Tensor([count, actionWidth], batch.actions),
    rewards: f32Tensor([count], batch.rewards),
    nextStates: f32Tensor([count, stateWidth], batch.nextStates),
    alive: f32Tensor([count], batch.alive),
    noise: f32Tensor([count, actionWidth], batch.noise),
  };
}
