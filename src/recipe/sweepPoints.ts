/** The points of a sweep: which values each sets, in which order, and what it is called. Pure; nothing here knows what
 *  a key means. */
import type { SweepOptions } from './plans.js';

export interface SweepEntry {
  /** From 1, in the order of running. */
  readonly number: number;
  readonly values: Readonly<Record<string, unknown>>;
  /** The place of each value in the recipe, by key. */
  readonly paths: Readonly<Record<string, readonly (string | number)[]>>;
}

/** How many combinations a sweep has. */
export function pointCount({ grid, list }: SweepOptions): number {
  return list?.length ?? Object.values(grid ?? {}).reduce((product, values) => product * values.length, 1);
}

/** A grid's combinations, the last key varying fastest; a list's entries as they stand. */
export function sweepEntries({ grid, list }: SweepOptions): readonly SweepEntry[] {
  if (list !== undefined) {
    return list.map((values, i) => ({
      number: i + 1,
      values,
      paths: Object.fromEntries(Object.keys(values).map((key) => [key, ['sweep', 'list', i, key]])),
    }));
  }
  let combinations: readonly Pick<SweepEntry, 'values' | 'paths'>[] = [{ values: {}, paths: {} }];
  for (const [key, choices] of Object.entries(grid ?? {})) {
    combinations = combinations.flatMap(({ values, paths }) =>
      choices.map((value, i) => ({
        values: { ...values, [key]: value },
        paths: { ...paths, [key]: ['sweep', 'grid', key, i] },
      })),
    );
  }
  return combinations.map((combination, i) => ({ number: i + 1, ...combination }));
}

/** Every key that an entry sets, in order of appearance. */
export function sweptKeys(entries: readonly SweepEntry[]): readonly string[] {
  return [...new Set(entries.flatMap(({ values }) => Object.keys(values)))];
}

/** The shortest last parts of each key that mean no other, and do not begin with a number: 'gamma' for
 *  stages.mend.train.0.gamma. */
export function keyLabels(keys: readonly string[]): ReadonlyMap<string, string> {
  const lastParts = (key: string, count: number): string => key.split('.').slice(-count).join('.');
  const labelOf = (key: string): string => {
    const parts = key.split('.');
    for (let count = 1; count < parts.length; count++) {
      const label = lastParts(key, count);
      if (!/^\d/.test(label) && keys.every((other) => other === key || lastParts(other, count) !== label)) return label;
    }
    return key;
  };
  return new Map(keys.map((key) => [key, labelOf(key)]));
}

const longestValue = 32;
const longestName = 120;

/** A value as a few safe characters: 0.2, joint, 1+1.5 for a list, the last part of a path. */
export function valueText(value: unknown): string {
  if (Array.isArray(value)) return clip(value.map(valueText).join('+'), longestValue);
  const text =
    typeof value === 'string'
      ? /^[./]/.test(value)
        ? (value.split('/').at(-1) ?? value)
        : value
      : (JSON.stringify(value) ?? 'nothing');
  const safe = text.replaceAll(/[^A-Za-z0-9._+-]+/g, '_').replaceAll(/^[._]+|[._]+$/g, '');
  return clip(safe === '' ? 'empty' : safe, longestValue);
}

/** '03-gamma=0.2,seed=1': sorts as it runs, fits any file system, and is unique by its number. */
export function pointNames(entries: readonly SweepEntry[], labels: ReadonlyMap<string, string>): readonly string[] {
  const width = Math.max(2, String(entries.length).length);
  return entries.map(({ number, values }) => {
    const said = Object.entries(values).map(
      ([key, value]) => `${(labels.get(key) ?? key).replaceAll(/[^A-Za-z0-9._-]+/g, '_')}=${valueText(value)}`,
    );
    return `${String(number).padStart(width, '0')}-${clip(said.length === 0 ? 'as-written' : said.join(','), longestName)}`;
  });
}

function clip(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}
