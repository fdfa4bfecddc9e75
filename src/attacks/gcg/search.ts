/** Greedy Coordinate Gradient (arXiv 2307.15043): looks for a suffix that makes given words the likely beginning of the
 *  target's reply. A step reads the gradient of the loss in the one-hot tokens of the suffix, swaps single tokens for
 *  those that it finds best, and moves to the best candidate, even one that is worse than the suffix before: the state
 *  is the last suffix, the result the best of the run. One suffix may serve several prompts, and several models: their losses are averaged.
 *
 *  The prefix that candidates share is read once, and so is the part of the suffix before the swap
 *  (docs/decisions/0005-prompts-read-as-trees.md).
 *
 *  Differs from the released codes: a candidate must survive decoding and encoding within the target's whole context; the
 *  start counts among what was found; ties go to the candidate that was drawn first. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, type StreamKey } from '../../base/random.js';
import type { Amounts, Spending } from '../../base/spending.js';
import { meanOrZero, sumOf } from '../../base/sums.js';
import type { WhiteBox } from '../attack.js';
import { allowedTokens } from '../search/allowedTokens.js';
import type { SuffixProblem } from '../search/suffixFrame.js';
import { drawCandidates, leastTokens } from './candidates.js';
import { type ObjectiveSource, openObjective } from './objective.js';
import type { GcgSettings } from './options.js';

export interface SuffixState {
  readonly step: number;
  /** The suffix to go on from, and its loss: nats per token, the mean over phrasings and prompts. */
  readonly suffix: readonly number[];
  readonly loss: number;
  readonly best: BestSuffix;
}

export interface BestSuffix {
  readonly suffix: readonly number[];
  readonly loss: number;
  /** Zero for the start. */
  readonly step: number;
}

export interface SuffixSearch {
  readonly start: () => Promise<SuffixState>;
  /** One step. @param key of the step: the same key and state give the same step */
  readonly step: (state: SuffixState, key: StreamKey) => Promise<SuffixStep>;
  /** The utterance that a suffix makes of each problem. */
  readonly utterances: (suffix: readonly number[]) => readonly string[];
  /** The cost of the start, and the most that a step costs. */
  readonly startCost: Amounts;
  readonly stepCost: Amounts;
  /** Tokens of the longest sequence that is scored. */
  readonly sequenceTokens: number;
}

export interface SuffixStep {
  readonly state: SuffixState;
  /** Candidates that were scored; where there was none the suffix stays. */
  readonly candidates: number;
}

export interface Gcg {
  /** @throws ConfigError where the start is not the same tokens in the contexts of all problems */
  readonly search: (problems: readonly SuffixProblem[]) => SuffixSearch;
  readonly close: () => Promise<void>;
}

type SearchSettings = Pick<GcgSettings, 'start' | 'width' | 'topK' | 'positions'> & { readonly ascii: boolean };

/** @param whiteBoxes the target, then further models that the suffix shall work on: they read the same tokens
 *  @throws ConfigError for models of other tokens */
export async function openGcg(
  whiteBoxes: readonly WhiteBox[],
  settings: SearchSettings,
  spending: Spending,
): Promise<Gcg> {
  const { width, topK, positions } = settings;
  const { model } = present(whiteBoxes[0], 'a search has a target');
  requireSameTokens(whiteBoxes);
  const sources: ObjectiveSource[] = [];
  for (const whiteBox of whiteBoxes) sources.push(await openObjective(whiteBox, settings.start, spending));
  const allowed = allowedTokens(model.tokenizer, model.vocabularySize, settings.ascii ? 'ascii' : 'any');
  return {
    search: (problems) => {
      const objectives = sources.map((source) => source.of(problems));
      const [first] = objectives;
      const { start, utterances } = present(first, 'an objective per model');
      const sequences = sumOf(objectives.map((objective) => objective.sequences));
      const survives = (suffix: readonly number[]): boolean =>
        objectives.every((objective) => objective.survives(suffix));

      /** Returns the loss of each suffix, the mean over models. */
      const lossesOf = async (suffixes: readonly (readonly number[])[]): Promise<readonly number[]> => {
        const all: (readonly number[])[] = [];
        for (const objective of objectives) all.push(await objective.losses(suffixes));
        return suffixes.map((_, i) => meanOrZero(all.map((losses) => present(losses[i], 'a loss per suffix'))));
      };

      return {
        start: async () => {
          const loss = present((await lossesOf([start]))[0], 'a loss per suffix');
          return { step: 0, suffix: start, loss, best: { suffix: start, loss, step: 0 } };
        },
        step: async (state, key) => {
          const step = state.step + 1;
          const gradients: (readonly Float32Array[])[] = [];
          for (const objective of objectives) gradients.push(await objective.gradient(state.suffix));
          const tops = sumNormalised(gradients).map((row) => leastTokens(row, allowed, topK));
          const stream = openStream(key);
          const candidates = drawCandidates(state.suffix, { tops, width, positions, stream, survives });
          if (candidates.length === 0) return { state: { ...state, step }, candidates: 0 };
          const losses = await lossesOf(candidates);
          const loss = Math.min(...losses);
          const suffix = present(candidates[losses.indexOf(loss)], 'a candidate per loss');
          const best = loss < state.best.loss ? { suffix, loss, step } : state.best;
          return { state: { step, suffix, loss, best }, candidates: candidates.length };
        },
        startCost: { targetEvaluations: sequences },
        stepCost: { targetEvaluations: width * sequences, targetGradients: sequences },
        sequenceTokens: Math.max(...objectives.map(({ sequenceTokens }) => sequenceTokens)),
        utterances,
      };
    },
    close: async () => {
      for (const source of sources) await source.close();
    },
  };
}

function requireSameTokens(whiteBoxes: readonly WhiteBox[]): void {
  const [first, ...others] = whiteBoxes.map(({ model }) => model);
  const other = others.find(({ tokenizer }) => tokenizer.id !== first?.tokenizer.id);
  if (other !== undefined)
    throw new ConfigError('a suffix of tokens is searched for models that read the same tokens', {
      where: 'also',
      expected: `the tokenizer of ${first?.name ?? ''}`,
      got: `that of ${other.name}`,
      remedy: 'Leave the model out, and evaluate what was found on it.',
    });
}

/** Sums gradients of several models, each divided by its norm at every position, so that none outweighs the others
 *  (llm-attacks does so); the gradient of one model as it is, whose order at a position a norm would not change. */
function sumNormalised(gradients: readonly (readonly Float32Array[])[]): readonly Float32Array[] {
  const [first = [], ...others] = gradients;
  if (others.length === 0) return first;
  const length = Math.min(...gradients.map((rows) => rows[0]?.length ?? 0));
  return first.map((_, s) => {
    const sum = new Float32Array(length);
    for (const rows of gradients) {
      const row = present(rows[s], 'a row per position');
      const norm = Math.sqrt(row.reduce((squares, value) => squares + value * value, 0));
      if (norm > 0) for (let v = 0; v < length; v++) sum[v] = (sum[v] as number) + (row[v] as number) / norm; // In range.
    }
    return sum;
  });
}
