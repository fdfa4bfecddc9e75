/** The part that all trainers of a language model share: one dynamic graph for forward, loss and gradients; gradients accumulated over
 *  microbatches; one AdamW step; and the whole state (weights, moments, step) on disk and back, bit for bit. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Architecture } from '../../engine/models/family.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { languageModelParameters, traceParameters } from '../../engine/models/parameters.js';
import type { Device } from '../../engine/runtime/device.js';
import type { HostTensor } from '../../engine/runtime/hostTensor.js';
import type { StoreEntry } from '../../engine/runtime/tensorStore.js';
import { differentiate } from '../../engine/tensor/differentiate.js';
import { finishGraph, type Graph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { learningRateAt, type OptimizerOptions } from './optimizerOptions.js';
import { loadTrainerState, saveTrainerState, type TrainerStores } from './trainerState.js';

/** What a trainer's graph computes. */
export interface LossGraph {
  /** Scalar. The sum over microbatches must be the batch's loss: normalise by the whole batch. */
  readonly loss: Value;
  /** Further outputs, for logs. */
  readonly outputs: Readonly<Record<string, Value>>;
}

export type LossBuilder = (trace: Trace, architecture: Architecture) => LossGraph;

export interface StepReport {
  /** Sum over the batch's microbatches. */
  readonly loss: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly learningRate: number;
}

export interface WeightTrainer {
  /** Optimizer steps taken, over all sittings. */
  readonly step: () => number;
  /** One optimizer step from the microbatches of one batch, in order. Returns each microbatch's further outputs as well.
   *  @throws ConfigError when the loss is no longer finite, EnvironmentError when a gradient is not; the weights are as before */
  readonly update: (microbatches: readonly Readonly<Record<string, HostTensor>>[]) => Promise<{ readonly report: StepReport; readonly outputs: readonly Readonly<Record<string, HostTensor>>[] }>;
  /** Writes the whole state into an existing folder: `model/` in Hugging Face layout, the optimizer beside it. */
  readonly save: (folder: string) => Promise<void>;
  /** Takes up a saved state. @throws FormatError when it is of another model */
  readonly load: (folder: string) => Promise<void>;
  /** Frees gradients, moments and the compiled graph; the model stays. */
  readonly release: () => Promise<void>;
}

/** @param model trainable: its weights are fed, so that every update is seen by the next generation */
export async function createWeightTrainer(model: LanguageModel, build: LossBuilder, options: OptimizerOptions): Promise<WeightTrainer> {
  const { device } = model;
  const specs = languageModelParameters(model.architecture);
  const program = await device.compile(trainingGraph(model.architecture, build), { store: model.weights });
  const stores = await createStores(device, specs, model);
  const decayed = new Set(specs.filter(({ shape }) => shape.length >= 2).map(({ name }) => name));
  let step = 0;
  return {
    step: () => step,
    update: async (microbatches) => {
      const outputs = [];
      let loss = 0;
      for (const feeds of microbatches) {
        const result = await device.accumulate(program, feeds, stores.gradients);
        loss += scalarOf(result, 'loss');
        outputs.push(result);
      }
      if (!Number.isFinite(loss)) {
        await device.fill(stores.gradients, 0);
        throw diverged(loss, step + 1);
      }
      const learningRate = learningRateAt(step + 1, options);
      const { gradientNorm } = await device.adamw({
        parameters: model.weights,
        gradients: stores.gradients,
        firstMoment: stores.firstMoment,
        secondMoment: stores.secondMoment,
        step: step + 1,
        learningRate,
        beta1: options.beta1,
        beta2: options.beta2,
        epsilon: options.epsilon,
        weightDecay: options.weightDecay,
        decayed,
        maxGradientNorm: options.maxGradientNorm,
        gradientScale: 1,
      });
      step++;
      return { report: { loss, gradientNorm, learningRate }, outputs };
    },
    save: (folder) => saveTrainerState(folder, model, stores, step),
    load: async (folder) => {
      step = await loadTrainerState(folder, model, stores);
    },
    release: async () => {
      await device.release(program);
      for (const store of [stores.gradients, stores.firstMoment, stores.secondMoment]) await device.release(store);
    },
  };
}

/** Forward, loss and gradients in one graph, with outputs named as `Device.accumulate` reads them. */
export function trainingGraph(architecture: Architecture, build: LossBuilder): Graph {
  const trace = createTrace();
  const { loss, outputs } = build(trace, architecture);
  const parameters = traceParameters(languageModelParameters(architecture), trace);
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

async function createStores(device: Device, specs: readonly StoreEntry[], model: LanguageModel): Promise<TrainerStores> {
  const entries = specs.map(({ name, shape }) => ({ name, shape }));
  return {
    weights: model.weights,
    gradients: await device.createStore(entries, { beside: model.weights }),
    firstMoment: await device.createStore(entries, { beside: model.weights }),
    secondMoment: await device.createStore(entries, { beside: model.weights }),
  };
}

export function scalarOf(outputs: Readonly<Record<string, HostTensor>>, name: string): number {
  return Number(present(outputs[name]?.data[0], `the graph gives ${name}`));
}

function diverged(loss: number, step: number): ConfigError {
  return new ConfigError('training diverged', {
    where: `step ${String(step)}`,
    expected: 'a finite loss',
    got: String(loss),
    remedy: 'Lower learningRate, raise warmupSteps, or set maxGradientNorm.',
  });
}
