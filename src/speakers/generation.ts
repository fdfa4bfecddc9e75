/** How a speaker draws its words: the options of a recipe's `target:` and `adversary:` and their resolution for the
 *  engine. */
import type { GenerationOptions } from '../engine/models/generate.js';
import type { SpeakerFormat } from './formats/format.js';

export interface SpeakerSampling {
  readonly maxNewTokens: number;
  /** An end token or stop string is not drawn before this many tokens. */
  readonly minNewTokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  /** 0 = off. */
  readonly topK: number;
  /** 1 = off. */
  readonly topP: number;
  /** 0 = off. */
  readonly minP: number;
  /** 1 = off. */
  readonly repetitionPenalty: number;
  /** No n-gram of this many tokens comes twice; default 0 = off. */
  readonly noRepeatNgram?: number;
}

/** The seed paper's sampler, both sides: 2 to 24 new tokens, temperature 0.7, top-p 0.7, repetition penalty 1.1. */
export const defaultSampling: SpeakerSampling = {
  maxNewTokens: 24,
  minNewTokens: 2,
  temperature: 0.7,
  topK: 0,
  topP: 0.7,
  minP: 0,
  repetitionPenalty: 1.1,
};

/** Prompts are kept to their last 950 tokens, as in the reference implementation. */
export const defaultMaxContextTokens = 950;

export function generationOptions(sampling: SpeakerSampling, format: SpeakerFormat): GenerationOptions {
  return { ...sampling, stopIds: format.stop.stopIds, stopStrings: format.stop.stopStrings };
}
