/** The loop of online preference learning of an adversary (ASTPrompter, arXiv 2407.09447, algorithms 1 and 2): roll out
 *  with the current adversary against the target, make one training pass over the pairs, repeat. The weights that did
 *  best on dev prompts are the result. What pairs are made and which loss they train is the attack's (`OnlineMethod`). */
import { ConfigError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import { type CollectedPairs, demonstrationCounts } from '../../dialogue/pairs.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { PreferencePair, Prompt, RolloutTree } from '../../dialogue/types.js';
import type { PreferenceOptions, PreferenceTrainer } from '../../learning/trainers/preference.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import type { AttackContext, AttackLearner, AttackOutcome } from '../attack.js';
import { evaluateOnDev } from '../devEvaluation.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { type Reference, roundingError } from '../reference.js';
import { createPhaseTimes, type PhaseTimes } from '../phaseTimes.js';
import { summariseScores } from '../scoreSummary.js';
import { passBatches } from './batches.js';
import { withNovelty } from './novelty.js';
import type { OnlineOptions } from './options.js';

/** All that an interrupted attack needs beside the trainer's state: every stream is opened anew from the epoch's
 *  number. */
interface OnlineState {
  /** Epochs completed. */
  readonly epoch: number;
  readonly bestScore: number | null;
  /** Dev evaluations since the best one. */
  readonly stale: number;
}

/** Purposes of the attack's streams. */
const streams = { draws: 0, rollout: 1, given: 2, order: 3, dev: 4 } as const;

/** The attack's context with the adversary in training. */
export interface OnlineContext extends Omit<AttackContext, 'learner'>, Pick<AttackLearner, 'adversary' | 'behaviour'> {
  readonly reference: Reference;
}

/** An epoch begins with prompts to roll out, and pairs that are made in another way. */
export interface EpochDraw {
  readonly prompts: readonly Prompt[];
  /** @param stream of these pairs alone */
  readonly given: (cast: RolloutCast, stream: StreamKey) => Promise<readonly PreferencePair[]>;
}

/** The part that each online preference attack does in its own way. */
export interface OnlineMethod {
  readonly trainer: Partial<PreferenceOptions>;
  /** @param stream of this epoch's draw alone */
  readonly draw: (context: OnlineContext, epoch: number, stream: StreamKey) => EpochDraw;
  readonly pairs: (trees: readonly RolloutTree[]) => CollectedPairs;
  /** Returns the training pair of each pair, null for one that teaches nothing. */
  readonly data: (reference: Reference, pairs: readonly PreferencePair[]) => Promise<readonly (TrainingPair | null)[]>;
}

export async function runOnline(
  attack: AttackContext,
  options: OnlineOptions,
  method: OnlineMethod,
): Promise<AttackOutcome> {
  requirePrompts(attack, options);
  const { adversary, behaviour, trainers, reference } = await attack.learner(options.exploration);
  const context: OnlineContext = { ...attack, adversary, behaviour, reference: await reference() };
  const trainer = await trainers.preference(method.trainer);
  try {
    let state = await takeUp(context, trainer);
    const times = createPhaseTimes(context.clock);
    while (state.epoch < options.epochs && !outOfPatience(state, options)) {
      context.mayGoOn();
      const epoch = state.epoch + 1;
      const collected = await collect(context, options, method, times, epoch);
      record(context, collected, { epoch, step: trainer.step() });
      const trained = await trainOnPairs(context, options, method, trainer, times, collected.pairs, epoch);
      const dev = await evaluateWhenDue(context, options, times, epoch);
      state = afterEpoch(state, dev?.reward ?? null);
      context.sink.metrics(
        { ...collected.metrics, ...trained, ...dev?.metrics, ...times.take() },
        { epoch, step: trainer.step() },
      );
      await context.checkpoints.save({
        step: trainer.step(),
        score: dev?.reward ?? null,
        state: { ...state },
        write: trainer.save,
      });
    }
    return {
      steps: trainer.step(),
      epochs: state.epoch,
      reason: state.epoch < options.epochs ? 'patience' : 'epochs',
      bestScore: state.bestScore,
      product: { kind: 'model', keep: options.keep },
    };
  } finally {
    await trainer.release();
  }
}

function requirePrompts({ prompts }: AttackContext, { devEvery }: OnlineOptions): void {
  if (prompts.train.length === 0) throw missingData('training prompts');
  if (devEvery > 0 && prompts.dev.length === 0) throw missingData('dev prompts');
}

/** Returns the error for data that an attack cannot do without. */
export function missingData(what: string): ConfigError {
  return new ConfigError(`there are no ${what}`, {
    where: 'exploit',
    remedy: 'Check the files and filters of the recipe.',
  });
}

async function takeUp(context: OnlineContext, trainer: PreferenceTrainer): Promise<OnlineState> {
  const { restored } = context.checkpoints;
  if (restored === null) return { epoch: 0, bestScore: null, stale: 0 };
  await trainer.load(restored.folder);
  const { epoch, bestScore, stale } = restored.state;
  invariant(
    typeof epoch === 'number' && typeof stale === 'number' && (bestScore === null || typeof bestScore === 'number'),
    'a checkpoint of this attack holds its state',
  );
  return { epoch, bestScore, stale };
}

function outOfPatience(state: OnlineState, { patience }: OnlineOptions): boolean {
  return patience > 0 && state.stale >= patience;
}

function afterEpoch(state: OnlineState, score: number | null): OnlineState {
  const epoch = state.epoch + 1;
  if (score === null) return { ...state, epoch };
  return state.bestScore === null || score > state.bestScore
    ? { epoch, bestScore: score, stale: 0 }
    : { epoch, bestScore: state.bestScore, stale: state.stale + 1 };
}

interface Collected {
  readonly trees: readonly RolloutTree[];
  readonly pairs: readonly PreferencePair[];
  readonly metrics: Readonly<Record<string, number>>;
}

async function collect(
  context: OnlineContext,
  options: OnlineOptions,
  method: OnlineMethod,
  times: PhaseTimes,
  epoch: number,
): Promise<Collected> {
  context.progress({ phase: 'rollout', epoch, epochs: options.epochs, values: {} });
  const cast = times.cast({ ...castOf(context, options), adversary: context.behaviour, target: context.rolloutTarget });
  const drawn = method.draw(context, epoch, childKey(context.stream, streams.draws, epoch));
  const { horizon, candidates, branch } = options;
  const stream = childKey(context.stream, streams.rollout, epoch);
  const played = await context.playJobs(
    [{ kind: 'paired', prompts: drawn.prompts, horizon, candidates, branch, stream }],
    cast,
  );
  const trees = withNovelty(played.flat(), options.novelty);
  const given = await drawn.given(cast, childKey(context.stream, streams.given, epoch));
  const collected = method.pairs(trees);
  const pairs = [...collected.pairs, ...given];
  return {
    trees,
    pairs,
    metrics: {
      ...summariseScores(
        trees.flatMap((tree) => treeNodes(tree).map(({ score }) => score)),
        'rollout/',
      ),
      ...pairMetrics(collected, pairs),
    },
  };
}

function castOf(
  { adversary, target, judge, join }: OnlineContext,
  { reward, targetTexts }: OnlineOptions,
): RolloutCast {
  return { adversary, target, judge, join, reward, targetTexts };
}

/** Counts of what was left out, and of winners that were given rather than earned. */
function pairMetrics(collected: CollectedPairs, pairs: readonly PreferencePair[]): Readonly<Record<string, number>> {
  const { demonstrations, winnerHasLowerReward } = demonstrationCounts(pairs);
  const gaps = collected.pairs.map(({ chosenReward, rejectedReward }) => (chosenReward ?? 0) - (rejectedReward ?? 0));
  return {
    'pairs/kept': collected.pairs.length,
    'pairs/ties': collected.ties,
    'pairs/narrow': collected.narrow,
    'pairs/unscored': collected.unscored,
    'pairs/teaching': demonstrations,
    ...(pairs.length === 0 ? {} : { 'pairs/teachingFraction': demonstrations / pairs.length }),
    ...(demonstrations === 0 ? {} : { 'pairs/teachingContradictsReward': winnerHasLowerReward / demonstrations }),
    ...(gaps.length === 0 ? {} : { 'pairs/gap': gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length }),
  };
}

function record({ sink }: OnlineContext, { trees, pairs }: Collected, at: { epoch: number; step: number }): void {
  sink.trees(trees, at);
  sink.pairs(pairs, at);
}

/** One pass in random order. Returns the means of what the steps logged. */
async function trainOnPairs(
  context: OnlineContext,
  options: OnlineOptions,
  method: OnlineMethod,
  trainer: PreferenceTrainer,
  times: PhaseTimes,
  pairs: readonly PreferencePair[],
  epoch: number,
): Promise<Readonly<Record<string, number>>> {
  const before = context.reference.rounding();
  const data = await times.during('reference', () => method.data(context.reference, pairs));
  const rounded = roundingError(context.reference.rounding(), before);
  const taught = pairs.flatMap((pair, i) => {
    const own = data[i] ?? null;
    return own === null ? [] : [{ ...pair, data: own }];
  });
  const batches = passBatches(taught, options, childKey(context.stream, streams.order, epoch));
  const steps: Readonly<Record<string, number>>[] = [];
  for (const batch of batches) {
    context.mayGoOn();
    const chosen = batch.map((i) => present(taught[i], 'a training pair for each index').data);
    const values = await times.during('train', () => trainer.train(chosen));
    steps.push(values);
    context.sink.metrics(values, { epoch, step: trainer.step() });
    context.progress({ phase: 'train', epoch, epochs: options.epochs, values });
  }
  return {
    ...meanByName(steps, 'epoch/'),
    ...(taught.length === pairs.length ? {} : { 'pairs/disfluent': pairs.length - taught.length }),
    ...(rounded === null ? {} : { 'rollout/roundingError': rounded }),
  };
}

async function evaluateWhenDue(
  context: OnlineContext,
  options: OnlineOptions,
  times: PhaseTimes,
  epoch: number,
): Promise<Awaited<ReturnType<typeof evaluateOnDev>> | null> {
  if (options.devEvery === 0 || (epoch % options.devEvery !== 0 && epoch !== options.epochs)) return null;
  context.mayGoOn();
  context.progress({ phase: 'dev', epoch, epochs: options.epochs, values: {} });
  const prompts = context.prompts.dev.slice(0, options.devPrompts);
  return times.during('dev', () =>
    evaluateOnDev(context.playJobs, castOf(context, options), {
      prompts,
      turns: options.horizon,
      stream: childKey(context.stream, streams.dev),
    }),
  );
}
