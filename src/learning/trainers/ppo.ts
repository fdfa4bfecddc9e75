/** Proximal policy optimisation of a language model with a value head: clipped policy loss and clipped value loss over the
 *  tokens that it drew. Rewards, advantages and returns are the caller's (`formulas/advantages.ts`). Log names are those
 *  of TRL's PPOTrainer. Source: arXiv 1707.06347; trl 0.11.4 `PPOTrainer.loss`. */
import { invariant, present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { traceTokens } from '../../engine/models/tokenLogProbs.js';
import { traceValues, type ValueHead } from '../../engine/models/valueHead.js';
import { type AdamwConfig, defaultAdamw } from '../../engine/optim/adamw.js';
import type { Program } from '../../engine/runtime/device.js';
import { finishGraph, type Graph } from '../../engine/tensor/graph.js';
import { add, mul, reduceSum, stopGradient } from '../../engine/tensor/ops/all.js';
import { createTrace } from '../../engine/tensor/trace.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { clippedPolicyLoss, clippedValueLoss } from '../formulas/policyGradient.js';
import { traced } from '../formulas/traceArithmetic.js';
import { bySequence, cutDrawn, type DrawnMicrobatch, type DrawnPacking, perToken, rowKindOf } from './drawnBatches.js';
import { ratioMetrics } from './rloo.js';
import { tokenInputs } from './tokenInputs.js';
import { createWeightTrainer, type LossBuilder, scalarOf, type WeightTrainer } from './weightTrainer.js';

/** A completion that the policy drew. `afterEnd` asks for one position more than it has tokens: the value after its end.
 */
export interface DrawnCompletion extends Sequence {
  readonly afterEnd: boolean;
}

/** The policy's reading of a completion: log π of each token, nats, and the value of the state before each position. */
export interface PolicyReading {
  readonly logProbs: readonly number[];
  readonly values: readonly number[];
}

export interface PpoSample extends DrawnCompletion {
  /** The policy's reading when it drew. */
  readonly old: PolicyReading;
  /** By token. */
  readonly advantages: readonly number[];
  /** By position. */
  readonly returns: readonly number[];
}

export interface PpoTraining extends DrawnPacking {
  /** The ratio of a token is clipped to 1 ± this, in (0, 1). */
  readonly clip: number;
  /** A value leaves its old one by at most this in the clipped loss, > 0. */
  readonly valueClip: number;
  /** Weight of the value loss, ≥ 0. */
  readonly valueCoefficient: number;
  /** The value loss trains the head alone, and not the model below it. */
  readonly detachValue: boolean;
  /** A batch whose mean ratio is above it teaches nothing, as in TRL ≤ 0.11; null = never. */
  readonly maxMeanRatio: number | null;
  readonly optimizer: AdamwConfig;
}

export const defaultPpo: PpoTraining = {
  clip: 0.2,
  valueClip: 0.2,
  valueCoefficient: 0.1,
  detachValue: false,
  maxMeanRatio: null,
  rows: 'shared',
  microbatchTokens: 1024,
  optimizer: { ...defaultAdamw, learningRate: 1.41e-5 },
};

export interface PpoTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** Reads completions with the weights as they are now, without a gradient. */
  readonly read: (drawn: readonly DrawnCompletion[]) => Promise<readonly PolicyReading[]>;
  /** One optimizer step on one batch; the policy loss is the mean over its tokens, the value loss over its positions.
   *  Returns what is logged: loss, learning_rate, grad_norm, loss/policy_avg, loss/value_avg, policy/approxkl_avg,
   *  policy/clipfrac_avg, val/clipfrac_avg, val/ratio; val/skipped where maxMeanRatio may refuse a batch.
   *  @throws ConfigError for a completion without a prefix */
  readonly train: (samples: readonly PpoSample[]) => Promise<Readonly<Record<string, number>>>;
}

/** @param model trainable, with a value head */
export async function createPpoTrainer(model: LanguageModel, options: Partial<PpoTraining> = {}): Promise<PpoTrainer> {
  const training = { ...defaultPpo, ...options };
  const { clip, valueClip, maxMeanRatio } = training;
  const head = present(model.valueHead, 'PPO trains a model with a value head');
  const { device, weights, adapter } = model;
  const trainer = await createWeightTrainer(model, ppoLoss(head, training), training.optimizer);
  let reading: Promise<Program> | null = null;
  const readingProgram = (): Promise<Program> =>
    (reading ??= device.compile(readingGraph(model, head, training), {
      store: adapter === null ? weights : [adapter.weights, weights],
    }));
  return {
    step: trainer.step,
    save: trainer.save,
    load: trainer.load,
    release: async () => {
      if (reading !== null) await device.release(await reading);
      await trainer.release();
    },
    read: async (drawn) => {
      const microbatches = cutDrawn(drawn.map(readSequence), training);
      const outputs = [];
      for (const { feeds } of microbatches) outputs.push(await device.run(await readingProgram(), feeds));
      return readingsOf(drawn, microbatches, outputs);
    },
    train: async (samples) => {
      const microbatches = cutDrawn(samples.map(readSequence), training);
      const changes = (outputs: Parameters<typeof readingsOf>[2]): readonly RatioChange[] =>
        ratioChanges(samples, readingsOf(samples, microbatches, outputs));
      const { report, outputs } = await trainer.update(
        microbatches.map((part) => ppoFeeds(part, samples)),
        (given) => maxMeanRatio !== null && meanRatio(changes(given)) > maxMeanRatio,
      );
      const changed = changes(outputs);
      const total = (name: string): number => outputs.reduce((sum, each) => sum + scalarOf(each, name), 0);
      return {
        loss: report.loss,
        learning_rate: report.learningRate,
        grad_norm: report.gradientNorm,
        'loss/policy_avg': total('policyLoss'),
        'loss/value_avg': total('valueLoss'),
        ...ratioMetrics(changed, clip),
        'val/clipfrac_avg': valueClipFraction(samples, readingsOf(samples, microbatches, outputs), valueClip),
        ...(maxMeanRatio === null ? {} : { 'val/skipped': Number(meanRatio(changed) > maxMeanRatio) }),
      };
    },
  };

  function readingsOf(
    drawn: readonly DrawnCompletion[],
    microbatches: readonly DrawnMicrobatch[],
    outputs: Parameters<typeof bySequence>[2],
  ): readonly PolicyReading[] {
    const logProbs = bySequence(drawn.length, microbatches, outputs, 'logProbs');
    const values = bySequence(drawn.length, microbatches, outputs, 'values');
    return drawn.map(({ completion }, i) => ({
      logProbs: present(logProbs[i], 'log-probabilities of each completion').slice(0, completion.length),
      values: present(values[i], 'values of each completion'),
    }));
  }
}

/** A position after the end is read as if one more token were predicted there, which counts in no policy loss. */
function readSequence({ prefix, completion, afterEnd }: DrawnCompletion): Sequence {
  return { prefix, completion: afterEnd ? [...completion, 0] : completion };
}

function tracePolicy(
  trace: Trace,
  architecture: LanguageModel['architecture'],
  head: ValueHead,
  { rows, detachValue }: Pick<PpoTraining, 'rows' | 'detachValue'>,
): { readonly logProbs: Value; readonly values: Value } {
  const { logProbs_N, hidden_NC } = traceTokens(architecture, tokenInputs(trace, rowKindOf({ rows })));
  return { logProbs: logProbs_N, values: traceValues(head, detachValue ? stopGradient(hidden_NC) : hidden_NC) };
}

/** inputs those of `tokenInputs`; outputs logProbs, values f32 [N] */
function readingGraph(
  { architecture }: Pick<LanguageModel, 'architecture'>,
  head: ValueHead,
  training: Pick<PpoTraining, 'rows' | 'detachValue'>,
): Graph {
  const trace = createTrace();
  return finishGraph(trace, tracePolicy(trace, architecture, head, training));
}

/** inputs  those of `tokenInputs` · oldLogProbs, advantages, tokenWeights f32 [N] (1 / tokens of the whole batch; 0 after an
 *          end) · oldValues, returns, positionWeights f32 [N] (1 / positions of the whole batch)
 *  outputs loss, policyLoss, valueLoss [] · logProbs, values f32 [N] */
export function ppoLoss(
  head: ValueHead,
  options: Pick<PpoTraining, 'rows' | 'detachValue' | 'clip' | 'valueClip' | 'valueCoefficient'>,
): LossBuilder {
  return (trace, architecture) => {
    const { logProbs, values } = tracePolicy(trace, architecture, head, options);
    const input = (name: string): Value => trace.input(name, 'f32', ['N']);
    const weighted = (losses_N: Value, weights: string): Value => reduceSum(mul(losses_N, input(weights)), [0]);
    const policyLoss = weighted(
      clippedPolicyLoss(
        traced,
        { logProb: logProbs, oldLogProb: input('oldLogProbs'), advantage: input('advantages') },
        options.clip,
      ),
      'tokenWeights',
    );
    const valueLoss = weighted(
      clippedValueLoss(
        traced,
        { value: values, oldValue: input('oldValues'), target: input('returns') },
        options.valueClip,
      ),
      'positionWeights',
    );
    return {
      loss: add(policyLoss, mul(valueLoss, options.valueCoefficient)),
      outputs: { policyLoss, valueLoss, logProbs, values },
    };
  };
}

/** Returns the inputs that `ppoLoss` lists. */
export function ppoFeeds(part: DrawnMicrobatch, samples: readonly PpoSample[]): DrawnMicrobatch['feeds'] {
  const tokens = samples.reduce((sum, { completion }) => sum + completion.length, 0);
  const positions = samples.reduce((sum, { old }) => sum + old.values.length, 0);
  const of = (item: number): PpoSample => present(samples[item], 'a sample');
  const isToken = (item: number, place: number): boolean => place < of(item).completion.length;
  return {
    ...part.feeds,
    oldLogProbs: perToken(part, (item, place) => of(item).old.logProbs[place] ?? 0),
    advantages: perToken(part, (item, place) => of(item).advantages[place] ?? 0),
    tokenWeights: perToken(part, (item, place) => (isToken(item, place) ? 1 / tokens : 0)),
    oldValues: perToken(part, (item, place) => present(of(item).old.values[place], 'a value for each position')),
    returns: perToken(part, (item, place) => present(of(item).returns[place], 'a return for each position')),
    positionWeights: perToken(part, () => 1 / positions),
  };
}

interface RatioChange {
  readonly change: number;
  readonly advantage: number;
}

function ratioChanges(samples: readonly PpoSample[], now: readonly PolicyReading[]): readonly RatioChange[] {
  return samples.flatMap(({ old, advantages }, i) => {
    invariant(old.logProbs.length === advantages.length, 'an advantage for each token');
    return advantages.map((advantage, t) => ({
      change: present(now[i]?.logProbs[t], 'a log-probability') - present(old.logProbs[t], 'an old one'),
      advantage,
    }));
  });
}

function meanRatio(changes: readonly RatioChange[]): number {
  return changes.reduce((sum, { change }) => sum + Math.exp(change), 0) / changes.length;
}

/** Share of positions whose clipped loss is the larger one. */
function valueClipFraction(samples: readonly PpoSample[], now: readonly PolicyReading[], clip: number): number {
  const isClipped = samples.flatMap(({ old, returns }, i) =>
    returns.map((target, t) => {
      const [before, value] = [present(old.values[t], 'an old value'), present(now[i]?.values[t], 'a value')];
      const clipped = before + Math.min(clip, Math.max(-clip, value - before));
      return Number((clipped - target) ** 2 > (value - target) ** 2);
    }),
  );
  return isClipped.reduce((sum, each) => sum + each, 0) / isClipped.length;
}
