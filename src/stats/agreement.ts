/** How far labellers agree beyond chance: Cohen's kappa for two labellers, Fleiss' kappa for the same number of labels
 *  per item, Krippendorff's alpha (nominal) for any numbers of labels. 1 is full agreement, 0 is what labels drawn from
 *  the observed shares would give, below 0 is less. Where there is nothing to disagree about (one class only, no item
 *  with two labels) a coefficient is undefined: null. */
import { sumOf } from '../base/sums.js';
import { invariant } from '../base/invariant.js';

/** The labels that an item was given, in any order. */
export type ItemLabels = readonly string[];

/** Chance is what two labellers with these shares of classes would agree on. Items that one of them did not label do not
 *  count.
 *  @param first the first labeller's label per item, null where there is none. Shape [N]
 *  @param second the second labeller's labels of the same items. Shape [N]
 *  @returns null without an item that both labelled, and where both gave one and the same class only
 *  @source J. Cohen, A coefficient of agreement for nominal scales, 1960 */
export function cohenKappa(first: readonly (string | null)[], second: readonly (string | null)[]): number | null {
  invariant(first.length === second.length, 'both labellers have a place for each item');
  const pairs = first.flatMap((label, i) => {
    const other = second[i] ?? null;
    return label === null || other === null ? [] : [[label, other] as const];
  });
  const n = pairs.length;
  const counts = [countLabels(pairs.map(([label]) => label)), countLabels(pairs.map(([, label]) => label))] as const;
  const agreed = pairs.filter(([a, b]) => a === b).length;
  const chance = sumOf([...counts[0]].map(([label, count]) => count * (counts[1].get(label) ?? 0)));
  return chance === n * n ? null : (n * agreed - chance) / (n * n - chance);
}

/** Chance is the shares of the classes over all labels.
 *  @param items labels per item, the same number m ≥ 2 for each. Shape [N][m]
 *  @returns null for no item, other numbers of labels (Krippendorff's alpha allows them), and one class only
 *  @source J. L. Fleiss, Measuring nominal scale agreement among many raters, 1971 */
export function fleissKappa(items: readonly ItemLabels[]): number | null {
  const m = items[0]?.length ?? 0;
  if (m < 2 || items.some((labels) => labels.length !== m)) return null;
  const n = items.length * m;
  const chance = sumOf([...countLabels(items.flat()).values()].map((count) => (count / n) ** 2));
  const observed = sumOf(items.map(countAgreeingPairs)) / (n * (m - 1));
  return isOneClass(items) ? null : (observed - chance) / (1 - chance);
}

/** 1 − observed / expected disagreement; equals Fleiss' kappa of complete data but for a small-sample correction.
 *  @param items labels per item; an item with fewer than two labels says nothing of agreement and does not count
 *  @returns null without an item of two labels, and for one class only
 *  @source K. Krippendorff, Computing Krippendorff's alpha-reliability, 2011, nominal data with missing values */
export function krippendorffAlpha(items: readonly ItemLabels[]): number | null {
  const paired = items.filter((labels) => labels.length >= 2);
  if (isOneClass(paired)) return null;
  const counts = [...countLabels(paired.flat()).values()];
  const n = sumOf(counts);
  const observed = sumOf(
    paired.map((labels) => (labels.length * (labels.length - 1) - countAgreeingPairs(labels)) / (labels.length - 1)),
  );
  const expected = n * n - sumOf(counts.map((count) => count * count));
  return 1 - ((n - 1) * observed) / expected;
}

/** Number of ordered pairs of different labels of an item that name one class. */
function countAgreeingPairs(labels: ItemLabels): number {
  return sumOf([...countLabels(labels).values()].map((count) => count * (count - 1)));
}

/** Whether there is at most one class. */
function isOneClass(items: readonly ItemLabels[]): boolean {
  return new Set(items.flat()).size <= 1;
}

function countLabels(labels: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
}
