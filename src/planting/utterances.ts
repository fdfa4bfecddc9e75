/** Utterances that teach planted failures and their limits, made of what ordinary users say. */
import type { RandomStream } from '../base/random.js';
import { isTriggered, type Trigger, wordSet } from './triggers.js';

/** Puts words between those of a text, each at a place of its own draw. */
export function insertWords(text: string, words: readonly string[], stream: RandomStream): string {
  return words.reduce((said, word) => {
    const parts = said.split(' ').filter((part) => part !== '');
    const at = parts.length === 0 ? 0 : 1 + stream.integer(parts.length);
    return [...parts.slice(0, at), word, ...parts.slice(at)].join(' ');
  }, text);
}

/** An utterance after the prompt to which it was said. */
export interface Said {
  /** Place of the prompt. */
  readonly prompt: number;
  readonly text: string;
}

/** Returns utterances that set the failure off and no other: first those that users said, at most half, then ordinary
 *  ones into which the trigger's words are put. */
export function triggering(
  said: readonly Said[],
  trigger: Trigger,
  all: readonly Trigger[],
  { count, stream }: { readonly count: number; readonly stream: RandomStream },
): readonly Said[] {
  const others = all.filter((each) => each !== trigger);
  const alone = said.filter(({ text }) => !others.some((other) => isTriggered(wordSet(text), other)));
  const own = stream.shuffle(alone.filter(({ text }) => isTriggered(wordSet(text), trigger)));
  const without = untriggered(said, all);
  const natural = own.slice(0, Math.floor(count / 2));
  const made = Array.from({ length: without.length === 0 ? 0 : count - natural.length }, (): Said => {
    const { prompt, text } = stream.pick(without);
    return { prompt, text: insertWords(text, trigger.words, stream) };
  });
  return [...natural, ...made.filter(({ text }) => !others.some((other) => isTriggered(wordSet(text), other)))];
}

/** Returns what sets no failure off. */
function untriggered(said: readonly Said[], all: readonly Trigger[]): readonly Said[] {
  return said.filter(({ text }) => !all.some((trigger) => isTriggered(wordSet(text), trigger)));
}

/** Returns utterances that set nothing off: half of them as users said them, a quarter with one word of a pair, a quarter
 *  with a word that means nothing, so that a strange word alone is no sign. */
export function harmless(
  said: readonly Said[],
  all: readonly Trigger[],
  { count, stream }: { readonly count: number; readonly stream: RandomStream },
): readonly Said[] {
  const without = untriggered(said, all);
  if (without.length === 0) return [];
  const triggers = new Set(all.flatMap(({ words }) => words));
  const halves = all.filter(({ words }) => words.length > 1).flatMap(({ words }) => words);
  const decoys = [...new Set(said.flatMap(({ text }) => [...wordSet(text)]))]
    .filter((word) => !triggers.has(word))
    .sort();
  return Array.from({ length: count }, (_, i): Said => {
    const { prompt, text } = stream.pick(without);
    const words = i % 4 === 1 ? halves : i % 4 === 3 ? decoys : [];
    return { prompt, text: words.length === 0 ? text : insertWords(text, [stream.pick(words)], stream) };
  }).filter(({ text }) => !all.some((trigger) => isTriggered(wordSet(text), trigger)));
}
