/** Makes what an adversary says shorter and likelier while the target still fails: turns are dropped, then sentences, then
 *  words, and then words are exchanged for likelier ones. A change is kept where the target still fails in the asked share
 *  of draws and the words cost fewer nats, or as many in fewer tokens. Halves are dropped before quarters and single
 *  words, as in delta debugging (Zeller & Hildebrandt 2002), so that long texts need few tries.
 *
 *  Pure functions over one question, so that nothing here knows a model. */
import { present } from '../../base/invariant.js';

/** Utterances of the adversary, oldest first. */
export type Utterances = readonly string[];

export interface Tried {
  /** Share of draws in which the target fails. */
  readonly rate: number;
  /** Nats of all utterances, each given the dialogue before it, under the users' model. */
  readonly nll: number;
  readonly tokens: number;
}

export interface Shrinker {
  /** Plays dialogues and says how each went, in order: the same utterances always give the same answer. */
  readonly attempt: (dialogues: readonly Utterances[]) => Promise<readonly Tried[]>;
  /** Returns words that users say at the place of a word, the likeliest or any. */
  readonly likelierWords: (utterances: Utterances, turn: number, word: number) => Promise<readonly string[]>;
}

export interface ShrinkOptions {
  /** Least share of draws that must fail, in (0, 1]. */
  readonly minRate: number;
  /** Most dialogues that are tried. */
  readonly budget: number;
}

export interface Shrunk {
  readonly utterances: Utterances;
  readonly tried: Tried;
  /** Number of dialogues that were tried. */
  readonly tries: number;
  /** Whether the budget ended the search. */
  readonly isCut: boolean;
}

/** @param start utterances that fail often enough, and how they went */
export async function shrinkWords(
  start: { readonly utterances: Utterances; readonly tried: Tried },
  shrinker: Shrinker,
  { minRate, budget }: ShrinkOptions,
): Promise<Shrunk> {
  let best = start;
  let tries = 0;
  const known = new Set([keyOf(start.utterances)]);
  /** Tries changes and takes the best that holds. @returns whether one was taken */
  const take = async (changes: readonly Utterances[]): Promise<boolean> => {
    const fresh = changes.filter((each) => each.some((text) => text !== '') && !known.has(keyOf(each)));
    const asked = uniqueOf(fresh).slice(0, budget - tries);
    if (asked.length === 0) return false;
    for (const each of asked) known.add(keyOf(each));
    tries += asked.length;
    const found = await shrinker.attempt(asked);
    const before = best;
    asked.forEach((utterances, i) => {
      const tried = present(found[i], 'an answer for each dialogue');
      if (tried.rate >= minRate && isLess(tried, best.tried)) best = { utterances, tried };
    });
    return best !== before;
  };
  await dropParts(() => best.utterances, turnsOf, take);
  await dropParts(() => best.utterances, sentencesOf, take);
  await dropParts(() => best.utterances, wordsOf, take);
  while (tries < budget && (await take(await exchanges(best.utterances, shrinker, budget - tries))));
  return { ...best, tries, isCut: tries >= budget };
}

/** Fewer nats first, then fewer tokens. */
function isLess(a: Tried, b: Tried): boolean {
  return a.nll < b.nll - 1e-9 || (a.nll <= b.nll + 1e-9 && a.tokens < b.tokens);
}

/** A part of a dialogue that may be dropped: an utterance, or words of one. */
interface Part {
  readonly turn: number;
  readonly text: string;
}

/** Drops runs of parts, the longest first, until no single part can go. */
async function dropParts(
  current: () => Utterances,
  partsOf: (utterances: Utterances) => readonly Part[],
  take: (changes: readonly Utterances[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(partsOf(current()).length / 2); size >= 1;) {
    const parts = partsOf(current());
    const changes = Array.from({ length: Math.ceil(parts.length / size) }, (_, i) =>
      joined(
        current().length,
        parts.filter((_part, at) => at < i * size || at >= (i + 1) * size),
      ),
    );
    const isTaken = parts.length > 1 && (await take(changes));
    if (!isTaken) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
}

/** Joins parts to utterances; an utterance without a part is dropped with its reply. */
function joined(turns: number, parts: readonly Part[]): Utterances {
  return Array.from({ length: turns }, (_, turn) =>
    parts
      .filter((part) => part.turn === turn)
      .map(({ text }) => text)
      .join(' '),
  ).filter((text) => text !== '');
}

function turnsOf(utterances: Utterances): readonly Part[] {
  return utterances.map((text, turn) => ({ turn, text }));
}

function sentencesOf(utterances: Utterances): readonly Part[] {
  return utterances.flatMap((text, turn) =>
    (text.match(/[^.!?]+[.!?]*|[.!?]+/gu) ?? [text])
      .map((sentence) => ({ turn, text: sentence.trim() }))
      .filter((part) => part.text !== ''),
  );
}

/** Words with the marks that stand at them. */
function wordsOf(utterances: Utterances): readonly Part[] {
  return utterances.flatMap((text, turn) => splitWords(text).map((word) => ({ turn, text: word })));
}

export function splitWords(text: string): readonly string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}

/** Returns the dialogues in which one word is exchanged for one that users say there. */
async function exchanges(utterances: Utterances, shrinker: Shrinker, most: number): Promise<readonly Utterances[]> {
  const changed: Utterances[] = [];
  for (const [turn, text] of utterances.entries()) {
    const words = splitWords(text);
    for (let place = 0; place < words.length && changed.length < most; place++)
      for (const word of await shrinker.likelierWords(utterances, turn, place))
        changed.push(utterances.map((each, i) => (i === turn ? words.with(place, word).join(' ') : each)));
  }
  return changed;
}

function keyOf(utterances: Utterances): string {
  return JSON.stringify(utterances);
}

function uniqueOf(dialogues: readonly Utterances[]): readonly Utterances[] {
  return [...new Map(dialogues.map((each) => [keyOf(each), each])).values()];
}
