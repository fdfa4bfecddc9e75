import { describe, expect, it } from 'vitest';
import { streamKey } from '../base/random.js';
import { bootstrapByClass, type LabelledItem, splitLabelled } from './labelledParts.js';

const stream = (index = 0) => streamKey(7, 'parts', index);

/** Forty texts of a common class in groups of two, ten of a rare one that stand alone. */
const items: readonly LabelledItem[] = Array.from({ length: 50 }, (_, i) => ({
  id: `t${String(i)}`,
  text: `text ${String(i)}`,
  label: i < 40 ? 0 : 1,
  group: i < 40 ? `g${String(i >> 1)}` : `t${String(i)}`,
}));

describe('what an ensemble learns from and is measured on', () => {
  it('has its share of each class held out, and no group on both sides', () => {
    const { training, heldOut } = splitLabelled(items, 0.2, stream());
    expect([...training, ...heldOut].toSorted((a, b) => items.indexOf(a) - items.indexOf(b))).toEqual(items);
    expect([0, 1].map((label) => heldOut.filter((item) => item.label === label).length)).toEqual([8, 2]);
    const groups = new Set(heldOut.map(({ group }) => group));
    expect(training.filter(({ group }) => groups.has(group))).toEqual([]);
    expect(splitLabelled(items, 0.2, stream())).toEqual({ training, heldOut });
    expect(splitLabelled(items, 0.2, stream(1)).heldOut).not.toEqual(heldOut);
  });

  it('holds out one text of a class of two, and none of a class of one', () => {
    const few = [...items.slice(0, 40), ...items.slice(40, 42), { ...items[49], label: 2 } as LabelledItem];
    const { heldOut } = splitLabelled(few, 0.1, stream());
    expect([1, 2].map((label) => heldOut.filter((item) => item.label === label).length)).toEqual([1, 0]);
  });

  it('is drawn for each member with repetition, as many of each class as there are; the rest is left out', () => {
    const { drawn, leftOut } = bootstrapByClass(items, stream());
    expect([0, 1].map((label) => drawn.filter((item) => item.label === label).length)).toEqual([40, 10]);
    expect(new Set(drawn).size).toBeLessThan(50);
    expect(new Set([...drawn, ...leftOut]).size).toBe(50);
    expect(leftOut.filter((item) => drawn.includes(item))).toEqual([]);
    expect(bootstrapByClass(items, stream(1)).drawn).not.toEqual(drawn);
  });
});
