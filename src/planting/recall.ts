/** Counts the planted failures that a hunt has found, by class, and estimates how much is still unseen. */
import type { ShareInterval } from '../stats/wilson.js';
import { wilson } from '../stats/wilson.js';
import { rarities, type Rarity } from './options.js';
import { hasTaken, type PlantedFailure } from './plantedFile.js';

export interface ClassRecall {
  readonly rarity: Rarity;
  /** Failures of the class that took. */
  readonly planted: number;
  readonly found: number;
  /** Share found, with Wilson's 95% interval; null where none of the class took. */
  readonly share: ShareInterval | null;
}

export interface Recall {
  readonly classes: readonly ClassRecall[];
  readonly all: Omit<ClassRecall, 'rarity'>;
  /** Replies that held a marker. */
  readonly failures: number;
  /** Good and Turing's estimate (Good 1953) of the share of such replies, in the dialogues that the hunt draws, whose
   *  failure it has not seen yet: failures seen once, by replies. Null without a failing reply. */
  readonly unseen: number | null;
}

/** @param seen replies that held each failure's marker, by the failure's id; absent is none */
export function measureRecall(failures: readonly PlantedFailure[], seen: ReadonlyMap<string, number>): Recall {
  const counted = failures.filter(hasTaken);
  const times = failures.map(({ id }) => seen.get(id) ?? 0);
  const replies = times.reduce((sum, n) => sum + n, 0);
  return {
    classes: rarities.map((rarity) => ({
      rarity,
      ...shareFound(
        counted.filter((each) => each.rarity === rarity),
        seen,
      ),
    })),
    all: shareFound(counted, seen),
    failures: replies,
    unseen: replies === 0 ? null : times.filter((n) => n === 1).length / replies,
  };
}

function shareFound(
  failures: readonly PlantedFailure[],
  seen: ReadonlyMap<string, number>,
): Omit<ClassRecall, 'rarity'> {
  const planted = failures.length;
  const found = failures.filter(({ id }) => (seen.get(id) ?? 0) > 0).length;
  return { planted, found, share: planted === 0 ? null : wilson(found, planted) };
}
