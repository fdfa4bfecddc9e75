/** Trains a sequence classifier on soft labels: cross-entropy between wanted and predicted class probabilities. */
import { present } from '../src/base/invariant.js';
import { traceParameters } from '../src/engine/models/parameters.js';
import { classifierParameters, traceClassLogits, type SequenceClassifier } from '../src/engine/models/sequenceClassifier.js';
import { packTexts } from '../src/engine/models/textBatch.js';
import { createAdamwState, releaseAdamwState, stepAdamw, type AdamwConfig } from '../src/engine/optim/adamw.js';
import { f32Tensor } from '../src/engine/runtime/hostTensor.js';
import { differentiate } from '../src/engine/tensor/differentiate.js';
import { finishGraph, type Graph } from '../src/engine/tensor/graph.js';
import { logSumExp, mul, neg, reduceSum, sub } from '../src/engine/tensor/ops/all.js';
import { createTrace } from '../src/engine/tensor/trace.js';
import type { Value } from '../src/engine/tensor/value.js';

export interface ClassifierTrainer {
  /** One AdamW step. @param texts ids and wanted class probabilities. @returns mean cross-entropy, nats */
  readonly train: (texts: readonly { readonly ids: readonly number[]; readonly wanted: readonly number[] }[]) => Promise<number>;
  readonly release: () => Promise<void>;
}

export async function createClassifierTrainer(model: SequenceClassifier, config: AdamwConfig): Promise<ClassifierTrainer> {
  const { device, weights } = model;
  const program = await device.compile(trainingGraph(model), { store: weights });
  const state = await createAdamwState(device, weights);
  return {
    train: async (texts) => {
      const { base } = model.architecture;
      const feeds = packTexts(texts.map(({ ids }) => ids), base, base.classifier.pooling);
      const shares = texts.flatMap(({ wanted: row }) => row.map((share) => share / texts.length));
      const wanted = f32Tensor([texts.length, model.labels.length], Float32Array.from(shares));
      const { loss } = await device.accumulate(program, { ...feeds, wanted }, state.gradients);
      await stepAdamw(device, config, weights, state);
      return Number(present(loss?.data[0], 'the graph gives the loss'));
    },
    release: async () => {
      await device.release(program);
      await releaseAdamwState(device, state);
    },
  };
}

/** inputs  ids, positions i64 [B, T] · rows i64 [B] · wanted f32 [B, labels], divided by the number of texts
 *  output  loss [] and the gradients, as Device.accumulate reads them */
function trainingGraph(model: SequenceClassifier): Graph {
  const trace = createTrace();
  const logits_NL = traceClassLogits(model.architecture, trace);
  const wanted_NL = trace.input('wanted', 'f32', ['B', model.labels.length]);
  // Σ wanted·(logit − logsumexp): the second term needs each text's weight, the sum of its row.
  const picked = reduceSum(mul(wanted_NL, logits_NL), [0, 1]);
  const normaliser = reduceSum(mul(reduceSum(wanted_NL, [1]), logSumExp(logits_NL)), [0]);
  const loss = neg(sub(picked, normaliser));
  const parameters = traceParameters(classifierParameters(model.architecture), trace);
  const gradients = differentiate(loss, [...parameters.values()]);
  const outputs: Record<string, Value> = { loss };
  for (const [name, parameter] of parameters) {
    const gradient = present(gradients.get(parameter), `${name} has a gradient`);
    if (gradient.dense !== null) outputs[`grad:${name}`] = gradient.dense;
    gradient.rows.forEach(({ ids, rows }, i) => {
      outputs[`rows:${name}:${i}:ids`] = ids;
      outputs[`rows:${name}:${i}:rows`] = rows;
    });
  }
  return finishGraph(trace, outputs);
}
