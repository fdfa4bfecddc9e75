/** The replay buffer of a GFlowNet adversary: what it has found and goes on learning from, without near copies. Of two
 *  utterances that are nearly alike it keeps the better one; when it is full the worst one leaves.
 *  Source: arXiv 2405.18540 and its code, whose option for the nearness never reaches its buffer (0.25 whatever is asked):
 *  ours is the recipe's. */
import { z } from 'zod';
import { present } from '../../base/invariant.js';
import { readAs } from '../../base/readAs.js';
import type { RandomStream } from '../../base/random.js';
import type { Kept } from '../online/kept.js';

const replayedSchema = z.object({
  text: z.string(),
  /** The ids that sampling conditioned on, and the ids drawn. */
  prefix: z.array(z.int()).readonly(),
  completion: z.array(z.int()).readonly(),
  /** log π_ref of the whole completion, nats. */
  reference: z.number(),
  score: z.number(),
});

export type Replayed = Readonly<z.output<typeof replayedSchema>>;

export interface ReplayBuffer extends Kept {
  readonly size: () => number;
  /** Offers an utterance. @returns what became of it */
  readonly offer: (entry: Replayed) => 'added' | 'replaced' | 'refused';
  /** Draws entries without replacement, in proportion to exp(score / `temperature`); all of them where there are fewer. */
  readonly draw: (count: number, temperature: number, random: Pick<RandomStream, 'uniform'>) => readonly Replayed[];
}

export interface ReplaySettings {
  readonly capacity: number;
  /** Share of the letters of both utterances that an edit may change before they count as different. */
  readonly nearness: number;
}

export function createReplayBuffer({ capacity, nearness }: ReplaySettings): ReplayBuffer {
  let entries: Replayed[] = [];
  return {
    size: () => entries.length,
    offer: (entry) => {
      if (entries.some(({ text }) => text === entry.text)) return 'refused';
      const near = entries.findIndex(({ text }) => isNear(text, entry.text, nearness));
      const place = near >= 0 ? near : entries.length < capacity ? null : worstOf(entries);
      if (place === null) {
        entries.push(entry);
        return 'added';
      }
      if (entry.score <= present(entries[place], 'an entry').score) return 'refused';
      entries[place] = entry;
      return 'replaced';
    },
    draw: (count, temperature, random) => {
      // Adding Gumbel noise and taking the greatest is drawing without replacement in proportion to exp of the rest.
      const keyed = entries.map((entry) => ({
        entry,
        key: entry.score / temperature - Math.log(-Math.log(random.uniform() || Number.MIN_VALUE)),
      }));
      return keyed
        .sort((a, b) => b.key - a.key)
        .slice(0, count)
        .map(({ entry }) => entry);
    },
    save: () => ({
      replay: entries.map((entry) => ({ ...entry, prefix: [...entry.prefix], completion: [...entry.completion] })),
    }),
    restore: ({ replay }) => {
      entries = readAs(z.array(replayedSchema), replay, 'the replay buffer of a checkpoint');
    },
  };
}

function worstOf(entries: readonly Replayed[]): number {
  return entries.reduce((worst, { score }, i) => (score < present(entries[worst], 'an entry').score ? i : worst), 0);
}

/** Whether fewer edits than this share of the letters of both turn one text into the other. */
export function isNear(a: string, b: string, share: number): boolean {
  const most = share * (a.length + b.length);
  return Math.abs(a.length - b.length) < most && editDistance(a, b) < most;
}

/** Levenshtein's distance: letters put in, taken out or changed. */
function editDistance(a: string, b: string): number {
  let row = Uint32Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = new Uint32Array(b.length + 1);
    next[0] = i;
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1); // In range.
      next[j] = Math.min(change, (row[j] as number) + 1, (next[j - 1] as number) + 1);
    }
    row = next;
  }
  return row[b.length] as number; // In range.
}
