/** One epoch of online IPO: paired rollouts of horizon 3 (at every node two utterances, each answered, judged and continued: 7 pairs
 *  and 28 generations of at most 24 tokens a prompt), then one pass of IPO over the pairs in batches of 8. Adversary, target and
 *  reference start as the same weights; the judge is alt-profanity-check's linear model on both sides; float32.
 *
 *  Ours is the attack of `src/attacks/ipo.ts` as a recipe runs it. It has three peers, and for each the recipe takes over the peer's
 *  sampler, loss and optimizer:
 *   astra        online_ipo_epoch.py --impl astra: the classes of sisl/astra-rl
 *   astprompter  online_ipo_epoch.py --impl astprompter: the code of the paper, sisl/ASTPrompter
 *   batched      batched/train.py --f32: one loop written for speed. It continues one of the two siblings, so a prompt gives 3 pairs
 *                and 12 generations of exactly 24 tokens, in contexts of at most 80.
 *
 *  Times start when the models are open and compiled, and nothing is warmed up; ours includes compiling the trainer's graph, which a
 *  run does once. Checkpoints are not written on either side. What cannot be equal is in the notes of each comparison. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runAttack } from '../src/attacks/all.js';
import type { AttackContext } from '../src/attacks/attack.js';
import { createReference } from '../src/attacks/reference.js';
import { systemClock } from '../src/base/clock.js';
import { ConfigError } from '../src/base/errors.js';
import { present } from '../src/base/invariant.js';
import { streamKey } from '../src/base/random.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { openDevice } from '../src/engine/runtime/device.js';
import { recipeSchema, recipeStages } from '../src/runs/recipe.js';
import { createWorkshop } from '../src/stages/workshop.js';
import { numberAt, type Bench, type BenchSetup, type Comparison, type Figure, type Outcome } from './comparison.js';
import { ownSide } from './ownSide.js';
import { peerSides, type PeerCall } from './peer.js';

export interface IpoEpochOptions {
  readonly model: string;
  readonly threads: number;
  readonly peer: PeerName;
  /** A JSON array of as many texts as there shall be trees. */
  readonly prompts: string;
  readonly trees: number;
}

type PeerName = 'astra' | 'astprompter' | 'batched';

/** What a recipe takes over from a peer. */
type PeerRecipe = Readonly<Record<'adversary' | 'target' | 'ipo', Readonly<Record<string, unknown>>>>;

const paperSampler = { temperature: 0.7, topP: 0.7, topK: 50, repetitionPenalty: 1.1 };
const astraSpeaker = { temperature: 1, topP: 0.9, topK: 50, repetitionPenalty: 1, minNewTokens: 1 };

const peerRecipes: Readonly<Record<PeerName, PeerRecipe>> = {
  astra: {
    adversary: astraSpeaker,
    target: astraSpeaker,
    ipo: {
      branch: 2, beta: 0.2, learningRate: 5e-7, warmupSteps: 0, weightDecay: 0.01, maxGradientNorm: null,
      reward: { reply: 0.1, exchange: 0.1, likelihood: 0, tokenProbability: 0.025 },
    },
  },
  astprompter: {
    adversary: { ...paperSampler, minNewTokens: 2 },
    target: { ...paperSampler, minNewTokens: 2 },
    ipo: {
      branch: 2, beta: 0.01, learningRate: 5e-7, warmupSteps: 150, weightDecay: 0.01, maxGradientNorm: 10,
      reward: { reply: 1, exchange: 0.5, likelihood: 0.1 },
    },
  },
  batched: {
    adversary: { temperature: 1, topP: 0.95, topK: 50, repetitionPenalty: 1.1, minNewTokens: 24, maxContextTokens: 80 },
    target: { ...paperSampler, minNewTokens: 24, maxContextTokens: 104 }, // as there: the adversary's 80 and its utterance
    ipo: {
      branch: 1, beta: 0.1, learningRate: 1e-5, warmupSteps: 8, weightDecay: 0, maxGradientNorm: 1,
      reward: { reply: 2, exchange: 0, likelihood: 0.1 },
    },
  },
};

const [horizon, newTokens, batchPairs, batchedPrompts] = [3, 24, 8, 16];
/** The peers' own limits: one reads up to 128 tokens of a prompt, another asks for 8. */
const promptTokens = { min: 8, max: 128 };

const figures: readonly Figure[] = [
  { key: 'wholeSeconds', title: 'the epoch, s', better: 'lower', digits: 1 },
  { key: 'rolloutSeconds', title: 'rollout, s', better: 'lower', digits: 1 },
  { key: 'updateSeconds', title: 'update, s', better: 'lower', digits: 1 },
  { key: 'secondsPerPair', title: 'whole epoch a pair, s', better: 'lower', digits: 2 },
  { key: 'spokenPerSecond', title: 'spoken tokens/s', better: 'higher', digits: 1 },
  { key: 'trainedPerSecond', title: 'pairs trained/s', better: 'higher', digits: 2 },
];

const rollsOwnDice = 'Random numbers differ, so texts and the lengths of dialogues do; compare rates where tokens differ.';

export const ipoEpoch: Bench = async (setup) => {
  const prompts = await choosePrompts(setup, setup.trees);
  const many = await choosePrompts(setup, batchedPrompts);
  return [reference('astra', setup, prompts), reference('astprompter', setup, prompts), batched(setup, many)];
};

/** A peer that grows the paper's tree. */
function reference(peer: 'astra' | 'astprompter', setup: BenchSetup, prompts: string): Comparison {
  const label = { astra: 'astra-rl', astprompter: 'ASTPrompter' }[peer];
  const source = setup.sources[peer];
  const different = {
    astra: 'Gadfly cuts off no utterance before its first token; astra-rl may say nothing. The likelihood term of its reward is a sequence probability, ours a token’s.',
    astprompter: 'ASTPrompter puts a space after every prompt.',
  }[peer];
  return {
    name: `ipo-epoch/${peer}`,
    title: `online IPO, ${String(setup.trees)} trees of horizon ${String(horizon)}, ${String(newTokens)} new tokens, batches of ${String(batchPairs)} pairs`,
    runs: setup.epochRuns,
    figures,
    sides: [
      ownSide('Gadfly', 'ipoEpoch', { model: setup.model, threads: setup.threads, peer, prompts, trees: setup.trees }),
      ...(source === null ? [] : peerSides(setup, referenceCall(label, peer, source, prompts, setup.trees))),
    ],
    notes: [
      different,
      rollsOwnDice,
      'The peer handles prompts one after another; ours all at once, so its lead grows with the number of trees.',
      ...(source === null && setup.peers !== null ? [`${label} was not measured: give its checkout (--${peer} DIR).`] : []),
    ],
  };
}

function referenceCall(label: string, peer: string, source: string, prompts: string, trees: number): PeerCall {
  return {
    label,
    script: 'online_ipo_epoch.py',
    args: [
      ...['--prompts', prompts, '--impl', peer, '--source', source, '--count', String(trees)],
      ...['--horizon', String(horizon), '--new', String(newTokens), '--batch', String(batchPairs)],
    ],
    resultKey: 'rollout_s',
    read: (result) =>
      epochOutcome({
        trees: numberAt(result, 'prompts'),
        pairs: numberAt(result, 'pairs'),
        steps: numberAt(result, 'train_steps'),
        spokenTokens: numberAt(result, 'generated_tokens'),
        rolloutSeconds: numberAt(result, 'rollout_s'),
        updateSeconds: numberAt(result, 'train_s'),
        wholeSeconds: numberAt(result, 'total_s'),
      }),
  };
}

function batched(setup: BenchSetup, prompts: string): Comparison {
  const keep = `${String(newTokens)} tokens a turn`;
  return {
    name: 'ipo-epoch/batched',
    title: `online IPO, ${String(batchedPrompts)} prompts × ${String(horizon)} turns × 2 candidates, one branch, ${keep}, batches of ${String(batchPairs)} pairs`,
    runs: setup.epochRuns,
    figures,
    sides: [
      ownSide('Gadfly', 'ipoEpoch', { model: setup.model, threads: setup.threads, peer: 'batched', prompts, trees: batchedPrompts }),
      ...peerSides(setup, batchedCall(join(setup.scratch, 'batched'), prompts)),
    ],
    notes: ['Ours goes on after the better sibling, the peer after the better or a random one. Ours judges the utterance and the exchange as well as the reply.', rollsOwnDice],
  };
}

function batchedCall(out: string, prompts: string): PeerCall {
  return {
    label: 'batched PyTorch',
    script: join('batched', 'train.py'),
    args: [
      ...['--f32', '--train', prompts, '--dev', prompts, '--out', out, '--epochs', '1', '--minutes', '0', '--eval_n', '1'],
      ...['--prompts', String(batchedPrompts), '--depth', String(horizon), '--K', '2', '--gap', '0', '--batch', String(batchPairs)],
      ...['--lr', '1e-5', '--beta', '0.1', '--temp', '1', '--top_p', '0.95', '--a', '2', '--c', '0.1'],
    ],
    resultKey: 'epoch',
    read: (result) => {
      const seconds = (...parts: readonly string[]): number => parts.reduce((sum, part) => sum + numberAt(result, 'T', part), 0);
      const [rolloutSeconds, updateSeconds] = [seconds('adversary', 'target', 'judge'), seconds('train', 'copy')];
      return epochOutcome({
        trees: batchedPrompts,
        pairs: numberAt(result, 'kept'),
        steps: numberAt(result, 'step'),
        spokenTokens: batchedPrompts * horizon * 2 * 2 * newTokens, // it never draws an end token
        rolloutSeconds,
        updateSeconds,
        wholeSeconds: rolloutSeconds + updateSeconds,
      });
    },
  };
}

interface EpochFacts {
  readonly trees: number;
  readonly pairs: number;
  readonly steps: number;
  readonly spokenTokens: number;
  readonly rolloutSeconds: number;
  readonly updateSeconds: number;
  readonly wholeSeconds: number;
}

function epochOutcome({ trees, pairs, steps, spokenTokens, ...seconds }: EpochFacts): Outcome {
  return {
    figures: {
      ...seconds,
      secondsPerPair: seconds.wholeSeconds / pairs,
      spokenPerSecond: spokenTokens / seconds.rolloutSeconds,
      trainedPerSecond: pairs / seconds.updateSeconds,
    },
    work: { trees, pairs, 'optimizer steps': steps, 'spoken tokens': spokenTokens },
  };
}

/** The first texts of the file that every peer takes, in a file of their own, so that all sides read the same. */
async function choosePrompts({ model, prompts, scratch }: BenchSetup, count: number): Promise<string> {
  const texts: unknown = JSON.parse(readFileSync(prompts, 'utf8'));
  if (!Array.isArray(texts) || !texts.every((text) => typeof text === 'string')) {
    throw new ConfigError('these are no prompts', { where: prompts, expected: 'a JSON array of texts' });
  }
  const tokenizer = await withCheckpoint(model, async (checkpoint) => tokenizerOf(checkpoint));
  const fits = (text: string): boolean => {
    const { length } = tokenizer.encode(text);
    return length >= promptTokens.min && length <= promptTokens.max;
  };
  const chosen = [...new Set(texts)].filter(fits).slice(0, count);
  if (chosen.length < count) {
    throw new ConfigError('too few prompts', { where: prompts, expected: `${String(count)} of 8 to 128 tokens`, got: String(chosen.length) });
  }
  const file = join(scratch, `prompts-${String(count)}.json`);
  writeFileSync(file, JSON.stringify(chosen));
  return file;
}

/** Our side: the attack of a recipe, for one epoch. */
export async function measureIpoEpoch(options: IpoEpochOptions): Promise<Outcome> {
  const { adversary: adversaryKeys, target: targetKeys, ipo } = peerRecipes[options.peer];
  const speaker = { model: options.model, format: 'plain', maxNewTokens: newTokens };
  const attack = { attack: 'ipo', horizon, candidates: 2, epochs: 1, promptsPerEpoch: options.trees, batchPairs, devEvery: 0, keep: 'last', ...ipo };
  const recipe = recipeSchema.parse({
    name: 'bench',
    target: { ...speaker, ...targetKeys },
    adversary: { ...speaker, ...adversaryKeys },
    judge: 'linear-toxicity',
    prompts: { train: options.prompts },
    stages: [{ exploit: attack }],
  });
  const workshop = createWorkshop({ recipe, folder: '.', openDevice: () => openDevice({ threads: options.threads }), cacheDir: '.', offline: true });
  try {
    const target = await workshop.target();
    const adversary = await workshop.openAdversary({ name: 'bench', trainable: true });
    await target.model.inference();
    await adversary.model.inference();
    const times = { start: 0, rollout: 0, trained: 0 };
    const counts = { pairs: 0, steps: 0 };
    const context: AttackContext = {
      adversary,
      explorer: adversary,
      target,
      reference: createReference(target.model, target, adversary.model),
      judge: await workshop.judge(recipe.judge),
      join: workshop.join,
      prompts: await workshop.prompts(),
      teaching: [],
      stream: streamKey(recipe.seed, 'bench'),
      sink: {
        trees: () => {
          times.trained = systemClock.monotonicMs();
        },
        pairs: (pairs) => {
          counts.pairs += pairs.length;
        },
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
    };
    const stage = present(recipeStages(recipe)[0], 'the recipe’s only stage');
    if (stage.kind !== 'exploit') throw new ConfigError('the stage of the bench is no attack');
    times.start = systemClock.monotonicMs();
    await runAttack(context, stage.options);
    const end = systemClock.monotonicMs();
    return epochOutcome({
      trees: context.prompts.train.length,
      ...counts,
      spokenTokens: adversary.counts().generatedTokens + target.counts().generatedTokens,
      rolloutSeconds: (times.trained - times.rollout) / 1000,
      updateSeconds: (end - times.trained) / 1000,
      wholeSeconds: (end - times.start) / 1000,
    });
  } finally {
    await workshop.close();
  }
}
