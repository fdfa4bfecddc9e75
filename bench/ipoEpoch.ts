/** Our side of an epoch of online IPO: the attack of a recipe, run once over its prompts. What it is compared with is
 *  in epochComparisons.ts. */
import type { AttackContext } from '../src/attacks/attack.js';
import { playJobsHere } from '../src/dialogue/rollout/jobs.js';
import { localLearner } from '../src/learning/learner.js';
import { createReference } from '../src/attacks/reference.js';
import { systemClock } from '../src/base/clock.js';
import { present } from '../src/base/invariant.js';
import { createSpending } from '../src/base/spending.js';
import { streamKey } from '../src/base/random.js';
import type { Precision } from '../src/engine/models/languageModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { recipeSchema, recipeStages, type Recipe } from '../src/recipe/recipe.js';
import { openModelPool } from '../src/models/pool.js';
import type { Outcome, CheckoutName } from './types.js';

export interface IpoEpochOptions {
  readonly model: string;
  readonly threads: number;
  readonly peer: RecipeName;
  /** Precision of rollouts. */
  readonly precision: Precision;
  /** A JSON array of as many texts as there shall be trees. */
  readonly prompts: string;
  readonly trees: number;
  /** Default `epochShape`'s. */
  readonly horizon?: number;
}

export type RecipeName = CheckoutName | 'batched';

/** The same on all sides. */
export const epochShape = { horizon: 3, newTokens: 24, batchPairs: 8 } as const;

interface PeerRecipe {
  readonly adversary: Readonly<Record<string, number>>;
  readonly target: Readonly<Record<string, number>>;
  readonly ipo: { readonly beta: number; readonly learningRate: number; readonly branch: number } & Readonly<
    Record<string, unknown>
  >;
}

const paperSampler = { temperature: 0.7, topP: 0.7, topK: 50, repetitionPenalty: 1.1 };
const astraSampler = { temperature: 1, topP: 0.9, topK: 50, repetitionPenalty: 1, minNewTokens: 1 };

/** A recipe takes this over from each peer. */
export const peerRecipes: Readonly<Record<RecipeName, PeerRecipe>> = {
  'astra-rl': {
    adversary: astraSampler,
    target: astraSampler,
    ipo: {
      branch: 2,
      beta: 0.2,
      learningRate: 5e-7,
      warmupSteps: 0,
      weightDecay: 0.01,
      maxGradientNorm: null,
      reward: { reply: 0.1, exchange: 0.1, likelihood: 0, tokenProbability: 0.025 },
    },
  },
  ASTPrompter: {
    adversary: { ...paperSampler, minNewTokens: 2 },
    target: { ...paperSampler, minNewTokens: 2 },
    ipo: {
      branch: 2,
      beta: 0.01,
      learningRate: 5e-7,
      warmupSteps: 150,
      weightDecay: 0.01,
      maxGradientNorm: 10,
      reward: { reply: 1, exchange: 0.5, likelihood: 0.1 },
    },
  },
  batched: {
    adversary: { temperature: 1, topP: 0.95, topK: 50, repetitionPenalty: 1.1, minNewTokens: epochShape.newTokens },
    target: { ...paperSampler, minNewTokens: epochShape.newTokens },
    ipo: {
      branch: 2,
      beta: 0.1,
      learningRate: 1e-5,
      warmupSteps: 0,
      weightDecay: 0,
      maxGradientNorm: 1,
      reward: { reply: 2, exchange: 0.5, likelihood: 0.1 },
    },
  },
};

export interface EpochFacts {
  readonly trees: number;
  readonly pairs: number;
  readonly steps: number;
  readonly spokenTokens: number;
  readonly rolloutSeconds: number;
  readonly updateSeconds: number;
  readonly wholeSeconds: number;
}

/** peers/peer.py gives the same figures. */
export function epochOutcome({
  trees,
  pairs,
  steps,
  spokenTokens,
  rolloutSeconds,
  updateSeconds,
  wholeSeconds,
}: EpochFacts): Outcome {
  return {
    figures: {
      secondsPerTree: wholeSeconds / trees,
      rolloutPerTree: rolloutSeconds / trees,
      updatePerTree: updateSeconds / trees,
      spokenPerSecond: spokenTokens / rolloutSeconds,
      trainedPerSecond: pairs / updateSeconds,
    },
    work: { trees, pairs, 'optimizer steps': steps, 'spoken tokens': spokenTokens },
  };
}

function recipeOf({ model, peer, precision, prompts, trees, horizon = epochShape.horizon }: IpoEpochOptions): Recipe {
  const { adversary, target, ipo } = peerRecipes[peer];
  const { newTokens, batchPairs } = epochShape;
  const speaker = { model, format: 'plain', maxNewTokens: newTokens };
  const attack = {
    attack: 'ipo',
    horizon,
    candidates: 2,
    epochs: 1,
    promptsPerEpoch: trees,
    batchPairs,
    batches: 'trees',
    devEvery: 0,
    keep: 'last',
    ...ipo,
  };
  return recipeSchema.parse({
    name: 'bench',
    // In f32, since what it reads is the reference of the loss as well: in int8 that would be read a second time.
    target: { ...speaker, ...target },
    adversary: { ...speaker, ...adversary, rolloutPrecision: precision },
    judge: 'linear-toxicity',
    prompts: { train: prompts },
    stages: [{ exploit: attack }],
  });
}

export async function measureIpoEpoch(options: IpoEpochOptions): Promise<Outcome> {
  const recipe = recipeOf(options);
  const pool = openModelPool({
    recipe,
    folder: '.',
    openDevice: () => openDevice({ threads: options.threads }),
    cacheDir: '.',
    offline: true,
  });
  try {
    const target = await pool.localTarget();
    const { value: adversary } = await pool.openAdversary({ name: 'bench', trainable: true });
    const behaviour = pool.behaviourPolicy(adversary, {});
    await target.model.inference();
    // A rounded adversary is made anew in every epoch: that counts.
    if (options.precision === 'f32') await adversary.model.inference();
    const times = { rollout: 0, trained: 0 };
    const counts = { pairs: 0, steps: 0 };
    const context: AttackContext = {
      target,
      rolloutTarget: target,
      playJobs: playJobsHere,
      learner: async () => ({
        adversary,
        behaviour,
        trainers: localLearner(adversary.model, () => undefined),
        reference: async () => createReference(target.model, target, adversary.model),
      }),
      attacker: async () => adversary,
      steerable: async () => ({ adversary, explorer: behaviour, startFolder: null }),
      folder: (kind) => kind,
      locate: (path) => path,
      whiteBox: async () => target,
      embedder: () => Promise.reject(new Error('this bench asks for no embedder')),
      judge: await pool.judge(recipe.judge),
      join: pool.join,
      prompts: await pool.prompts(),
      demonstrations: [],
      taught: async () => null,
      stream: streamKey(recipe.seed, 'bench'),
      sink: {
        trees: () => {
          times.trained = systemClock.monotonicMs();
        },
        pairs: (pairs) => {
          counts.pairs += pairs.length;
        },
        tries: () => undefined,
        metrics: (_, { step }) => {
          counts.steps = step;
        },
      },
      checkpoints: { restored: null, save: async () => undefined },
      mayGoOn: () => undefined,
      progress: ({ phase }) => {
        if (phase === 'rollout') times.rollout = systemClock.monotonicMs();
      },
      clock: systemClock,
      spending: createSpending(),
    };
    const { attack } = present(recipeStages(recipe)[0], 'the recipe’s only stage').traits;
    await present(attack, 'the stage of the bench attacks').run(context);
    const end = systemClock.monotonicMs();
    return epochOutcome({
      trees: context.prompts.train.length,
      ...counts,
      spokenTokens: behaviour.counts().generatedTokens + target.counts().generatedTokens,
      rolloutSeconds: (times.trained - times.rollout) / 1000,
      updateSeconds: (end - times.trained) / 1000,
      wholeSeconds: (end - times.rollout) / 1000,
    });
  } finally {
    await pool.close();
  }
}
