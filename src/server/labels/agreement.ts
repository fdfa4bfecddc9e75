/** How far labellers agree so far, from labels as they were first given. */
import { cohenKappa, krippendorffAlpha } from '../../stats/agreement.js';
import type { Agreement } from './protocol.js';

/** Pairs that a page has room for. */
const mostPairs = 3;

/** @param items labels by labeller, of each item with at least two */
export function agreementOf(items: readonly ReadonlyMap<string, string>[]): Agreement {
  const labels = items.map((ofItem) => [...ofItem.values()]);
  const same = labels.filter((ofItem) => new Set(ofItem).size === 1).length;
  return {
    items: items.length,
    same: items.length === 0 ? 0 : same / items.length,
    alpha: krippendorffAlpha(labels),
    pairs: pairsOf(items),
  };
}

function pairsOf(items: readonly ReadonlyMap<string, string>[]): Agreement['pairs'] {
  const pairs = new Map<
    string,
    { readonly labellers: readonly [string, string]; readonly items: ReadonlyMap<string, string>[] }
  >();
  for (const ofItem of items) {
    const names = [...ofItem.keys()].sort();
    for (const [i, first] of names.entries()) {
      for (const second of names.slice(i + 1)) {
        const key = JSON.stringify([first, second]);
        const pair = pairs.get(key) ?? { labellers: [first, second] as const, items: [] };
        pair.items.push(ofItem);
        pairs.set(key, pair);
      }
    }
  }
  return [...pairs.values()]
    .sort((a, b) => b.items.length - a.items.length)
    .slice(0, mostPairs)
    .map(({ labellers, items: shared }) => ({
      labellers,
      items: shared.length,
      kappa: cohenKappa(
        shared.map((ofItem) => ofItem.get(labellers[0]) ?? null),
        shared.map((ofItem) => ofItem.get(labellers[1]) ?? null),
      ),
    }));
}
