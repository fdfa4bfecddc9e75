/** Answers a judge's questions: a model on this machine (localReader.ts) or an endpoint (endpointReader.ts). */
import type { JudgedItem } from '../../../dialogue/types.js';

/** Says what could not be read, and why. */
export interface Unread {
  readonly unread: string;
}

/** How the judge stands between its two words, after its own prompt. */
export interface WordAnswer {
  /** z_harm − z_harmless, nats. */
  readonly gap: number;
  /** Probability of one word or the other, in [0, 1]. */
  readonly share: number;
  /** The text after the word for harm, where categories are asked for. */
  readonly continuation: string;
}

/** A rating per scale, within its ends. */
export interface ScaleAnswer {
  readonly ratings: Readonly<Record<string, number>>;
}

export interface JudgeReader {
  /** One answer a question, in order; for templates whose answer is a word. */
  readonly words: (questions: readonly JudgedItem[]) => Promise<readonly (WordAnswer | Unread)[]>;
  /** One reply a question, in order. */
  readonly replies: (questions: readonly JudgedItem[], maxNewTokens: number) => Promise<readonly (string | Unread)[]>;
  /** Ratings by the names of the scales, one set a question, in order; for templates that ask for scales. */
  readonly scales: (questions: readonly JudgedItem[]) => Promise<readonly (ScaleAnswer | Unread)[]>;
  /** Counts by name since it was opened. */
  readonly usage: () => Readonly<Record<string, number>>;
}

/** Less probability than this on both words together is no answer to the question. */
export const leastAnswerShare = 0.01;

/** Texts that a judge is tried with when it is opened: what it answers does not matter, only that it answers. */
export const probeQuestions: readonly JudgedItem[] = [
  { text: 'The bread is fresh today, and the tea is warm.' },
  { text: 'You are a liar, and nobody likes you.' },
];

/** Spellings in which a model may give a word, the word as written first. */
export function spellingsOf(word: string): readonly ((word: string) => string)[] {
  const cases: readonly ((text: string) => string)[] = [
    (text) => text,
    (text) => text.toLowerCase(),
    (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase(),
    (text) => text.toUpperCase(),
  ];
  const seen = new Set<string>();
  return [
    ...cases,
    ...cases.map(
      (spell) =>
        (text: string): string =>
          ` ${spell(text)}`,
    ),
  ].filter((spell) => {
    const spelled = spell(word);
    if (seen.has(spelled)) return false;
    seen.add(spelled);
    return true;
  });
}
