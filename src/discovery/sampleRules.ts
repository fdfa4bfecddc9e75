/** Which of a target's samples are kept: the first sentence of each, if it has enough words and is not, exactly or
 *  nearly, one that was kept before. Every sample that is dropped has a reason, so that the share dropped is reported.
 *  The rules hold no more than the texts kept: a run that goes on adds these again. */
import { invariant } from '../base/invariant.js';
import { createNearTexts } from '../stats/differentFindings.js';
import { splitWords } from '../stats/diversity.js';
import { firstSentence, joinLines } from './firstSentence.js';

export interface SampleRules {
  /** Whether a sample is cut behind its first sentence. */
  readonly firstSentence: boolean;
  /** Words between spaces. */
  readonly minWords: number;
  /** Is null where there is no limit. */
  readonly maxWords: number | null;
  /** ROUGE-L F1 from which a sample is nearly one that was kept; null: only exact duplicates are dropped. */
  readonly nearDuplicate: number | null;
}

/** Samples that differ in case and spaces only are duplicates. */
export type DropReason = 'short' | 'long' | 'duplicate' | 'nearDuplicate';

export type SampleVerdict =
  | { readonly kind: 'kept'; readonly text: string }
  | { readonly kind: 'dropped'; readonly text: string; readonly reason: DropReason; readonly like: number | null };

export interface SampleFilter {
  /** Judges the next sample, and remembers it when it is kept; `like` is the place, among the kept ones, of the sample
   *  that it repeats. */
  readonly take: (raw: string) => SampleVerdict;
}

/** @param kept texts that were kept before, in order */
export function createSampleFilter(rules: SampleRules, kept: readonly string[] = []): SampleFilter {
  const { minWords, maxWords, nearDuplicate } = rules;
  invariant(maxWords === null || maxWords >= minWords, 'the most words are no fewer than the least');
  const exact = new Map<string, number>();
  const near = nearDuplicate === null ? null : createNearTexts(nearDuplicate);
  const keyOf = (text: string): string => splitWords(text).join(' ');
  const remember = (text: string): void => {
    exact.set(keyOf(text), exact.size);
    near?.add(text);
  };
  kept.forEach(remember);
  return {
    take: (raw) => {
      const text = rules.firstSentence ? firstSentence(raw).text : joinLines(raw);
      const drop = (reason: DropReason, like: number | null = null): SampleVerdict => ({
        kind: 'dropped',
        text,
        reason,
        like,
      });
      const words = text === '' ? 0 : text.split(' ').length;
      if (words < minWords) return drop('short');
      if (maxWords !== null && words > maxWords) return drop('long');
      const same = exact.get(keyOf(text));
      if (same !== undefined) return drop('duplicate', same);
      const alike = near?.firstNear(text) ?? null;
      if (alike !== null) return drop('nearDuplicate', alike);
      remember(text);
      return { kind: 'kept', text };
    },
  };
}
