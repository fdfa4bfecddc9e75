/** From several labels of an item to one, and how far labellers agree. */
import { cohenKappa, fleissKappa, krippendorffAlpha } from '../stats/agreement.js';

export interface GivenLabel {
  readonly labeller: string;
  readonly label: string;
}

export interface ResolvedLabel {
  readonly label: string;
  /** Share of the labels of the item that are this one, in (0, 1]. */
  readonly agreement: number;
}

/** Returns the label of the adjudicator where there is one, else the one that was given more often than any other; null
 *  without labels, and where two were given equally often. */
export function resolveLabel(given: readonly GivenLabel[], adjudicator: string | null): ResolvedLabel | null {
  const decided = given.find(({ labeller }) => labeller === adjudicator)?.label ?? majority(given);
  if (decided === null) return null;
  return { label: decided, agreement: given.filter(({ label }) => label === decided).length / given.length };
}

function majority(given: readonly GivenLabel[]): string | null {
  const counts = new Map<string, number>();
  for (const { label } of given) counts.set(label, (counts.get(label) ?? 0) + 1);
  const [first, second] = [...counts].sort(([, a], [, b]) => b - a);
  return first === undefined || first[1] === second?.[1] ? null : first[0];
}

export interface AgreementFigures {
  /** Items with at least two labels, which the figures are of. */
  readonly items: number;
  /** Share of these whose labels are all the same; null for no item. */
  readonly unanimous: number | null;
  /** Cohen's kappa of each two labellers with a common item; the pairs with the most items first. */
  readonly cohen: readonly {
    readonly labellers: readonly [string, string];
    readonly items: number;
    readonly kappa: number | null;
  }[];
  /** Is null where items have different numbers of labels. */
  readonly fleiss: number | null;
  readonly krippendorff: number | null;
}

/** @param items labels of each item; those of an adjudicator, who sees disagreements alone, left out */
export function agreementFigures(items: readonly (readonly GivenLabel[])[]): AgreementFigures {
  const shared = items.filter(({ length }) => length >= 2);
  const labels = shared.map((given) => given.map(({ label }) => label));
  const unanimous = labels.filter((each) => new Set(each).size === 1).length;
  return {
    items: shared.length,
    unanimous: shared.length === 0 ? null : unanimous / shared.length,
    cohen: cohenByPair(shared),
    fleiss: fleissKappa(labels),
    krippendorff: krippendorffAlpha(labels),
  };
}

function cohenByPair(items: readonly (readonly GivenLabel[])[]): AgreementFigures['cohen'] {
  const pairs = new Map<string, { readonly labellers: readonly [string, string]; readonly of: [string, string][] }>();
  for (const given of items) {
    const sorted = given.toSorted((a, b) => (a.labeller < b.labeller ? -1 : 1));
    sorted.forEach((first, i) => {
      for (const second of sorted.slice(i + 1)) {
        const key = JSON.stringify([first.labeller, second.labeller]);
        const pair = pairs.get(key) ?? { labellers: [first.labeller, second.labeller] as const, of: [] };
        pair.of.push([first.label, second.label]);
        pairs.set(key, pair);
      }
    });
  }
  return [...pairs.values()]
    .map(({ labellers, of }) => ({
      labellers,
      items: of.length,
      kappa: cohenKappa(
        of.map(([label]) => label),
        of.map(([, label]) => label),
      ),
    }))
    .sort((a, b) => b.items - a.items);
}
