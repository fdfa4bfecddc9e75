/** The loss of a suffix under one model, and its gradient in one-hot tokens: the mean over problems and phrasings of the
 *  mean −log p per target token. Counts the passes that it makes. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Spending } from '../../base/spending.js';
import { meanOrZero, sumOf } from '../../base/sums.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import type { WhiteBox } from '../attack.js';
import { openSuffixFrame, type SuffixProblem } from '../search/suffixFrame.js';
import { openGradientReader } from './oneHotGradient.js';

export interface SuffixObjective {
  /** The ids of the suffix before any search. */
  readonly start: readonly number[];
  /** Whether the model reads these ids in the place of the suffix, whichever the problem. */
  readonly survives: (suffix: readonly number[]) => boolean;
  /** Returns the loss of each suffix, nats per token. */
  readonly losses: (suffixes: readonly (readonly number[])[]) => Promise<readonly number[]>;
  /** Returns the gradient of the loss, one row over the vocabulary per position. */
  readonly gradient: (suffix: readonly number[]) => Promise<readonly Float32Array[]>;
  /** The utterance that a suffix makes of each problem. */
  readonly utterances: (suffix: readonly number[]) => readonly string[];
  /** Number of sequences that one suffix is scored by, and tokens of the longest. */
  readonly sequences: number;
  readonly sequenceTokens: number;
}

export interface ObjectiveSource {
  /** @throws ConfigError where the start is not the same tokens after every prompt */
  readonly of: (problems: readonly SuffixProblem[]) => SuffixObjective;
  readonly close: () => Promise<void>;
}

/** @param startText the suffix before any search */
export async function openObjective(
  whiteBox: WhiteBox,
  startText: string,
  spending: Spending,
): Promise<ObjectiveSource> {
  const { model } = whiteBox;
  const reader = await openGradientReader(model);
  return {
    of: (problems) => {
      const frames = problems.map((problem) => openSuffixFrame(whiteBox, problem, startText));
      const { start } = present(frames[0], 'a search has a problem');
      if (frames.some((frame) => frame.start.join() !== start.join()))
        throw new ConfigError('the start of the suffix is not the same tokens after every prompt', {
          where: 'start',
          got: JSON.stringify(startText),
          remedy:
            'Begin the suffix with a sign that no tokenizer joins with what stands before, such as an exclamation mark.',
        });
      const known = frames.flatMap((frame) => frame.sequences(start));
      return {
        start,
        survives: (suffix) => frames.every((frame) => frame.survives(suffix)),
        losses: async (suffixes) => {
          const items = suffixes.map((suffix) => frames.flatMap((frame) => frame.sequences(suffix)));
          const sequences = items.flat();
          spending.add({ targetEvaluations: sequences.length });
          const scored = await scoreCompletions(model, sequences);
          let next = 0;
          return items.map((own) => {
            const logProbs = scored.slice(next, (next += own.length));
            return meanOrZero(logProbs.map((each) => -sumOf(each) / each.length));
          });
        },
        gradient: async (suffix) => {
          const soft = suffix.map((_, i) => model.vocabularySize + i);
          spending.add({ targetGradients: known.length });
          return (
            await reader.read(
              frames.flatMap((frame) => frame.sequences(soft)),
              suffix,
            )
          ).rows;
        },
        utterances: (suffix) => frames.map((frame) => frame.utterance(suffix)),
        sequences: known.length,
        sequenceTokens: Math.max(...known.map(({ prefix, completion }) => prefix.length + completion.length)),
      };
    },
    close: () => reader.close(),
  };
}
