/** The settings of PPO: the recipe's, and where it does not say, our choice or that of an implementation by name. */
import type { BrokenRule } from '../../base/brokenRule.js';
import type { ValueHeadKind } from '../../engine/models/valueHead.js';
import type { KlPenalty, ScorePlacement } from '../../learning/formulas/advantages.js';
import { type KlControl, mostCompletions } from '../../learning/formulas/klControl.js';
import type { OptimizerKeys } from '../../learning/trainers/optimizerOf.js';
import type { PpoOptions } from './options.js';

interface Choices {
  readonly kl: KlPenalty & { readonly control: KlControl['kind'] };
  readonly score: ScorePlacement;
  readonly head: ValueHeadKind;
  readonly valueCoefficient: number;
  readonly maxMeanRatio: number | null;
  readonly learningRate: number;
  readonly maxGradientNorm: number | null;
}

/** TRL ≤ 0.11 (of 0.11.4): `PPOConfig`. */
const trlOld: Choices = {
  kl: { estimator: 'k1', coefficient: 0.2, control: 'adaptive' },
  score: 'atLast',
  head: 'linear',
  valueCoefficient: 0.1,
  maxMeanRatio: 10,
  learningRate: 1.41e-5,
  maxGradientNorm: null,
};

const choices: Readonly<Record<PpoOptions['like'], Choices>> = {
  gadfly: {
    ...trlOld,
    kl: { estimator: 'k1', coefficient: 0.05, control: 'fixed' },
    maxMeanRatio: null,
    maxGradientNorm: 1,
  },
  'trl-0.11': trlOld,
  // TRL 0.12 to 1.12. Its critic is a second model: ours stays a head.
  'trl-1.12': {
    ...trlOld,
    kl: { estimator: 'k1', coefficient: 0.05, control: 'fixed' },
    score: 'afterEnd',
    maxMeanRatio: null,
    learningRate: 3e-6,
  },
  // trlx of 2023, as arXiv 2306.09442 configures it, but for its schedule, whose floor is above the rate.
  trlx: {
    ...trlOld,
    kl: { estimator: 'k1', coefficient: 0.05, control: 'adaptive' },
    score: 'overLast',
    head: 'mlp',
    valueCoefficient: 1,
    maxMeanRatio: null,
    learningRate: 1e-6,
  },
};

export interface PpoSettings {
  readonly penalty: KlPenalty;
  readonly control: KlControl;
  readonly score: ScorePlacement;
  readonly head: ValueHeadKind;
  readonly valueCoefficient: number;
  readonly maxMeanRatio: number | null;
  readonly optimizer: OptimizerKeys;
}

/** Returns what the recipe says, and for the rest what the implementation does that it names. */
export function ppoSettings(options: PpoOptions): PpoSettings {
  const { kl, value, warmupSteps, weightDecay } = options;
  const chosen = choices[options.like];
  const control = kl.control ?? chosen.kl.control;
  return {
    penalty: {
      estimator: kl.estimator ?? chosen.kl.estimator,
      coefficient: kl.coefficient ?? chosen.kl.coefficient,
    },
    control: control === 'fixed' ? { kind: control } : { kind: control, target: kl.target, horizon: kl.horizon },
    score: options.score ?? chosen.score,
    head: value.head ?? chosen.head,
    valueCoefficient: value.coefficient ?? chosen.valueCoefficient,
    maxMeanRatio: orChosen(options.maxMeanRatio, chosen.maxMeanRatio),
    optimizer: {
      warmupSteps,
      weightDecay,
      learningRate: options.learningRate ?? chosen.learningRate,
      maxGradientNorm: orChosen(options.maxGradientNorm, chosen.maxGradientNorm),
    },
  };
}

/** An adaptive penalty must be able to rise, and must not change its sign within one epoch. */
export function controlRules(options: PpoOptions): readonly BrokenRule[] {
  const { penalty, control } = ppoSettings(options);
  if (control.kind === 'fixed') return [];
  const utterances = options.promptsPerEpoch * options.dialoguesPerPrompt * options.horizon;
  return [
    ...(penalty.coefficient > 0
      ? []
      : [
          {
            path: ['kl', 'coefficient'],
            message: 'an adaptive penalty that begins at 0 stays there',
            remedy: 'give a coefficient above 0, or control: fixed',
          },
        ]),
    ...(utterances < mostCompletions(control)
      ? []
      : [
          {
            path: ['kl', 'horizon'],
            message: `an epoch of up to ${String(utterances)} utterances may lower the penalty to 0 or below at once`,
            remedy: `give a horizon above ${String(Math.floor(utterances / mostCompletions({ horizon: 1 })))}`,
          },
        ]),
  ];
}

/** A recipe may say null, which is never; only what it leaves out is chosen. */
function orChosen(given: number | null | undefined, chosen: number | null): number | null {
  return given === undefined ? chosen : given;
}
