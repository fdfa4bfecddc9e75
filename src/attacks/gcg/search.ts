/** Greedy Coordinate Gradient (arXiv 2307.15043): looks for a suffix that makes given words the likely beginning of the
 *  target's reply. A step reads the gradient of the loss in the one-hot tokens of the suffix, swaps single tokens for
 *  those that it finds best, and moves to the best candidate, even one that is worse than the suffix before: the state
 *  is the last suffix, the result the best of the run. One suffix may serve several prompts: their losses are averaged.
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
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import type { WhiteBox } from '../attack.js';
import { allowedTokens, drawCandidates, leastTokens } from './candidates.js';
import { openGradientReader } from './oneHotGradient.js';
import type { GcgSettings } from './options.js';
import { openSuffixFrame, type SuffixProblem } from './suffixFrame.js';

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

export async function openGcg(whiteBox: WhiteBox, settings: SearchSettings, spending: Spending): Promise<Gcg> {
  const { model } = whiteBox;
  const { width, topK, positions } = settings;
  const reader = await openGradientReader(model);
  const allowed = allowedTokens(model.tokenizer, model.vocabularySize, settings.ascii);
  return {
    search: (problems) => {
      const frames = problems.map((problem) => openSuffixFrame(whiteBox, problem, settings.start));
      const { start } = present(frames[0], 'a search has a problem');
      if (frames.some((frame) => frame.start.join() !== start.join()))
        throw new ConfigError('the start of the suffix is not the same tokens after every prompt', {
          where: 'start',
          got: JSON.stringify(settings.start),
          remedy:
            'Begin the suffix with a sign that no tokenizer joins with what stands before, such as an exclamation mark.',
        });
      const texts = frames.flatMap((frame) => frame.sequences(start)).length;
      const survives = (suffix: readonly number[]): boolean => frames.every((frame) => frame.survives(suffix));

      /** The loss of each suffix. */
      const lossesOf = async (suffixes: readonly (readonly number[])[]): Promise<readonly number[]> => {
        const items = suffixes.map((suffix) => frames.flatMap((frame) => frame.sequences(suffix)));
        const sequences = items.flat();
        spending.add({ targetEvaluations: sequences.length });
        const scored = await scoreCompletions(model, sequences);
        let next = 0;
        return items.map((own) => {
          const logProbs = scored.slice(next, (next += own.length));
          return meanOrZero(logProbs.map((each) => -sumOf(each) / each.length));
        });
      };

      return {
        start: async () => {
          const loss = present((await lossesOf([start]))[0], 'a loss per suffix');
          return { step: 0, suffix: start, loss, best: { suffix: start, loss, step: 0 } };
        },
        step: async (state, key) => {
          const step = state.step + 1;
          const soft = start.map((_, i) => model.vocabularySize + i);
          const sequences = frames.flatMap((frame) => frame.sequences(soft));
          spending.add({ targetGradients: sequences.length });
          const { rows } = await reader.read(sequences, state.suffix);
          const tops = rows.map((row) => leastTokens(row, allowed, topK));
          const stream = openStream(key);
          const candidates = drawCandidates(state.suffix, { tops, width, positions, stream, survives });
          if (candidates.length === 0) return { state: { ...state, step }, candidates: 0 };
          const losses = await lossesOf(candidates);
          const loss = Math.min(...losses);
          const suffix = present(candidates[losses.indexOf(loss)], 'a candidate per loss');
          const best = loss < state.best.loss ? { suffix, loss, step } : state.best;
          return { state: { step, suffix, loss, best }, candidates: candidates.length };
        },
        startCost: { targetEvaluations: texts },
        stepCost: { targetEvaluations: width * texts, targetGradients: texts },
        sequenceTokens: Math.max(
          ...frames
            .flatMap((frame) => frame.sequences(start))
            .map(({ prefix, completion }) => prefix.length + completion.length),
        ),
        utterances: (suffix) => frames.map((frame) => frame.utterance(suffix)),
      };
    },
    close: () => reader.close(),
  };
}
