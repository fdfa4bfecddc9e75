/** One epoch of online IPO against others: paired rollouts of horizon 3 (at every node two utterances, each answered, judged and
 *  continued: 7 pairs and 28 generations of at most 24 tokens per prompt), then one pass of IPO over the pairs in batches of 8, in the order
 *  of the trees. Adversary, target and reference start as the same weights; the judge is alt-profanity-check's linear model on all sides.
 *
 *  Ours is the attack of `src/attacks/ipo.ts` as a recipe runs it (ipoEpoch.ts). For each peer the recipe takes over its sampler, loss and
 *  optimizer:
 *   epoch    the reference implementations, driven by peers/astra_epoch.py and peers/astprompter_epoch.py from a checkout; where there
 *            is none, the figures of an earlier day, marked as such
 *   batched  peers/online_ipo.py, one loop written for speed. Utterances have exactly 24 tokens on both sides there.
 *
 *  Times start with the first rollout, when all is open and compiled, and nothing is warmed up. Checkpoints are not written on either
 *  side. What cannot be equal is in the notes of each comparison. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../src/base/errors.js';
import type { Precision } from '../src/engine/models/languageModel.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { memoryFigure } from './comparison.js';
import { epochOutcome, epochShape, peerRecipes, type IpoEpochOptions } from './ipoEpoch.js';
import { ownSide } from './ownSide.js';
import { peerSides, type PeerProgram } from './peer.js';
import type { Bench, BenchSetup, Comparison, BenchMetric, CheckoutName, Side, BenchTarget } from './types.js';

/** The peers' own limits: one reads up to 128 tokens of a prompt, another asks for 8. */
const promptTokens = { min: 8, max: 128 };

const secondsATree: BenchMetric = { key: 'secondsPerTree', title: 'a tree', unit: 's', better: 'lower' };
const rolloutATree: BenchMetric = { key: 'rolloutPerTree', title: 'rollout of a tree', unit: 's', better: 'lower' };
const updateATree: BenchMetric = { key: 'updatePerTree', title: 'update of a tree', unit: 's', better: 'lower' };
const spoken: BenchMetric = { key: 'spokenPerSecond', title: 'spoken tokens', unit: 'tokens/s', better: 'higher' };
const trained: BenchMetric = { key: 'trainedPerSecond', title: 'pairs trained', unit: 'pairs/s', better: 'higher' };

const rollsOwnDice =
  'Random numbers differ, so texts and the lengths of dialogues do; compare rates where tokens differ.';
const precisions = ['f32', 'int8'] as const;
const sideName = (precision: Precision): string => (precision === 'f32' ? 'f32' : 'int8 rollouts');

function ownEpoch(setup: BenchSetup, options: Pick<IpoEpochOptions, 'peer' | 'precision' | 'prompts' | 'trees'>): Side {
  return ownSide(sideName(options.precision), 'ipoEpoch', { model: setup.model, threads: setup.threads, ...options });
}

/** Against the reference implementations. */
export const epoch: Bench = async (setup) => {
  const prompts = await choosePrompts(setup, setup.trees);
  const references = setup.python === null ? [] : setup.references;
  if (references.length === 0) return [againstReference(setup, prompts, 'astra-rl', recordedAstra(setup))];
  return references.map(({ name, folder }) =>
    againstReference(setup, prompts, name, referencePrograms(setup, prompts, name, folder)),
  );
};

const programs: Readonly<Record<CheckoutName, PeerProgram>> = {
  'astra-rl': 'astra_epoch',
  ASTPrompter: 'astprompter_epoch',
};

function referencePrograms(setup: BenchSetup, prompts: string, name: CheckoutName, reference: string): readonly Side[] {
  const { beta, learningRate } = peerRecipes[name].ipo;
  return peerSides(setup, name, programs[name], {
    model: setup.model,
    ...epochShape,
    prompts,
    reference,
    beta,
    learningRate,
  });
}

/** Measured on 2026-11-21 with the checkout aa04b94, 4 prompts, on 2 cores of an Intel Xeon (AVX-512, AMX), torch
 *  2.15.0: one run each. */
function recordedAstra({ threads }: BenchSetup): readonly Side[] {
  const source = 'recorded 2026-11-21 on an Intel Xeon with AMX, 2 cores';
  const [rollout, update, peakGiB] = threads === 1 ? [139.8, 155.2, 15.1] : [85.6, 91.3, 14.7];
  const work = { trees: 4, pairs: 28, steps: 4, spokenTokens: threads === 1 ? 2530 : 2525 };
  const seconds = { rolloutSeconds: rollout, updateSeconds: update, wholeSeconds: rollout + update };
  return [
    {
      kind: 'recorded',
      label: 'astra-rl',
      isPeer: true,
      source,
      peakMiB: peakGiB * 1024,
      outcome: epochOutcome({ ...work, ...seconds }),
    },
  ];
}

const differences: Readonly<Record<CheckoutName, string>> = {
  'astra-rl':
    'Gadfly cuts off no utterance before its first token; astra-rl may say nothing. The likelihood term of its reward is a sequence probability, ours a token’s.',
  ASTPrompter: 'ASTPrompter puts a space after every prompt, and drops a pair whose rewards are equal.',
};

function againstReference(setup: BenchSetup, prompts: string, name: CheckoutName, peers: readonly Side[]): Comparison {
  const recorded = peers.some(({ kind }) => kind === 'recorded');
  const { horizon, newTokens, batchPairs } = epochShape;
  const least: Readonly<Record<Precision, number>> = { f32: 8, int8: 15 };
  return {
    name: `epoch/${name.toLowerCase()}`,
    title: `online-IPO epoch, horizon ${String(horizon)}, ${String(newTokens)} new tokens, batch ${String(batchPairs)}`,
    figures: [secondsATree, memoryFigure, rolloutATree, updateATree, spoken, trained],
    sides: [
      ...precisions.map((precision) => ownEpoch(setup, { peer: name, precision, prompts, trees: setup.trees })),
      ...peers,
    ],
    targets: precisions.flatMap((precision): readonly BenchTarget[] => [
      { kind: 'ratio', side: sideName(precision), figure: secondsATree.key, atLeast: least[precision] },
      { kind: 'ratio', side: sideName(precision), figure: memoryFigure.key, atLeast: 3 },
    ]),
    notes: [
      `${String(setup.trees)} tree(s) on our side. The peer handles prompts one after another, ours all at once, so its lead grows with their number.`,
      differences[name],
      rollsOwnDice,
      ...(recorded
        ? [
            `${name} was not measured: its figures are of another machine and another day. Give a checkout of it (--reference DIR).`,
          ]
        : []),
    ],
  };
}

/** Against the batched loop: f32 against f32, and with int8 rollouts against bfloat16. A processor that does not
 *  multiply bfloat16 is no quicker with it: there both of our sides stand against float32, measured once. */
export const batched: Bench = async (setup) => {
  const prompts = await choosePrompts(setup, setup.batchedTrees);
  const groups = setup.bfloat16
    ? precisions.map((precision) => ({ against: precision, own: [precision] }))
    : [{ against: 'f32' as const, own: precisions }];
  return groups.map(({ against, own }): Comparison => {
    return {
      name: `batched/${against}`,
      title: `online-IPO epoch of ${String(setup.batchedTrees)} trees, exactly ${String(epochShape.newTokens)} tokens a turn`,
      figures: [spoken, trained, secondsATree, memoryFigure],
      sides: [
        ...own.map((precision) => ownEpoch(setup, { peer: 'batched', precision, prompts, trees: setup.batchedTrees })),
        ...batchedLoop(setup, prompts, against),
      ],
      targets: own.flatMap((precision) =>
        [spoken, trained].map(
          ({ key }) => ({ kind: 'ratio', side: sideName(precision), figure: key, atLeast: 1.2 }) as const,
        ),
      ),
      notes: [
        'Ours judges the utterance as well as the reply and the exchange. The peer trains pairs depth by depth, ours tree by tree.',
        rollsOwnDice,
        ...(setup.bfloat16
          ? []
          : ['This processor does not multiply bfloat16, so int8 rollouts stand against float32 as well.']),
      ],
    };
  });
};

function batchedLoop(setup: BenchSetup, prompts: string, precision: Precision): readonly Side[] {
  const { adversary, target, ipo } = peerRecipes.batched;
  const dtype = precision === 'f32' ? 'float32' : 'bfloat16';
  return peerSides(setup, `batched PyTorch, ${dtype}`, 'online_ipo', {
    model: setup.model,
    ...epochShape,
    prompts,
    dtype,
    adversary,
    target,
    ...ipo,
  });
}

/** @throws ConfigError for a file that is no JSON array of texts */
export function readPrompts(file: string): readonly string[] {
  const texts: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (Array.isArray(texts) && texts.every((text) => typeof text === 'string')) return texts;
  throw new ConfigError('these are no prompts', { where: file, expected: 'a JSON array of texts' });
}

/** The first texts of the file that every peer takes, in a file of their own, so that all sides read the same. */
export async function choosePrompts(
  { model, prompts, scratch }: Pick<BenchSetup, 'model' | 'prompts' | 'scratch'>,
  count: number,
): Promise<string> {
  const texts = readPrompts(prompts);
  const tokenizer = await withCheckpoint(model, async (checkpoint) => tokenizerOf(checkpoint));
  const fits = (text: string): boolean => {
    const { length } = tokenizer.encode(text);
    return length >= promptTokens.min && length <= promptTokens.max;
  };
  const chosen = [...new Set(texts)].filter(fits).slice(0, count);
  if (chosen.length < count) {
    throw new ConfigError('too few prompts', {
      where: prompts,
      expected: `${String(count)} of 8 to 128 tokens`,
      got: String(chosen.length),
    });
  }
  const file = join(scratch, `prompts-${String(count)}.json`);
  writeFileSync(file, JSON.stringify(chosen));
  return file;
}
