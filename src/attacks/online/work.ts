/** How much work an online attack is, counted before it runs. */
import { speakerFormat } from '../../speakers/speakerOptions.js';
import { callOf, contextLength, linearCalls, type SpeakerCall, type TurnCalls } from '../../speakers/calls.js';
import {
  noWork,
  readOf,
  speakerWork,
  targetTextWork,
  type TextWork,
  verdictsPerExchange,
  type Work,
} from '../../speakers/work.js';
import type { AttackLengths } from '../attack.js';
import type { BatchOptions } from './batches.js';
import type { OnlineOptions } from './options.js';

/** The options that its work follows from. */
export interface WorkOptions extends OnlineOptions, BatchOptions {
  /** A node gives the pair of its extremes, every two siblings, or each utterance on its own, without pairs. */
  readonly pairing: 'extremes' | 'all' | 'none';
  /** Dialogues that a prompt opens in an epoch; default 1. */
  readonly dialoguesPerPrompt?: number;
  /** Passes over what an epoch gave; default 1. */
  readonly passes?: number;
  /** The adversary in training reads what it said once more, for values. Default false. */
  readonly readsAgain?: boolean;
  /** Chance that a demonstration takes a prompt's place, and the epochs that have nothing else. */
  readonly demonstrated: { readonly probability: number; readonly onlyEpochs: number } | null;
}

/** Counts the attack's work for the models. Counts that its options fix (queries, judged texts) are exact without
 *  demonstrations, whose draws are counted by their probability. Pairs, what is trained on them, and steps are bounds:
 *  ties and gaps below `minGap` drop pairs, `patience` drops epochs. */
export function onlineWork(options: WorkOptions, facts: AttackLengths): Work {
  const work = countWork(options, facts);
  const { demonstrated } = options;
  if (demonstrated === null) return work;
  const rolling = countWork({ ...options, demonstrated: { ...demonstrated, probability: 0 } }, facts);
  return { ...work, atMost: { adversary: rolling.adversary.queries, target: rolling.target.queries } };
}

function countWork(options: WorkOptions, facts: AttackLengths): Work {
  const { dialoguesPerPrompt = 1 } = options;
  const drawn = dialoguesPerPrompt * Math.min(options.promptsPerEpoch, facts.adversary.prompts.train.length);
  const evaluations = options.devEvery === 0 ? 0 : Math.ceil(options.epochs / options.devEvery);
  const parts = [
    ...epochKinds(options).map((kind) => epochsWork(options, kind, drawn, facts)),
    {
      ...noEpochs,
      ...linearCalls(facts, 'dev', options.devPrompts, options.horizon, evaluations),
    },
  ];
  const target = speakerWork(parts.flatMap((part) => part.target));
  const asked = targetTextWork(target.calls, options, facts.adversary.utterance);
  const embedded = embeddingWork(parts.slice(0, -1), options, facts);
  return {
    ...noWork,
    target,
    adversary: speakerWork(parts.flatMap((part) => part.adversary)),
    reference: { queries: total(parts, 'referenceQueries'), readTokens: total(parts, 'referenceTokens') },
    targetTexts: { queries: asked.queries + embedded.queries, readTokens: asked.readTokens + embedded.readTokens },
    judgeQueries: target.queries * verdictsPerExchange,
    pairs: total(parts, 'pairs'),
    trainedTokens: total(parts, 'trainedTokens'),
    optimizerSteps: total(parts, 'steps'),
  };
}

/** Counts what diversity adds: the target reads every utterance of an epoch by itself. */
function embeddingWork(
  epochs: readonly Pick<TurnCalls, 'target'>[],
  { diversity }: Pick<WorkOptions, 'diversity'>,
  facts: AttackLengths,
): TextWork {
  if (diversity === null) return noWork.targetTexts;
  const calls = epochs.flatMap(({ target }) => target);
  const queries = calls.reduce((sum, { times, rows }) => sum + times * rows, 0);
  return { queries, readTokens: queries * (facts.adversary.utterance + 1) };
}

/** Epochs that draw alike: `demonstrated` is the chance that a demonstration takes the place of a prompt. */
interface EpochKind {
  readonly epochs: number;
  readonly demonstrated: number;
}

function epochKinds({ epochs, demonstrated }: WorkOptions): readonly EpochKind[] {
  if (demonstrated === null) return [{ epochs, demonstrated: 0 }];
  const only = Math.min(epochs, demonstrated.onlyEpochs);
  return [
    { epochs: only, demonstrated: 1 },
    { epochs: epochs - only, demonstrated: demonstrated.probability },
  ].filter((kind) => kind.epochs > 0);
}

interface EpochsWork extends TurnCalls {
  readonly pairs: number;
  readonly trainedTokens: number;
  readonly steps: number;
  readonly referenceQueries: number;
  readonly referenceTokens: number;
}

const noEpochs = { pairs: 0, trainedTokens: 0, steps: 0, referenceQueries: 0, referenceTokens: 0 } as const;

function epochsWork(
  options: WorkOptions,
  { epochs, demonstrated }: EpochKind,
  drawn: number,
  facts: AttackLengths,
): EpochsWork {
  const { horizon, candidates } = options;
  const { demonstrations } = facts;
  const width = Math.min(options.branch, candidates);
  const [given, rolled] = [drawn * demonstrated, drawn * (1 - demonstrated)];
  const [a, t] = [facts.adversary.utterance, facts.target.utterance];
  const [adversary, target]: [SpeakerCall[], SpeakerCall[]] = [[], []];
  const { pairing, passes = 1, readsAgain = false } = options;
  const siblings = pairing === 'extremes' ? 2 : candidates;
  const itemsOfNode = pairing === 'none' ? siblings : (siblings * (siblings - 1)) / 2;
  let [nodesInAll, items, trainedTokens, referenceQueries, referenceTokens] = [0, 0, 0, 0, 0];
  /** Adds nodes that train `taught` utterances of `tokens` tokens together. */
  const addNodes = (nodes: number, growth: number, { taught, tokens }: { taught: number; tokens: number }): void => {
    const prefix = contextLength(facts.adversary, 'train', growth);
    const computed = taught * nodes * (options.from === null ? shareComputed(facts, growth + tokens / taught) : 1);
    trainedTokens += nodes * (prefix + tokens - taught);
    referenceQueries += computed;
    referenceTokens += (computed / taught) * (prefix + tokens);
  };
  for (let depth = 1; depth <= horizon; depth++) {
    const nodes = rolled * width ** (depth - 1);
    const growth = (depth - 1) * (a + t);
    const turn = { times: epochs, rows: nodes * candidates, set: 'train', isFirst: depth === 1 } as const;
    adversary.push(callOf(facts.adversary, { ...turn, contexts: nodes, growth, heard: t, newTokens: a }));
    target.push(
      callOf(facts.target, { ...turn, contexts: nodes, growth: growth + a, heard: candidates * a, newTokens: t }),
    );
    addNodes(nodes, growth, { taught: siblings, tokens: siblings * a });
    nodesInAll += nodes;
    items += nodes * itemsOfNode;
  }
  const treeItems = rolled === 0 ? 0 : items / rolled;
  if (options.batches === 'trees')
    trainedTokens = Math.min(trainedTokens, treeTokens({ trees: rolled, nodes: nodesInAll, siblings }, facts));
  if (demonstrations !== null && given > 0) {
    const { prefix, completion } = demonstrations;
    const [asked, heard] = [
      Math.min(prefix, facts.adversary.maxContext),
      Math.min(prefix + (a + completion) / 2, facts.target.maxContext),
    ];
    adversary.push({
      times: epochs,
      rows: given,
      contexts: given,
      contextTokens: given * asked,
      readTokens: given * asked,
      newTokens: given * a,
    });
    target.push({
      times: epochs,
      rows: 2 * given,
      contexts: given,
      contextTokens: 2 * given * heard,
      readTokens: given * Math.min(2 * heard, prefix + a + completion),
      newTokens: 2 * given * t,
    });
    addNodes(given, 0, { taught: 2, tokens: a + completion });
    items += given;
  }
  if (readsAgain) {
    const nothing = { rows: 0, contexts: 0, contextTokens: 0, newTokens: 0 };
    adversary.push({ ...nothing, times: epochs, readTokens: trainedTokens });
  }
  return {
    adversary,
    target,
    pairs: pairing === 'none' ? 0 : epochs * items,
    trainedTokens: epochs * passes * trainedTokens,
    steps:
      epochs *
      passes *
      stepsOf(options, { trees: rolled, treeItems, demonstrations: demonstrations === null ? 0 : given }),
    referenceQueries: epochs * referenceQueries,
    referenceTokens: epochs * referenceTokens,
  };
}

/** Optimizer steps of a pass in which no pair is dropped. */
function stepsOf(
  { batches, batchPairs }: WorkOptions,
  {
    trees,
    treeItems,
    demonstrations,
  }: { readonly trees: number; readonly treeItems: number; readonly demonstrations: number },
): number {
  if (batches === 'mixed' || treeItems === 0) return Math.ceil((trees * treeItems + demonstrations) / batchPairs);
  // Trees are not cut where they fit; demonstrations fill the rest of a batch.
  const stepsPerTree =
    treeItems > batchPairs ? Math.ceil(treeItems / batchPairs) : 1 / Math.floor(batchPairs / treeItems);
  const full = Math.ceil(trees * stepsPerTree);
  return Math.max(full, Math.ceil((trees * treeItems + demonstrations) / batchPairs));
}

/** Tokens of trees whose pairs share a row: the prompt once, the paired utterances of each node, and before every node but
 *  the first a reply and the last token of the utterance it answers. */
function treeTokens(
  { trees, nodes, siblings }: { readonly trees: number; readonly nodes: number; readonly siblings: number },
  { adversary, target }: AttackLengths,
): number {
  return (
    trees * contextLength(adversary, 'train', 0) +
    nodes * siblings * readOf(adversary.utterance) +
    (nodes - trees) * (target.utterance + 1)
  );
}

/** Share of completions that the target did not read as the reference must: other weights, another view of the
 *  dialogue, or a context that was cut elsewhere. */
function shareComputed(facts: AttackLengths, growth: number): number {
  const { reference, adversary, target } = facts.speakers;
  const isTarget = (reference ?? adversary.model) === target.model && adversary.model === target.model;
  if (target.precision !== 'f32') return 1;
  if (!isTarget || speakerFormat(adversary) !== speakerFormat(target) || speakerFormat(target) === 'chat') return 1;
  const { prompts, maxContext } = facts.target;
  const isOther = (length: number, i: number): boolean =>
    length + growth > maxContext || length !== facts.adversary.prompts.train[i];
  return prompts.train.length === 0 ? 0 : prompts.train.filter(isOther).length / prompts.train.length;
}

function total(parts: readonly EpochsWork[], key: keyof typeof noEpochs): number {
  return parts.reduce((sum, part) => sum + part[key], 0);
}
