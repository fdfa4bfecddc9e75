/** Parts of labelled texts: what an ensemble is trained on and what it is measured on, and the bootstrap of each member. */
import { present } from '../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../base/random.js';

export interface LabelledItem {
  readonly id: string;
  readonly text: string;
  /** Index of its class. */
  readonly label: number;
  /** Items of one group belong to one part. */
  readonly group: string;
}

export interface LabelledParts {
  readonly training: readonly LabelledItem[];
  readonly heldOut: readonly LabelledItem[];
}

/** Splits items so that each class has its share on both sides; a group counts as of the class of its first item.
 *  @param heldOut share in (0, 1); of a class of one group nothing is held out */
export function splitLabelled(items: readonly LabelledItem[], heldOut: number, stream: StreamKey): LabelledParts {
  const groups = new Map<string, LabelledItem[]>();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  const byClass = new Map<number, (readonly LabelledItem[])[]>();
  for (const group of groups.values()) {
    const { label } = present(group[0], 'a group has an item');
    byClass.set(label, [...(byClass.get(label) ?? []), group]);
  }
  const chosen = new Set<LabelledItem>();
  for (const [label, ofClass] of byClass) {
    const shuffled = openStream(childKey(stream, label)).shuffle(ofClass);
    const wanted = Math.min(Math.max(1, Math.round(heldOut * shuffled.length)), shuffled.length - 1);
    for (const item of shuffled.slice(0, wanted).flat()) chosen.add(item);
  }
  return {
    training: items.filter((item) => !chosen.has(item)),
    heldOut: items.filter((item) => chosen.has(item)),
  };
}

export interface BootstrapSample {
  /** Holds as many of each class as there are, with repetition. */
  readonly drawn: readonly LabelledItem[];
  /** Those that were not drawn. */
  readonly leftOut: readonly LabelledItem[];
}

/** Draws a bootstrap within each class: no class gets lost. */
export function bootstrapByClass(items: readonly LabelledItem[], stream: StreamKey): BootstrapSample {
  const byClass = new Map<number, LabelledItem[]>();
  for (const item of items) byClass.set(item.label, [...(byClass.get(item.label) ?? []), item]);
  const drawn = [...byClass]
    .sort(([a], [b]) => a - b)
    .flatMap(([label, members]) => {
      const draws = openStream(childKey(stream, label));
      return members.map(() => draws.pick(members));
    });
  const isDrawn = new Set(drawn);
  return { drawn, leftOut: items.filter((item) => !isDrawn.has(item)) };
}
