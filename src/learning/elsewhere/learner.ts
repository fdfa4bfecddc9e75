/** Trainers of a policy that is elsewhere: what those of `trainers/` compute in one graph with the model, from its
 *  log-probabilities alone. Logs have the same names; grad_norm is absent where the trainer does not say it. */
import { ConfigError } from '../../base/errors.js';
import { sumOf } from '../../base/sums.js';
import { type Dual, duals } from '../formulas/duals.js';
import { preferenceFormula, readsMargin, readsToxic } from '../formulas/preference.js';
import { clippedPolicyLoss } from '../formulas/policyGradient.js';
import { countSteps, type Learner } from '../learner.js';
import { joinTokens, meanFactor, requireReadable } from '../trainers/pairFeeds.js';
import {
  type PolicyLogProbs,
  preferenceMetrics,
  type PreferenceOptions,
  type PreferenceTrainer,
  resolvePreference,
} from '../trainers/preference.js';
import { defaultRloo, ratioMetrics, type RlooTrainer, type RlooTraining } from '../trainers/rloo.js';
import { defaultSft, type SftTrainer, type SftTraining } from '../trainers/sft.js';
import type { TrainingPair } from '../trainers/trainingData.js';
import { type Lesson, learnLesson, openLesson } from './lessons.js';
import type { LogProbPolicy } from './logProbPolicy.js';

/** @param onStep called after every optimizer step */
export function learnerElsewhere(policy: LogProbPolicy, onStep: () => void): Learner {
  return {
    preference: async (options) => countSteps(preferenceElsewhere(policy, resolvePreference(options)), onStep),
    supervised: async (options) => countSteps(supervisedElsewhere(policy, { ...defaultSft, ...options }), onStep),
    rloo: async (options) => countSteps(rlooElsewhere(policy, { ...defaultRloo, ...options }), onStep),
    ppo: refuseHead,
    balance: refuseHead,
  };
}

async function refuseHead(): Promise<never> {
  throw new ConfigError('a value head is not trained elsewhere', {
    where: 'adversary.trainer',
    expected: 'a loss of log-probabilities alone',
    remedy: 'Use rloo or ctb, which need no head, or train on this machine.',
  });
}

/** The part of every trainer that is the policy's own. */
function stateOf({
  step,
  save,
  load,
  release,
}: LogProbPolicy): Pick<LogProbPolicy, 'step' | 'save' | 'load' | 'release'> {
  return { step, save, load, release };
}

function supervisedElsewhere(policy: LogProbPolicy, { optimizer }: Pick<SftTraining, 'optimizer'>): SftTrainer {
  return {
    ...stateOf(policy),
    train: async (examples) => {
      const tokens = examples.reduce((sum, { completion }) => sum + completion.length, 0);
      const lesson = await openLesson(policy, examples);
      let loss = 0;
      for (const example of examples) {
        loss -= sumOf(lesson.logProbs(example)) / tokens;
        lesson.add(example, () => -1 / tokens);
      }
      return { ...(await learnLesson(policy, lesson, loss, optimizer)), num_tokens: tokens };
    },
  };
}

function rlooElsewhere(
  policy: LogProbPolicy,
  { clip, optimizer }: Pick<RlooTraining, 'clip' | 'optimizer'>,
): RlooTrainer {
  return {
    ...stateOf(policy),
    train: async (samples) => {
      const lesson = await openLesson(policy, samples);
      let loss = 0;
      const changes = samples.map((sample) => {
        const [now, old] = [sumOf(lesson.logProbs(sample)), sumOf(sample.oldLogProbs)];
        const inputs = { logProb: variable(now), oldLogProb: constant(old), advantage: constant(sample.advantage) };
        const own = clippedPolicyLoss(duals, inputs, clip);
        loss += own.v / samples.length;
        lesson.add(sample, () => own.d / samples.length);
        return { change: now - old, advantage: sample.advantage };
      });
      return { ...(await learnLesson(policy, lesson, loss, optimizer)), ...ratioMetrics(changes, clip) };
    },
  };
}

function preferenceElsewhere(policy: LogProbPolicy, options: PreferenceOptions): PreferenceTrainer {
  const packing = { toxic: readsToxic(options), margin: readsMargin(options), anchor: options.anchor };
  return {
    ...stateOf(policy),
    train: async (pairs) => {
      requireReadable(pairs, packing);
      const lesson = await openLesson(
        policy,
        pairs.flatMap((pair) => [
          ...repliesOf(pair, packing.toxic).map(({ sequence }) => sequence),
          ...(pair.anchor === undefined || options.anchor === 0 ? [] : [pair.anchor]),
        ]),
      );
      let [loss, anchorLoss] = [0, 0];
      const read: PolicyLogProbs[] = [];
      for (const pair of pairs) {
        const own = learnPair(lesson, pair, options, pairs.length);
        loss += own.loss;
        read.push(own.read);
        anchorLoss += learnAnchor(lesson, pair, options, pairs.length);
      }
      return {
        ...(await learnLesson(policy, lesson, loss + anchorLoss, options.optimizer)),
        ...preferenceMetrics(pairs, read, options),
        ...(options.anchor > 0 ? { anchor_loss: anchorLoss } : {}),
      };
    },
  };
}

const policyNames = { chosen: 'policyChosen', rejected: 'policyRejected', toxic: 'policyToxic' } as const;
type ReplyName = keyof typeof policyNames;

function repliesOf(
  { prefix, chosen, rejected, toxic = [] }: TrainingPair,
  isToxicRead: boolean,
): readonly { readonly name: ReplyName; readonly sequence: Lesson['reading']['sequences'][number] }[] {
  return [
    { name: 'chosen', sequence: { prefix, completion: chosen } },
    { name: 'rejected', sequence: { prefix, completion: rejected } },
    ...(isToxicRead ? ([{ name: 'toxic', sequence: { prefix, completion: toxic } }] as const) : []),
  ];
}

/** Adds a pair's derivatives: the formula is evaluated once for each reply whose probability it reads. */
function learnPair(
  lesson: Lesson,
  pair: TrainingPair,
  options: PreferenceOptions,
  batch: number,
): { readonly loss: number; readonly read: PolicyLogProbs } {
  const { logProbs: how, nll } = options;
  const replies = repliesOf(pair, readsToxic(options));
  const joined = new Map(replies.map(({ name, sequence }) => [name, joinTokens(lesson.logProbs(sequence), how)]));
  const at = (name: ReplyName): number => joined.get(name) ?? 0;
  const along = (varied: ReplyName | null): Dual => {
    const policy = Object.fromEntries(
      replies.map(({ name }) => [policyNames[name], name === varied ? variable(at(name)) : constant(at(name))]),
    );
    const inputs = {
      policyChosen: constant(0),
      policyRejected: constant(0),
      ...policy,
      referenceChosen: constant(joinTokens(pair.referenceChosen, how)),
      referenceRejected: constant(joinTokens(pair.referenceRejected, how)),
      ...(readsToxic(options) ? { referenceToxic: constant(joinTokens(pair.referenceToxic ?? [], how)) } : {}),
      ...(pair.soughtMargin === undefined ? {} : { soughtMargin: constant(pair.soughtMargin) }),
    };
    return preferenceFormula(duals, inputs, options).loss;
  };
  const imitation = nll * meanFactor(pair.chosen.length, how);
  for (const { name, sequence } of replies) {
    const derivative = (along(name).d - (name === 'chosen' ? imitation : 0)) / batch;
    const share = how === 'sum' ? 1 : 1 / sequence.completion.length;
    lesson.add(sequence, () => derivative * share);
  }
  return {
    loss: (along(null).v - imitation * at('chosen')) / batch,
    read: { chosen: at('chosen'), rejected: at('rejected'), ...(readsToxic(options) ? { toxic: at('toxic') } : {}) },
  };
}

/** Adds the derivatives of a pair's anchor. Returns its loss. */
function learnAnchor(
  lesson: Lesson,
  { anchor }: TrainingPair,
  { anchor: weight }: PreferenceOptions,
  batch: number,
): number {
  if (anchor === undefined || weight === 0) return 0;
  const factor = weight / (anchor.completion.length * batch);
  const moved = lesson.logProbs(anchor).map((logProb, t) => logProb - (anchor.reference[t] ?? NaN));
  lesson.add(anchor, (t) => 2 * factor * (moved[t] ?? NaN));
  return factor * moved.reduce((sum, each) => sum + each * each, 0);
}

function variable(v: number): Dual {
  return { v, d: 1 };
}

function constant(v: number): Dual {
  return { v, d: 0 };
}
