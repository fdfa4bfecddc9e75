/** Values like a given one, with some of its parts changed: for readers that must bear anything. */
import fc from 'fast-check';

const oddities = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    '',
    ' ',
    -1,
    0,
    0.5,
    1e308,
    -1e308,
    Number.MAX_SAFE_INTEGER + 1,
    true,
    [],
    {},
    [null],
    [[[[]]]],
    'NaN',
    '__proto__',
    '\ud800',
    '<think>',
    'x'.repeat(5000),
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

type Change = { readonly at: number; readonly how: 'replace' | 'remove' | 'repeat' | 'add'; readonly by: unknown };

/** @param value JSON @returns copies with up to three changes */
export function mutated(value: unknown): fc.Arbitrary<unknown> {
  const change: fc.Arbitrary<Change> = fc.record({
    at: fc.nat(40),
    how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'repeat', 'add'),
    by: oddities,
  });
  return fc
    .array(change, { maxLength: 3 })
    .map((changes) => changes.reduce((made, each) => changedAt(made, each, { left: each.at % countOf(made) }), value));
}

function countOf(value: unknown): number {
  return isParent(value) ? Object.values(value).reduce<number>((sum, each) => sum + countOf(each), 1) : 1;
}

function isParent(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Changes the part that is reached when `left` parts were passed. */
function changedAt(value: unknown, change: Change, count: { left: number }): unknown {
  const { how, by } = change;
  if (count.left-- === 0) {
    if (how === 'repeat') return [value, value];
    if (how === 'add' && isParent(value))
      return Array.isArray(value) ? [...(value as unknown[]), by] : { ...value, extra: by };
    return by;
  }
  if (!isParent(value)) return value;
  const kept = Object.entries(value).flatMap(([key, each]) => {
    const removes = count.left === 0 && how === 'remove';
    const made = changedAt(each, change, count);
    return removes ? [] : [[key, made] as const];
  });
  return Array.isArray(value) ? kept.map(([, each]) => each) : Object.fromEntries(kept);
}
