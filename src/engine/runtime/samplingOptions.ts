/** How tokens are chosen, and when a row ends. Names and semantics as in transformers' generation. */
import { ConfigError } from '../../base/errors.js';

export interface SamplingOptions {
  /** Divides the logits, > 0; 0 = greedy: the most probable token after penalties. */
  readonly temperature: number;
  /** Keeps the k most probable tokens (and those tied with the last); 0 = off. */
  readonly topK: number;
  /** Keeps the fewest tokens whose probabilities sum to at least topP, and at least one; 1 = off. */
  readonly topP: number;
  /** Keeps tokens at least minP times as probable as the most probable one; 0 = off. */
  readonly minP: number;
  /** Over prompt and generated tokens; 1 = off. */
  readonly repetitionPenalty: number;
  /** No n-gram of this many tokens comes twice in prompt and generated tokens; default 0 = off. */
  readonly noRepeatNgram?: number;
  /** Stop ids are banned until this many tokens were generated. */
  readonly minNewTokens: number;
  readonly maxNewTokens: number;
  /** A row ends with the first of these; it is part of the result. */
  readonly stopIds: readonly number[];
  /** A row ends when its new tokens end in one of these. */
  readonly stopSequences?: readonly (readonly number[])[];
  /** A row ends when the text of its new tokens contains one of these; needs the program's vocabulary. */
  readonly stopTexts?: readonly string[];
}

/** The model's own distribution: nothing cut off, nothing penalised. */
export const plainSampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  minNewTokens: 0,
  maxNewTokens: 32,
  stopIds: [],
} as const satisfies SamplingOptions;

/** @throws ConfigError naming the option that is out of range */
export function checkSamplingOptions(options: SamplingOptions): void {
  const rules: readonly (readonly [keyof SamplingOptions, boolean, string])[] = [
    ['temperature', options.temperature >= 0 && Number.isFinite(options.temperature), 'a number ≥ 0'],
    ['topK', isCount(options.topK), 'an integer ≥ 0'],
    ['topP', options.topP >= 0 && options.topP <= 1, 'in [0, 1]'],
    ['minP', options.minP >= 0 && options.minP <= 1, 'in [0, 1]'],
    ['repetitionPenalty', options.repetitionPenalty > 0 && Number.isFinite(options.repetitionPenalty), 'a number > 0'],
    ['noRepeatNgram', isCount(options.noRepeatNgram ?? 0), 'an integer ≥ 0'],
    ['minNewTokens', isCount(options.minNewTokens), 'an integer ≥ 0'],
    ['maxNewTokens', isCount(options.maxNewTokens), 'an integer ≥ 0'],
  ];
  for (const [name, holds, expected] of rules) {
    if (!holds)
      throw new ConfigError(`${name} is out of range`, { where: 'sampling', expected, got: String(options[name]) });
  }
  const sequences = options.stopSequences ?? [];
  if (sequences.some((sequence) => sequence.length === 0) || (options.stopTexts ?? []).some((text) => text === '')) {
    throw new ConfigError('a stop sequence or text is empty', { where: 'sampling' });
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
