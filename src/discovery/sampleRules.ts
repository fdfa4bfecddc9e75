/** Which of a target's samples are kept: the first sentence of each, if it has enough words, is about the topic where
 *  there is one, and is not, exactly or nearly, one that was kept before. Every sample that is dropped has a reason, so that the share dropped is reported.
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
export type DropReason = 'short' | 'long' | 'topic' | 'duplicate' | 'nearDuplicate';

/** Returns the text of a raw sample that the rules of length are about: its first sentence, or all of it in one line. */
export function sampleText(raw: string, { firstSentence: isCut }: Pick<SampleRules, 'firstSentence'>): string {
  return isCut ? firstSentence(raw).text : joinLines(raw);
}

export type SampleVerdict =
  | { readonly kind: 'kept'; readonly text: string }
  | { readonly kind: 'dropped'; readonly text: string; readonly reason: DropReason; readonly like: number | null };

/** The text that is left of a raw sample. */
export interface SampleText {
  readonly text: string;
  /** Why it is dropped whatever it is about; null where it may be kept. */
  readonly dropped: 'short' | 'long' | null;
}

export interface SampleFilter {
  /** Reads a raw sample; remembers nothing. */
  readonly read: (raw: string) => SampleText;
  /** Judges the next sample, and remembers it when it is kept; `like` is the place, among the kept ones, of the sample
   *  that it repeats.
   *  @param isOnTopic default true */
  readonly take: (sample: SampleText, isOnTopic?: boolean) => SampleVerdict;
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
    read: (raw) => {
      const text = sampleText(raw, rules);
      const words = text === '' ? 0 : text.split(' ').length;
      return { text, dropped: words < minWords ? 'short' : maxWords !== null && words > maxWords ? 'long' : null };
    },
    take: ({ text, dropped }, isOnTopic = true) => {
      const drop = (reason: DropReason, like: number | null = null): SampleVerdict => ({
        kind: 'dropped',
        text,
        reason,
        like,
      });
      if (dropped !== null) return drop(dropped);
      if (!isOnTopic) return drop('topic');
      const same = exact.get(keyOf(text));
      if (same !== undefined) return drop('duplicate', same);
      const alike = near?.firstNear(text) ?? null;
      if (alike !== null) return drop('nearDuplicate', alike);
      remember(text);
      return { kind: 'kept', text };
    },
  };
}
