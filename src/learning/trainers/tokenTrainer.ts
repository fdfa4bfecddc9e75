/** A trainer that takes its gradient from outside: tokens and a number for each of them go in, log-probabilities come
 *  out, gradients add up until a step is asked for. The part of the Tinker protocol that touches weights
 *  (`server/tinker/`), and what a loss that is computed elsewhere needs of an engine.
 *
 *  Losses are sums over all tokens of all sequences, as Tinker's are: a mean is the caller's factor. */
import { invariant, present } from '../../base/invariant.js';
import type { Architecture } from '../../engine/models/family.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { type AdamwConfig, createAdamwState, releaseAdamwState, stepAdamw } from '../../engine/optim/adamw.js';
import type { Program } from '../../engine/runtime/device.js';
import { f32Tensor, type HostTensor, i64Tensor } from '../../engine/runtime/hostTensor.js';
import { exp, mul, neg, reduceSum, sub } from '../../engine/tensor/ops/all.js';
import { finishGraph } from '../../engine/tensor/graph.js';
import { createTrace } from '../../engine/tensor/trace.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { planMicrobatches } from './microbatches.js';
import { tokenInputs } from './tokenInputs.js';
import { loadTrainerState, saveTrainerState } from './trainerState.js';
import { gradientGraph, type LossGraph, scalarOf, trainedModelOf, type WeightTrainer } from './weightTrainer.js';

/** A sequence, the token that each position is to predict, and what the loss reads of each. */
export interface TokenDatum {
  readonly inputs: readonly number[];
  /** One per input. */
  readonly targets: readonly number[];
  readonly values: TokenValues;
}

/** By position. */
export type TokenValues =
  /** −Σ w · log p. */
  | { readonly loss: 'cross_entropy'; readonly weights: readonly number[] }
  /** −Σ A · exp(log p − log p_old). */
  | {
      readonly loss: 'importance_sampling';
      readonly oldLogProbs: readonly number[];
      readonly advantages: readonly number[];
    };

export type TokenLoss = TokenValues['loss'];

/** The result of a pass. */
export interface TokenPass {
  readonly loss: number;
  /** log p of every target, nats, per datum. */
  readonly logProbs: readonly (readonly number[])[];
}

export interface TokenTrainer extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  /** Reads without a gradient. @param data of one loss */
  readonly forward: (data: readonly TokenDatum[]) => Promise<TokenPass>;
  /** Adds the gradient to those since the last step. @param data of one loss */
  readonly backward: (data: readonly TokenDatum[]) => Promise<TokenPass>;
  /** One optimizer step from the gradients so far, which are zero afterwards. Returns their norm before clipping. */
  readonly update: (config: AdamwConfig) => Promise<{ readonly gradientNorm: number }>;
}

/** Tokens computed at once, padding included: every position has logits here. */
const microbatchTokens = 512;

/** @param model trainable */
export async function createTokenTrainer(model: LanguageModel): Promise<TokenTrainer> {
  const trained = trainedModelOf(model);
  const { device, parameters, weights, frozen = [] } = trained;
  const store = [weights, ...frozen];
  const state = await createAdamwState(device, weights);
  const programs = new Map<string, Promise<Program>>();
  const program = (name: string, compile: () => Promise<Program>): Promise<Program> => {
    const known = programs.get(name) ?? compile();
    programs.set(name, known);
    return known;
  };
  const pass = async (
    data: readonly TokenDatum[],
    run: (feeds: Readonly<Record<string, HostTensor>>) => Promise<Readonly<Record<string, HostTensor>>>,
  ): Promise<TokenPass> => {
    const logProbs = new Map<number, readonly number[]>();
    let loss = 0;
    for (const members of planMicrobatches(
      data.map(({ inputs }) => inputs.length),
      microbatchTokens,
    )) {
      const items = members.map((i) => present(data[i], 'a datum'));
      const outputs = await run(tokenFeeds(items));
      loss += scalarOf(outputs, 'loss');
      const all = Array.from(present(outputs['logProbs'], 'the graph gives log-probabilities').data, Number);
      let start = 0;
      items.forEach(({ targets }, i) => {
        logProbs.set(present(members[i], 'an index'), all.slice(start, start + targets.length));
        start += targets.length;
      });
    }
    return { loss, logProbs: data.map((_, i) => logProbs.get(i) ?? []) };
  };
  return {
    step: () => state.stepsDone,
    forward: (data) =>
      pass(data, async (feeds) => {
        const loss = lossOf(data);
        const compiled = program(`forward ${loss}`, () =>
          device.compile(forwardGraph(model.architecture, loss), { store }),
        );
        return device.run(await compiled, feeds);
      }),
    backward: (data) =>
      pass(data, async (feeds) => {
        const loss = lossOf(data);
        const graph = () => gradientGraph(parameters, (trace) => tokenLoss(trace, model.architecture, loss));
        const compiled = program(`backward ${loss}`, () => device.compile(graph(), { store }));
        return device.accumulate(await compiled, feeds, state.gradients);
      }),
    update: (config) => stepAdamw(device, config, weights, state),
    save: (folder) => saveTrainerState(folder, trained, state),
    load: (folder) => loadTrainerState(folder, trained, state),
    release: async () => {
      for (const compiled of programs.values()) await device.release(await compiled);
      await releaseAdamwState(device, state);
    },
  };
}

function lossOf(data: readonly TokenDatum[]): TokenLoss {
  const { loss } = present(data[0], 'a datum').values;
  invariant(
    data.every(({ values }) => values.loss === loss),
    'the data of a pass have one loss',
  );
  return loss;
}

/** inputs  ids, positions i64 [B, T] · rows, targets i64 [N] · weights f32 [N], or oldLogProbs, advantages f32 [N]
 *  outputs loss [] · logProbs f32 [N], nats */
function tokenLoss(trace: Trace, architecture: Architecture, kind: TokenLoss): LossGraph {
  const logProbs = traceTokenLogProbs(architecture, tokenInputs(trace, 'causal'));
  const perToken = (name: string): Value => trace.input(name, 'f32', ['N']);
  const gain =
    kind === 'cross_entropy'
      ? mul(logProbs, perToken('weights'))
      : mul(exp(sub(logProbs, perToken('oldLogProbs'))), perToken('advantages'));
  return { loss: neg(reduceSum(gain, [0])), outputs: { logProbs } };
}

function forwardGraph(architecture: Architecture, kind: TokenLoss): ReturnType<typeof finishGraph> {
  const trace = createTrace();
  const { loss, outputs } = tokenLoss(trace, architecture, kind);
  return finishGraph(trace, { loss, ...outputs });
}

/** Returns the inputs that `tokenLoss` lists: right-padded rows, every position of a datum listed. */
function tokenFeeds(data: readonly TokenDatum[]): Readonly<Record<string, HostTensor>> {
  const width = Math.max(...data.map(({ inputs }) => inputs.length));
  const dims = [data.length, width];
  const ids = new BigInt64Array(data.length * width);
  const positions = BigInt64Array.from({ length: ids.length }, (_, i) => BigInt(i % width));
  const rows = data.flatMap(({ inputs }, row) => inputs.map((_, t) => row * width + t));
  data.forEach(({ inputs }, row) => inputs.forEach((id, t) => (ids[row * width + t] = BigInt(id))));
  const perToken = (valuesOf: (values: TokenValues) => readonly number[]): HostTensor =>
    f32Tensor(
      [rows.length],
      data.flatMap(({ values }) => valuesOf(values)),
    );
  const common = {
    ids: i64Tensor(dims, ids),
    positions: i64Tensor(dims, positions),
    rows: i64Tensor([rows.length], rows),
    targets: i64Tensor(
      [rows.length],
      data.flatMap(({ targets }) => targets),
    ),
  };
  return lossOf(data) === 'cross_entropy'
    ? { ...common, weights: perToken((values) => (values.loss === 'cross_entropy' ? values.weights : [])) }
    : {
        ...common,
        oldLogProbs: perToken((values) => (values.loss === 'importance_sampling' ? values.oldLogProbs : [])),
        advantages: perToken((values) => (values.loss === 'importance_sampling' ? values.advantages : [])),
      };
}
