/** Self-cloning: network and map of a planner learn by cross-entropy to leave a frozen model as it is, on what it says by
 *  itself: with the planner's tokens in the context it is to say the same (Dialogue Action Tokens, arXiv 2406.11978,
 *  section 3.2). The state that the planner reads is the context's alone, and does not depend on what is learnt. */
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences } from '../../engine/models/packSequences.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import type { AdamwConfig } from '../../engine/optim/adamw.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { mul, neg, reduceSum } from '../../engine/tensor/ops/all.js';
import type { Trace } from '../../engine/tensor/value.js';
import { planMicrobatches } from '../trainers/microbatches.js';
import { saveTensors } from '../trainers/storedTensors.js';
import { tokenInputs } from '../trainers/tokenInputs.js';
import { createTrainer, type LossGraph, type WeightTrainer } from '../trainers/weightTrainer.js';
import { placeTokens, placingOf } from './placeTokens.js';
import type { Planner } from './planner.js';
import { clonedParameters, traceClonedRows } from './plannerGraphs.js';
import { type PlannerSettings, stateWidth } from './plannerSettings.js';
import type { Situation } from './states.js';
import { joinRows } from './steer.js';

/** An utterance of the frozen model, with its context and the state that the planner saw. */
export interface CloningExample {
  readonly situation: Situation;
  readonly state: Float32Array;
  readonly completion: readonly number[];
}

export interface SelfCloningTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** One optimizer step. The loss is the mean over all completion tokens of the batch, nats per token. */
  readonly train: (examples: readonly CloningExample[]) => Promise<Readonly<Record<string, number>>>;
}

/** Tokens, padding included, computed at once. */
const microbatchTokens = 1024;

/** @param model frozen */
export async function createSelfCloningTrainer(
  planner: Planner,
  model: LanguageModel,
  optimizer: AdamwConfig,
): Promise<SelfCloningTrainer> {
  const { settings, weights, fixed } = planner;
  const { device } = model;
  const trainer = await createTrainer(
    {
      device,
      weights,
      parameters: clonedParameters(settings, 1),
      frozen: [model.weights, fixed],
      part: 'weights.safetensors',
      save: (path) => saveTensors(path, device, [{ store: weights, prefix: '' }]),
    },
    (trace) => cloningLoss(trace, model, settings),
    optimizer,
  );
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: trainer.release,
    train: async (examples) => {
      const tokens = examples.reduce((sum, { completion }) => sum + completion.length, 0);
      const lengths = examples.map(({ situation, completion }) => situation.ids.length + completion.length);
      const plan = planMicrobatches(lengths, microbatchTokens);
      const microbatches = plan.map((members) =>
        cloningFeeds(
          members.map((i) => present(examples[i], 'an example')),
          { model, settings, batchTokens: tokens },
        ),
      );
      const { report } = await trainer.update(microbatches);
      return { loss: report.loss, learning_rate: report.learningRate, grad_norm: report.gradientNorm };
    },
  };
}

/** inputs  states f32 [B, S] · ids, positions i64 [B, T] · rows, targets i64 [N] · tokenWeights f32 [N] (1 / completion
 *          tokens of the whole batch)
 *  output  loss [], nats per token */
function cloningLoss(trace: Trace, { architecture }: LanguageModel, settings: PlannerSettings): LossGraph {
  const logProbs_N = traceTokenLogProbs(architecture, {
    ...tokenInputs(trace, 'causal'),
    soft_SC: traceClonedRows(trace, settings),
  });
  return { loss: neg(reduceSum(mul(logProbs_N, trace.input('tokenWeights', 'f32', ['N'])), [0])), outputs: {} };
}

function cloningFeeds(
  examples: readonly CloningExample[],
  {
    model,
    settings,
    batchTokens,
  }: { readonly model: LanguageModel; readonly settings: PlannerSettings; readonly batchTokens: number },
): Readonly<Record<string, HostTensor>> {
  const placing = placingOf(settings, model);
  const packed = packSequences(
    examples.map(({ situation, completion }, row) => ({ prefix: placeTokens(situation, row, placing), completion })),
    model.vocabularySize,
  );
  const states = joinRows(examples.map(({ state }) => state));
  const count = packed.rows_N.data.length;
  return {
    states: f32Tensor([examples.length, stateWidth(settings)], states),
    ids: packed.ids_BT,
    positions: packed.positions_BT,
    rows: packed.rows_N,
    targets: packed.targets_N,
    tokenWeights: f32Tensor([count], new Float32Array(count).fill(1 / batchTokens)),
  };
}
