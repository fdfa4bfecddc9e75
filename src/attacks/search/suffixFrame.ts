/** Finds the place of a suffix of tokens in what the target reads: at the end of the adversary's utterance, inside the user's
 *  turn of a chat. The ids are those of the whole context, rendered and encoded as the target will read it, so that a
 *  suffix which passes here is the one that the target sees when the utterance is said. */
import { ConfigError } from '../../base/errors.js';
import { targetPlace } from '../../dialogue/targetText.js';
import type { Dialogue, Prompt } from '../../dialogue/types.js';
import { dialogueSeenBy } from '../../dialogue/views.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { writtenUtterance } from '../../speakers/adversaries/written.js';
import type { WhiteBox } from '../attack.js';

/** A suffix is searched for this. */
export interface SuffixProblem {
  readonly prompt: Prompt;
  /** The utterance up to the suffix; may be empty. */
  readonly message: string;
  /** Phrasings of what the target is to say: at least one. */
  readonly targetTexts: readonly string[];
}

/** Returns the problem of a prompt, with its goal and target string in their places, or why it has none. */
export function problemOf(
  prompt: Prompt,
  { message, targetTexts }: Pick<SuffixProblem, 'message' | 'targetTexts'>,
): SuffixProblem | { readonly reason: string } {
  const { targetString } = prompt;
  if (targetString === undefined && targetTexts.some((text) => text.includes(targetPlace)))
    return { reason: 'the prompt has no target string' };
  const said = messageTo(prompt, message);
  if (said === null) return { reason: 'the prompt has no goal' };
  return {
    prompt,
    message: said,
    targetTexts: targetTexts.map((text) => text.replaceAll(targetPlace, () => targetString ?? '')),
  };
}

/** Stands for the prompt's goal in a message. */
const goalPlace = '{{goal}}';

/** Returns the message with the prompt's goal in its place; null where it has none. */
export function messageTo({ goal }: Prompt, message: string): string | null {
  if (!message.includes(goalPlace)) return message;
  return goal === undefined ? null : message.replaceAll(goalPlace, () => goal);
}

export interface SuffixFrame {
  /** The ids of a suffix as they stand in the target's context before any search. */
  readonly start: readonly number[];
  /** The utterance that a suffix makes. */
  readonly utterance: (suffix: readonly number[]) => string;
  /** Context and target text in ids, one per phrasing, with these ids in the suffix's place.
   *  @param suffix of any length: soft tokens too */
  readonly sequences: (suffix: readonly number[]) => readonly Sequence[];
  /** Returns the ids that the target reads when the utterance of these ids is said: others where they do not survive. */
  readonly read: (suffix: readonly number[]) => readonly Sequence[];
  /** Whether the target reads these ids where the utterance that they make is said. */
  readonly survives: (suffix: readonly number[]) => boolean;
}

/** Stands for the suffix in a second reading: a private-use character, which shares no token with a suffix. */
const mark = '\uE001';

/** @param start text of the suffix
 *  @throws ConfigError where the suffix has no place of its own in the target's context */
export function openSuffixFrame(whiteBox: WhiteBox, problem: SuffixProblem, start: string): SuffixFrame {
  const { tokenizer } = whiteBox.model;
  const { prompt, targetTexts } = problem;
  const read = (text: string): readonly Sequence[] =>
    whiteBox.textSequences({ dialogue: dialogueSeenBy('target', said(prompt, text)), texts: targetTexts });
  const place = (suffix: string): string => placeSuffix(whiteBox, problem, suffix);

  const first = place(start);
  const known = read(first);
  const [ids, marked] = [prefixOf(known), prefixOf(read(place(mark)))];
  const from = sharedLength(ids, marked);
  const shared = sharedLength(ids.slice(from).reverse(), marked.slice(from).reverse());
  const [before, suffix, after] = [
    ids.slice(0, from),
    ids.slice(from, ids.length - shared),
    ids.slice(ids.length - shared),
  ];
  const decode = (tokens: readonly number[]): string => tokenizer.decode(tokens, { skipSpecialTokens: false });
  const ending = decode(suffix);
  if (suffix.length === 0 || !first.endsWith(ending))
    throw new ConfigError('this suffix has no tokens of its own in what the target reads', {
      where: `prompt ${prompt.id}`,
      expected: JSON.stringify(start),
      got: JSON.stringify(ending),
      remedy: 'Give another start, or another message.',
    });
  const head = first.slice(0, first.length - ending.length);
  const utterance = (tokens: readonly number[]): string => head + decode(tokens);
  const sequences = (tokens: readonly number[]): readonly Sequence[] =>
    known.map(({ completion }) => ({ prefix: [...before, ...tokens, ...after], completion }));
  return {
    start: suffix,
    utterance,
    sequences,
    read: (tokens) => read(utterance(tokens)),
    survives: (tokens) => {
      const got = read(utterance(tokens));
      return sequences(tokens).every(
        (wanted, i) => equalIds(wanted.prefix, got[i]?.prefix) && equalIds(wanted.completion, got[i]?.completion),
      );
    },
  };
}

/** The utterance that begins a dialogue with a message and a suffix of this text. */
export function placeSuffix(
  { format }: Pick<WhiteBox, 'format'>,
  { prompt, message }: Pick<SuffixProblem, 'prompt' | 'message'>,
  suffix: string,
): string {
  const text = message === '' ? suffix : `${message} ${suffix}`;
  // Where turns are lines, the context itself begins a new one.
  return format.kind === 'lines' ? text : format.place({ prompt, turns: [] }, text);
}

/** A dialogue that begins with an utterance. */
function said(prompt: Prompt, text: string): Dialogue {
  return { prompt, turns: [writtenUtterance(text)] };
}

function prefixOf([first]: readonly Sequence[]): readonly number[] {
  return first?.prefix ?? [];
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function equalIds(a: readonly number[], b: readonly number[] | undefined): boolean {
  return a.length === b?.length && a.every((id, i) => id === b[i]);
}
