/** The part that all trainers share: one dynamic graph for forward, loss and gradients; gradients accumulated over
 *  microbatches; one AdamW step; and the whole state (weights, moments, step) on disk and back, bit for bit. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Architecture, ParameterSpec } from '../../engine/models/family.js';
import { saveAdapter } from '../../engine/models/adapters/adapter.js';
import { type LanguageModel, saveLanguageModel, trainedPart } from '../../engine/models/languageModel.js';
import { languageModelParameters, traceParameters } from '../../engine/models/parameters.js';
import {
  type AdamwConfig,
  createAdamwState,
  releaseAdamwState,
  stepAdamw,
  type StepResult,
} from '../../engine/optim/adamw.js';
import type { Program, TensorStore } from '../../engine/runtime/device.js';
import type { HostTensor } from '../../engine/runtime/hostTensor.js';
import { differentiate } from '../../engine/tensor/differentiate.js';
import { finishGraph, type Graph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { loadTrainerState, saveTrainerState, type StoredWeights } from './trainerState.js';

/** A trainer's graph computes this. */
export interface LossGraph {
  /** Scalar. The sum over microbatches must be the batch's loss: normalise by the whole batch. */
  readonly loss: Value;
  /** Further outputs, for logs. */
  readonly outputs: Readonly<Record<string, Value>>;
}

export type LossBuilder = (trace: Trace, architecture: Architecture) => LossGraph;

export interface StepReport extends StepResult {
  /** Sum over the batch's microbatches. */
  readonly loss: number;
}

export interface WeightTrainer {
  /** Optimizer steps taken, over all sessions. */
  readonly step: () => number;
  /** One optimizer step from the microbatches of one batch, in order. Returns each microbatch's further outputs as
   *  well.
   *  @param refuses says of these outputs whether the batch is to teach nothing: its gradients then count as zero
   *  @throws ConfigError when the loss is no longer finite, EnvironmentError when a gradient is not; the weights are as
   *    before */
  readonly update: (
    microbatches: readonly Readonly<Record<string, HostTensor>>[],
    refuses?: (outputs: readonly Readonly<Record<string, HostTensor>>[]) => boolean,
  ) => Promise<{ readonly report: StepReport; readonly outputs: readonly Readonly<Record<string, HostTensor>>[] }>;
  /** Writes the whole state into an existing folder: `model/` in Hugging Face layout or `adapter/` in PEFT's, the
   *  optimizer beside it. */
  readonly save: (folder: string) => Promise<void>;
  /** Takes up a saved state. @throws FormatError when it is of another model */
  readonly load: (folder: string) => Promise<void>;
  /** Frees gradients, moments and the compiled graph; the model stays. */
  readonly release: () => Promise<void>;
}

/** A model as a trainer sees it. */
export interface TrainedModel extends StoredWeights {
  /** Those of `weights`: all of them are trained. */
  readonly parameters: readonly ParameterSpec[];
  /** Weights that the loss reads but no step changes: an adapter's base. They have no gradients and no moments. */
  readonly frozen?: readonly TensorStore[];
}

/** Trains all weights of the model, or its adapter alone where it has one, and the value head with them.
 *  @param model trainable: what is trained is fed, so that every update is seen by the next generation */
export function createWeightTrainer(
  model: LanguageModel,
  build: LossBuilder,
  config: AdamwConfig,
): Promise<WeightTrainer> {
  return createTrainer(trainedModelOf(model), (trace) => build(trace, model.architecture), config);
}

/** A language model as its trainers see it: all weights, or its adapter alone. */
export function trainedModelOf(model: LanguageModel): TrainedModel {
  const { device, adapter, valueHead } = model;
  const part = { ...trainedPart(model), device, heads: valueHead?.parameters.map(({ name }) => name) ?? [] };
  return adapter === null
    ? { ...part, part: 'model', save: (folder) => saveLanguageModel(model, folder) }
    : {
        ...part,
        part: 'adapter',
        save: (folder) => saveAdapter(device, adapter, folder),
        frozen: [model.weights],
      };
}

/** The trainer of a model of any kind. */
export async function createTrainer(
  model: TrainedModel,
  build: (trace: Trace) => LossGraph,
  config: AdamwConfig,
): Promise<WeightTrainer> {
  const { device, parameters, weights, frozen = [] } = model;
  const store = [weights, ...frozen];
  // Compiled when first needed: an attack speaks before it trains, and a large graph takes seconds.
  let compiled: Promise<Program> | null = null;
  const program = (): Promise<Program> => (compiled ??= device.compile(gradientGraph(parameters, build), { store }));
  const state = await createAdamwState(device, weights);
  return {
    step: () => state.stepsDone,
    update: async (microbatches, refuses = () => false) => {
      const outputs = [];
      let loss = 0;
      for (const feeds of microbatches) {
        const result = await device.accumulate(await program(), feeds, state.gradients);
        loss += scalarOf(result, 'loss');
        outputs.push(result);
      }
      if (refuses(outputs)) {
        await device.fill(state.gradients, 0);
        loss = 0;
      }
      if (!Number.isFinite(loss)) {
        await device.fill(state.gradients, 0);
        throw diverged(loss, state.stepsDone + 1);
      }
      return { report: { loss, ...(await stepAdamw(device, config, weights, state)) }, outputs };
    },
    save: (folder) => saveTrainerState(folder, model, state),
    load: (folder) => loadTrainerState(folder, model, state),
    release: async () => {
      if (compiled !== null) await device.release(await compiled);
      await releaseAdamwState(device, state);
    },
  };
}

/** Forward, loss and gradients in one graph, with outputs named as `Device.accumulate` reads them. */
export function trainingGraph(architecture: Architecture, build: LossBuilder): Graph {
  return gradientGraph(languageModelParameters(architecture), (trace) => build(trace, architecture));
}

export function gradientGraph(specs: readonly ParameterSpec[], build: (trace: Trace) => LossGraph): Graph {
  const trace = createTrace();
  const { loss, outputs } = build(trace);
  const parameters = traceParameters(specs, trace);
  const gradients = differentiate(loss, [...parameters.values()]);
  const named: Record<string, Value> = { loss, ...outputs };
  for (const [name, parameter] of parameters) {
    const gradient = present(gradients.get(parameter), `${name} has a gradient`);
    if (gradient.dense !== null) named[`grad:${name}`] = gradient.dense;
    gradient.rows.forEach(({ ids, rows }, i) => {
      named[`rows:${name}:${String(i)}:ids`] = ids;
      named[`rows:${name}:${String(i)}:rows`] = rows;
    });
  }
  return finishGraph(trace, named);
}

export function scalarOf(outputs: Readonly<Record<string, HostTensor>>, name: string): number {
  return Number(present(outputs[name]?.data[0], `the graph gives ${name}`));
}

/** The error of a loss that is no longer finite. */
export function diverged(loss: number, step: number): ConfigError {
  return new ConfigError('training diverged', {
    where: `step ${String(step)}`,
    expected: 'a finite loss',
    got: String(loss),
    remedy: 'Lower learningRate, raise warmupSteps, or set maxGradientNorm.',
  });
}
