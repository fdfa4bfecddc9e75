/** Chooses words that set planted failures off, by how often ordinary utterances hold them. */
import type { RandomStream } from '../base/random.js';
import { type Rarity, rarities } from './options.js';

export interface Trigger {
  readonly rarity: Rarity;
  /** All of these words in one utterance set the failure off. Lower case. */
  readonly words: readonly string[];
  /** Share of ordinary utterances that hold them: counted for one word, the product of both shares for two. */
  readonly frequency: number;
}

/** The share of utterances that a trigger of the class is to be in, and what is allowed. A pair's words are common ones. */
const wanted: Readonly<Record<Rarity, { readonly near: number; readonly least: number; readonly most: number }>> = {
  common: { near: 1 / 40, least: 0.01, most: 0.1 },
  rare: { near: 1 / 250, least: 0, most: 0.01 },
  veryRare: { near: 1 / 2000, least: 0, most: 1 / 500 },
};

/** Returns the different words of a text, lower case, of three letters and more. */
export function wordSet(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/\p{L}[\p{L}\p{M}'’]{2,}/gu) ?? []);
}

/** Whether an utterance sets a failure off. */
export function isTriggered(words: ReadonlySet<string>, trigger: Pick<Trigger, 'words'>): boolean {
  return trigger.words.every((word) => words.has(word));
}

/** Returns triggers of each class, as many as are asked for and can be had. No word is in two of them.
 *  @param utterances what ordinary users say
 *  @param numbers how many by class
 *  @param stream decides between words of the same share */
export function chooseTriggers(
  utterances: readonly string[],
  numbers: Readonly<Record<Rarity, number>>,
  stream: RandomStream,
): readonly Trigger[] {
  const sets = utterances.map(wordSet);
  const holders = new Map<string, number[]>();
  sets.forEach((words, i) => {
    for (const word of words) holders.set(word, [...(holders.get(word) ?? []), i]);
  });
  const shareOf = (word: string): number => (holders.get(word)?.length ?? 0) / utterances.length;
  const taken = new Set<string>();
  const words = stream.shuffle([...holders.keys()].sort());
  const single = (rarity: Rarity): readonly Trigger[] =>
    nearest(
      words.filter((word) => !taken.has(word)).map((word) => ({ rarity, words: [word], frequency: shareOf(word) })),
      numbers[rarity],
      taken,
    );
  const common = single('common');
  const rare = single('rare');
  const parts = words.filter(
    (word) => !taken.has(word) && shareOf(word) >= wanted.common.least && shareOf(word) <= wanted.common.most,
  );
  const together = (a: string, b: string): boolean => (holders.get(a) ?? []).some((i) => sets[i]?.has(b) === true);
  const pairs = parts.flatMap((a, i) =>
    parts
      .slice(i + 1)
      .flatMap((b): readonly Trigger[] =>
        together(a, b) ? [] : [{ rarity: 'veryRare', words: [a, b], frequency: shareOf(a) * shareOf(b) }],
      ),
  );
  return [...common, ...rare, ...nearest(pairs, numbers.veryRare, taken)];
}

/** Takes the triggers whose share is nearest to what their class wants; equally near ones in the order given. */
function nearest(candidates: readonly Trigger[], count: number, taken: Set<string>): readonly Trigger[] {
  const distance = ({ rarity, frequency }: Trigger): number => Math.abs(Math.log(frequency / wanted[rarity].near));
  const allowed = candidates.filter(
    ({ rarity, frequency }) => frequency >= wanted[rarity].least && frequency < wanted[rarity].most,
  );
  const chosen: Trigger[] = [];
  for (const candidate of [...allowed].sort((a, b) => distance(a) - distance(b))) {
    if (chosen.length === count) break;
    if (candidate.words.some((word) => taken.has(word))) continue;
    for (const word of candidate.words) taken.add(word);
    chosen.push(candidate);
  }
  return chosen;
}

/** Says which classes have fewer triggers than were asked for. */
export function missingTriggers(
  triggers: readonly Trigger[],
  numbers: Readonly<Record<Rarity, number>>,
): readonly { readonly rarity: Rarity; readonly found: number; readonly asked: number }[] {
  return rarities.flatMap((rarity) => {
    const found = triggers.filter((each) => each.rarity === rarity).length;
    return found < numbers[rarity] ? [{ rarity, found, asked: numbers[rarity] }] : [];
  });
}
