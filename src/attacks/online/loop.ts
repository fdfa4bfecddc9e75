/** The loop of online learning of an adversary (ASTPrompter, arXiv 2407.09447, algorithms 1 and 2): roll out with the
 *  current adversary against the target, train on what came of it, repeat. The weights that did best on dev prompts are
 *  the result. What is learnt from a rollout, and by which trainer, is the attack's (`OnlineMethod`). */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import { childKey, type StreamKey } from '../../base/random.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { PreferencePair, Prompt, RolloutTree } from '../../dialogue/types.js';
import type { ValueHeadKind } from '../../engine/models/valueHead.js';
import type { Learner } from '../../learning/learner.js';
import type { WeightTrainer } from '../../learning/trainers/weightTrainer.js';
import type { CheckpointState } from '../../runs/checkpointState.js';
import type { AttackContext, AttackLearner, AttackOutcome } from '../attack.js';
import { type DevScore, evaluateOnDev } from '../devEvaluation.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { type Reference, roundingError } from '../reference.js';
import { createPhaseTimes, type PhaseTimes } from '../phaseTimes.js';
import { summariseScores } from '../scoreSummary.js';
import type { Kept } from './kept.js';
import type { OnlineOptions } from './options.js';
import { openShaper, shapeDialogues, type Shaper, shapeTrees } from './shaping.js';

/** Numbers that a method carries from one epoch to the next, by name: the weight of a penalty that is steered, say. */
export type OnlineMemory = Readonly<Record<string, number>>;

/** All that an interrupted attack needs beside the trainer's state: every stream is opened anew from the epoch's
 *  number. */
interface OnlineState {
  /** Epochs completed. */
  readonly epoch: number;
  readonly bestScore: number | null;
  /** Dev evaluations since the best one. */
  readonly stale: number;
  readonly memory: OnlineMemory;
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

/** The result of a rollout. */
export interface Rollout {
  readonly trees: readonly RolloutTree[];
  /** Preference pairs, which are recorded; empty for a method that makes none. */
  readonly pairs: readonly PreferencePair[];
}

/** A trainer of the attack: one optimizer step per batch. */
export interface OnlineTrainer<Batch> extends Pick<WeightTrainer, 'step' | 'save' | 'load' | 'release'> {
  readonly train: (batch: Batch) => Promise<Readonly<Record<string, number>>>;
}

/** The lessons of an epoch. */
export interface Lessons<Batch> {
  readonly batches: readonly Batch[];
  readonly metrics: Readonly<Record<string, number>>;
  /** For the next epoch. */
  readonly memory: OnlineMemory;
}

/** A method makes the lessons of an epoch with these. */
export interface LessonParts<Trainer> {
  readonly context: OnlineContext;
  readonly trainer: Trainer;
  readonly times: PhaseTimes;
  readonly memory: OnlineMemory;
  /** From 1. */
  readonly epoch: number;
  /** Stream that orders this epoch's batches, and nothing else. */
  readonly order: StreamKey;
}

/** The part that each online attack does in its own way. */
export interface OnlineMethod<Batch, Trainer extends OnlineTrainer<Batch>> {
  /** The value head that it trains beside the adversary; default none. */
  readonly valueHead?: ValueHeadKind;
  readonly memory: OnlineMemory;
  /** Gathered over the epochs; default nothing. */
  readonly kept?: Kept;
  readonly open: (trainers: Learner) => Promise<Trainer>;
  /** @param stream of this epoch's draw alone */
  readonly draw: (context: OnlineContext, epoch: number, stream: StreamKey) => EpochDraw;
  /** Looks at the trees before anything is trained. @param given the pairs of the draw */
  readonly collect: (
    trees: readonly RolloutTree[],
    given: readonly PreferencePair[],
  ) => { readonly pairs: readonly PreferencePair[]; readonly metrics: Readonly<Record<string, number>> };
  readonly lessons: (rollout: Rollout, parts: LessonParts<Trainer>) => Promise<Lessons<Batch>>;
}

export async function runOnline<Batch, Trainer extends OnlineTrainer<Batch>>(
  attack: AttackContext,
  options: OnlineOptions,
  method: OnlineMethod<Batch, Trainer>,
): Promise<AttackOutcome> {
  requirePrompts(attack, options);
  const { adversary, behaviour, trainers, reference } = await attack.learner(options.exploration, method.valueHead);
  const context: OnlineContext = { ...attack, adversary, behaviour, reference: await reference() };
  const shaper = await openShaper(attack, options);
  try {
    const trainer = await method.open(trainers);
    try {
      return await learn(context, options, method, { trainer, shaper });
    } finally {
      await trainer.release();
    }
  } finally {
    await shaper.close();
  }
}

async function learn<Batch, Trainer extends OnlineTrainer<Batch>>(
  context: OnlineContext,
  options: OnlineOptions,
  method: OnlineMethod<Batch, Trainer>,
  { trainer, shaper }: { readonly trainer: Trainer; readonly shaper: Shaper },
): Promise<AttackOutcome> {
  const kept = [shaper.kept, method.kept ?? null].filter((each) => each !== null);
  let state = await takeUp(context, trainer, { memory: { ...method.memory, ...shaper.memory }, kept });
  const times = createPhaseTimes(context.clock);
  while (state.epoch < options.epochs && !outOfPatience(state, options)) {
    context.mayGoOn();
    const epoch = state.epoch + 1;
    const collected = await collect(context, options, method, { times, shaper, memory: state.memory }, epoch);
    record(context, collected, { epoch, step: trainer.step() });
    const order = childKey(context.stream, streams.order, epoch);
    const parts = { context, trainer, times, memory: state.memory, epoch, order };
    const trained = await trainOnRollout(parts, options, method, collected, epoch);
    const memory = { ...collected.memory, ...trained.memory };
    const dev = await evaluateWhenDue(context, options, { times, shaper, memory }, epoch);
    state = { ...afterEpoch(state, dev?.reward ?? null), memory };
    context.sink.metrics(
      { ...collected.metrics, ...trained.metrics, ...dev?.metrics, ...times.take() },
      { epoch, step: trainer.step() },
    );
    await context.checkpoints.save({
      step: trainer.step(),
      score: dev?.reward ?? null,
      state: stateToSave(state, kept),
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

async function takeUp(
  { checkpoints: { restored } }: OnlineContext,
  trainer: OnlineTrainer<never>,
  { memory: initial, kept }: { readonly memory: OnlineMemory; readonly kept: readonly Kept[] },
): Promise<OnlineState> {
  if (restored === null) return { epoch: 0, bestScore: null, stale: 0, memory: initial };
  await trainer.load(restored.folder);
  const { epoch, bestScore, stale } = restored.state;
  invariant(
    typeof epoch === 'number' && typeof stale === 'number' && (bestScore === null || typeof bestScore === 'number'),
    'a checkpoint of this attack holds its state',
  );
  const memory = Object.keys(initial).map((name) => {
    const value = restored.state[name];
    invariant(typeof value === 'number', 'a checkpoint of this attack holds what it carries on');
    return [name, value] as const;
  });
  for (const each of kept) each.restore(restored.state);
  return { epoch, bestScore, stale, memory: Object.fromEntries(memory) };
}

function stateToSave({ memory, ...state }: OnlineState, kept: readonly Kept[]): CheckpointState {
  return Object.assign({ ...memory, ...state }, ...kept.map((each) => each.save())) as CheckpointState;
}

function outOfPatience(state: OnlineState, { patience }: OnlineOptions): boolean {
  return patience > 0 && state.stale >= patience;
}

function afterEpoch(state: OnlineState, score: number | null): OnlineState {
  const epoch = state.epoch + 1;
  if (score === null) return { ...state, epoch };
  return state.bestScore === null || score > state.bestScore
    ? { ...state, epoch, bestScore: score, stale: 0 }
    : { ...state, epoch, stale: state.stale + 1 };
}

/** Rewards of an epoch are shaped with these. */
interface Shaping {
  readonly times: PhaseTimes;
  readonly shaper: Shaper;
  readonly memory: OnlineMemory;
}

interface Collected extends Rollout {
  readonly memory: OnlineMemory;
  readonly metrics: Readonly<Record<string, number>>;
}

async function collect(
  context: OnlineContext,
  options: OnlineOptions,
  method: Pick<OnlineMethod<never, OnlineTrainer<never>>, 'draw' | 'collect'>,
  { times, shaper, memory: before }: Shaping,
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
  const { trees, memory } = await shapeTrees(shaper, played.flat(), before);
  const given = await drawn.given(cast, childKey(context.stream, streams.given, epoch));
  const { pairs, metrics } = method.collect(trees, given);
  return {
    trees,
    pairs,
    memory,
    metrics: {
      ...summariseScores(
        trees.flatMap((tree) => treeNodes(tree).map(({ score }) => score)),
        'rollout/',
      ),
      ...metrics,
    },
  };
}

function castOf(
  { adversary, target, judge, join }: OnlineContext,
  { reward, targetTexts }: OnlineOptions,
): RolloutCast {
  return { adversary, target, judge, join, reward, targetTexts };
}

function record({ sink }: OnlineContext, { trees, pairs }: Collected, at: { epoch: number; step: number }): void {
  sink.trees(trees, at);
  sink.pairs(pairs, at);
}

/** Trains on every batch of the lessons. Returns the means of what the steps logged. */
async function trainOnRollout<Batch, Trainer extends OnlineTrainer<Batch>>(
  parts: LessonParts<Trainer>,
  options: OnlineOptions,
  method: OnlineMethod<Batch, Trainer>,
  rollout: Rollout,
  epoch: number,
): Promise<Pick<Lessons<Batch>, 'metrics' | 'memory'>> {
  const { context, trainer, times } = parts;
  const before = context.reference.rounding();
  const { batches, metrics, memory } = await method.lessons(rollout, parts);
  const rounded = roundingError(context.reference.rounding(), before);
  const steps: Readonly<Record<string, number>>[] = [];
  for (const batch of batches) {
    context.mayGoOn();
    const values = await times.during('train', () => trainer.train(batch));
    steps.push(values);
    context.sink.metrics(values, { epoch, step: trainer.step() });
    context.progress({ phase: 'train', epoch, epochs: options.epochs, values });
  }
  return {
    metrics: {
      ...meanByName(steps, 'epoch/'),
      ...metrics,
      ...(rounded === null ? {} : { 'rollout/roundingError': rounded }),
    },
    memory,
  };
}

async function evaluateWhenDue(
  context: OnlineContext,
  options: OnlineOptions,
  { times, shaper, memory }: Shaping,
  epoch: number,
): Promise<DevScore | null> {
  if (options.devEvery === 0 || (epoch % options.devEvery !== 0 && epoch !== options.epochs)) return null;
  context.mayGoOn();
  context.progress({ phase: 'dev', epoch, epochs: options.epochs, values: {} });
  const prompts = context.prompts.dev.slice(0, options.devPrompts);
  return times.during('dev', () =>
    evaluateOnDev(
      context.playJobs,
      castOf(context, options),
      { prompts, turns: options.horizon, stream: childKey(context.stream, streams.dev) },
      (dialogues) => shapeDialogues(shaper, dialogues, memory),
    ),
  );
}
