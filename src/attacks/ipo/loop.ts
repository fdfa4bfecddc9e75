/** Online preference learning of an adversary (ASTPrompter, arXiv 2407.09447, algorithms 1 and 2): collect pairs with
 *  the current adversary by paired rollouts against the target, make one pass of IPO over them, repeat. The weights
 *  that did best on dev prompts are the result.
 *
 *  Differs from the paper where a recipe says so: more than two candidates a node, near-ties dropped, DPO in place of
 *  IPO. */
import { ConfigError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../../base/random.js';
import { type CollectedPairs, pairsFromTrees, demonstrationCounts } from '../../dialogue/pairs.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { treeNodes } from '../../dialogue/rollout/paired.js';
import type { PreferencePair, Prompt, RolloutTree } from '../../dialogue/types.js';
import type { PreferenceOptions, PreferenceTrainer } from '../../learning/trainers/preference.js';
import type { TrainingPair } from '../../learning/trainers/trainingData.js';
import type { IpoOptions } from './options.js';
import type { AttackContext, AttackLearner, AttackOutcome } from '../attack.js';
import { evaluateOnDev } from '../devEvaluation.js';
import { meanByName } from '../../learning/trainers/meanByName.js';
import { optimizerOf } from '../../learning/trainers/optimizerOf.js';
import { type Reference, roundingError } from '../reference.js';
import { createPhaseTimes, type PhaseTimes } from '../phaseTimes.js';
import { summariseScores } from '../scoreSummary.js';
import { type DemonstrationDraw, demonstrationPairs } from './demonstrations.js';

/** All that an interrupted attack needs beside the trainer's state: every stream is opened anew from the epoch's
 *  number. */
interface IpoState {
  /** Epochs completed. */
  readonly epoch: number;
  readonly bestScore: number | null;
  /** Dev evaluations since the best one. */
  readonly stale: number;
}

/** Purposes of the attack's streams. */
const streams = { draws: 0, rollout: 1, demonstrations: 2, order: 3, dev: 4 } as const;

/** The attack's context with the adversary in training. */
interface IpoContext extends Omit<AttackContext, 'learner'>, Pick<AttackLearner, 'adversary' | 'behaviour'> {
  readonly reference: Reference;
}

export async function runIpo(attack: AttackContext, options: IpoOptions): Promise<AttackOutcome> {
  requireData(attack, options);
  const { adversary, behaviour, trainers, reference } = await attack.learner(options.exploration);
  const context: IpoContext = { ...attack, adversary, behaviour, reference: await reference() };
  const trainer = await trainers.preference(trainerOptions(options));
  try {
    let state = await takeUp(context, trainer);
    const times = createPhaseTimes(context.clock);
    while (state.epoch < options.epochs && !outOfPatience(state, options)) {
      context.mayGoOn();
      const epoch = state.epoch + 1;
      const collected = await collect(context, options, times, epoch);
      record(context, collected, { epoch, step: trainer.step() });
      const trained = await trainOnPairs(context, options, trainer, times, collected.pairs, epoch);
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

function requireData({ prompts, demonstrations }: AttackContext, options: IpoOptions): void {
  const missing =
    prompts.train.length === 0
      ? 'training prompts'
      : options.devEvery > 0 && prompts.dev.length === 0
        ? 'dev prompts'
        : options.weakSupervision !== null && demonstrations.length === 0
          ? 'demonstrations for weak supervision'
          : null;
  if (missing !== null)
    throw new ConfigError(`there are no ${missing}`, {
      where: 'exploit (ipo)',
      remedy: 'Check the files and filters of the recipe.',
    });
}

function trainerOptions(options: IpoOptions): Partial<PreferenceOptions> {
  const { loss, beta, logProbs } = options;
  return { loss, beta, logProbs, optimizer: optimizerOf(options) };
}

async function takeUp(context: IpoContext, trainer: PreferenceTrainer): Promise<IpoState> {
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

function outOfPatience(state: IpoState, { patience }: IpoOptions): boolean {
  return patience > 0 && state.stale >= patience;
}

function afterEpoch(state: IpoState, score: number | null): IpoState {
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

/** Draws an epoch: prompts to roll out, and demonstrations in place of some of them. */
export function drawEpoch(
  { prompts, demonstrations }: Pick<AttackContext, 'prompts' | 'demonstrations'>,
  { promptsPerEpoch, weakSupervision }: Pick<IpoOptions, 'promptsPerEpoch' | 'weakSupervision'>,
  epoch: number,
  stream: StreamKey,
): { readonly prompts: readonly Prompt[]; readonly demonstrations: readonly DemonstrationDraw[] } {
  const draw = openStream(childKey(stream, streams.draws, epoch));
  const shuffled = draw.shuffle(prompts.train).slice(0, promptsPerEpoch);
  const rolled: Prompt[] = [];
  const drawn: DemonstrationDraw[] = [];
  for (const prompt of shuffled) {
    // Drawn even where it cannot matter, so that the draw of a prompt does not depend on the options of another epoch.
    const chance = draw.uniform();
    const isDemonstration =
      weakSupervision !== null && (epoch <= weakSupervision.onlyEpochs || chance < weakSupervision.probability);
    if (!isDemonstration) rolled.push(prompt);
    else {
      const text = draw.pick(demonstrations);
      drawn.push({ text, prompt: text.prefix.text === '' ? prompt : text.prefix });
    }
  }
  return { prompts: rolled, demonstrations: drawn };
}

async function collect(context: IpoContext, options: IpoOptions, times: PhaseTimes, epoch: number): Promise<Collected> {
  context.progress({ phase: 'rollout', epoch, epochs: options.epochs, values: {} });
  const cast = times.cast({ ...castOf(context, options), adversary: context.behaviour, target: context.rolloutTarget });
  const drawn = drawEpoch(context, options, epoch, context.stream);
  const { horizon, candidates, branch } = options;
  const stream = childKey(context.stream, streams.rollout, epoch);
  const trees = (
    await context.playJobs([{ kind: 'paired', prompts: drawn.prompts, horizon, candidates, branch, stream }], cast)
  ).flat();
  const demonstrated = await demonstrationPairs(
    drawn.demonstrations,
    { ...cast, asUtterance: context.adversary.asUtterance },
    childKey(context.stream, streams.demonstrations, epoch),
  );
  const collected = pairsFromTrees(trees, { minGap: options.minGap });
  const pairs = [...collected.pairs, ...demonstrated];
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

function castOf({ adversary, target, judge, join }: IpoContext, { reward, targetTexts }: IpoOptions): RolloutCast {
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

function record({ sink }: IpoContext, { trees, pairs }: Collected, at: { epoch: number; step: number }): void {
  sink.trees(trees, at);
  sink.pairs(pairs, at);
}

/** One pass in random order. Returns the means of what the steps logged. */
async function trainOnPairs(
  context: IpoContext,
  options: IpoOptions,
  trainer: PreferenceTrainer,
  times: PhaseTimes,
  pairs: readonly PreferencePair[],
  epoch: number,
): Promise<Readonly<Record<string, number>>> {
  const before = context.reference.rounding();
  const data = await times.during('reference', () => trainingPairs(context.reference, pairs));
  const rounded = roundingError(context.reference.rounding(), before);
  const batches = passBatches(pairs, options, childKey(context.stream, streams.order, epoch));
  const steps: Readonly<Record<string, number>>[] = [];
  for (const batch of batches) {
    context.mayGoOn();
    const chosen = batch.map((i) => present(data[i], 'a training pair for each pair'));
    const values = await times.during('train', () => trainer.train(chosen));
    steps.push(values);
    context.sink.metrics(values, { epoch, step: trainer.step() });
    context.progress({ phase: 'train', epoch, epochs: options.epochs, values });
  }
  return { ...meanByName(steps, 'epoch/'), ...(rounded === null ? {} : { 'rollout/roundingError': rounded }) };
}

/** One pass over the pairs as batches of indices: all pairs in random order, or trees in random order with the pairs of
 *  a tree together, so that the trainer finds what they share in one batch. Then a batch ends early rather than cut a
 *  tree that fits the next one whole. A demonstration is a tree of its own. */
export function passBatches(
  pairs: readonly Pick<PreferencePair, 'dialogue' | 'isDemonstration'>[],
  { batches: kind, batchPairs }: Pick<IpoOptions, 'batches' | 'batchPairs'>,
  stream: StreamKey,
): readonly (readonly number[])[] {
  const draw = openStream(stream);
  const batches: number[][] = [];
  for (const tree of draw.shuffle(kind === 'mixed' ? pairs.map((_, i) => [i]) : treesOf(pairs))) {
    for (let start = 0; start < tree.length; start += batchPairs) {
      const part = tree.slice(start, start + batchPairs);
      const batch = batches.at(-1);
      if (batch !== undefined && batch.length + part.length <= batchPairs) batch.push(...part);
      else batches.push(part);
    }
  }
  return batches;
}

/** Groups neighbouring pairs of one prompt into trees, in the order in which a rollout gives them. */
function treesOf(
  pairs: readonly Pick<PreferencePair, 'dialogue' | 'isDemonstration'>[],
): readonly (readonly number[])[] {
  const trees: number[][] = [];
  pairs.forEach(({ dialogue, isDemonstration }, i) => {
    const before = pairs[i - 1];
    if (
      before !== undefined &&
      !isDemonstration &&
      !before.isDemonstration &&
      before.dialogue.prompt === dialogue.prompt
    )
      trees.at(-1)?.push(i);
    else trees.push([i]);
  });
  return trees;
}

/** Pairs as ids: the context that sampling conditioned on, the generated ids, the frozen reference's log-probabilities.
 */
export async function trainingPairs(
  reference: Pick<Reference, 'logProbs'>,
  pairs: readonly PreferencePair[],
): Promise<readonly TrainingPair[]> {
  const queries = pairs.flatMap(({ chosen, rejected }) =>
    [chosen, rejected].map((utterance) => ({
      prefix: present(utterance.contextIds, 'a local adversary’s utterance has the ids that it was conditioned on'),
      utterance,
      completion: present(utterance.tokens, 'a local adversary’s utterance has ids').ids,
    })),
  );
  const logProbs = await reference.logProbs(queries);
  return pairs.map((_, i) => {
    const [chosen, rejected] = [
      present(queries[2 * i], 'two queries per pair'),
      present(queries[2 * i + 1], 'two queries per pair'),
    ];
    return {
      prefix: chosen.prefix,
      chosen: chosen.completion,
      rejected: rejected.completion,
      referenceChosen: present(logProbs[2 * i], 'log-probabilities a query'),
      referenceRejected: present(logProbs[2 * i + 1], 'log-probabilities a query'),
    };
  });
}

async function evaluateWhenDue(
  context: IpoContext,
  options: IpoOptions,
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
