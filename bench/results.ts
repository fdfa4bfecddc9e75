/** From what the processes gave to a table: medians, extremes, ratios. Pure. */
import { present } from '../src/base/invariant.js';
import { formatTable } from '../src/cli/table.js';
import type { Comparison, Figure, Outcome, Side } from './comparison.js';

export interface Sample {
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly peakMiB: number | null;
  readonly others: number | null;
}

export interface MeasuredSide {
  readonly label: string;
  readonly isPeer: boolean;
  readonly samples: readonly Sample[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Row {
  readonly figure: string;
  /** Our side, by its label. */
  readonly side: string;
  readonly ours: Spread | null;
  readonly peer: Spread | null;
  /** How many times better ours is by the medians; below 1 it is worse. */
  readonly ratio: number | null;
}

/** Read from outside, for every comparison. */
export const memoryFigure: Figure = { key: 'peakMiB', title: 'peak memory, MiB', better: 'lower', digits: 0 };

export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => present(sorted[index], 'an index within the values');
  const middle = (sorted.length - 1) / 2;
  return { median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) };
}

export function rowsOf(comparison: Comparison, sides: readonly MeasuredSide[]): readonly Row[] {
  const peer = sides.find(({ isPeer }) => isPeer) ?? null;
  return [...comparison.figures, memoryFigure].flatMap((figure) => {
    const theirs = peer === null ? null : spreadOf(valuesOf(peer, figure));
    return sides
      .filter(({ isPeer }) => !isPeer)
      .map((side): Row => {
        const ours = spreadOf(valuesOf(side, figure));
        return { figure: figure.key, side: side.label, ours, peer: theirs, ratio: ratioOf(figure, ours, theirs) };
      });
  });
}

/** Whether both sides did the same work, a sentence a count: equal, or by how much not. */
export function workNotes(sides: readonly MeasuredSide[]): readonly string[] {
  const countsOf = (side: MeasuredSide): Readonly<Record<string, number>> => side.samples[0]?.outcome.work ?? {};
  const peer = sides.find(({ isPeer }) => isPeer) ?? null;
  return sides
    .filter(({ isPeer }) => !isPeer)
    .map((side) => {
      const counts = Object.entries(countsOf(side)).map(([name, count]) => {
        const theirs = peer === null ? undefined : countsOf(peer)[name];
        const other = theirs === undefined ? '' : theirs === count ? ' (equal)' : ` (peer: ${String(theirs)})`;
        return `${String(count)} ${name}${other}`;
      });
      return `Work of ${side.label}: ${counts.join(', ')}.`;
    });
}

/** How quiet the machine was. */
export function quietNote(sides: readonly MeasuredSide[]): string | null {
  const shares = sides.flatMap(({ samples }) => samples.flatMap(({ others }) => (others === null ? [] : [others])));
  const spread = spreadOf(shares);
  if (spread === null) return null;
  return `Other processes used ${percent(spread.median)} of the machine's cores during a run (median; at most ${percent(spread.max)}).`;
}

export function renderComparison(comparison: Comparison, sides: readonly MeasuredSide[], failures: readonly string[]): string {
  const peer = sides.find(({ isPeer }) => isPeer);
  const figures = new Map([...comparison.figures, memoryFigure].map((figure) => [figure.key, figure]));
  const rows = rowsOf(comparison, sides).map(({ figure: key, side, ours, peer: theirs, ratio }) => {
    const { title, digits } = present(figures.get(key), 'a figure for each row');
    return [title, side, spreadText(ours, digits), spreadText(theirs, digits), ratio === null ? '–' : `${ratio.toFixed(2)}×`];
  });
  const quiet = quietNote(sides);
  return [
    `${comparison.name}: ${comparison.title}`,
    formatTable(['median (min – max)', 'side', 'Gadfly', peer?.label ?? 'no peer', 'better by'], rows, [2, 3, 4]),
    ...[...workNotes(sides), ...comparison.notes, ...(quiet === null ? [] : [quiet]), ...failures].map((note) => `  ${note}`),
  ].join('\n');
}

export function withSamples({ label, isPeer }: Side, samples: readonly Sample[]): MeasuredSide {
  return { label, isPeer, samples };
}

function valuesOf(side: MeasuredSide, { key }: Figure): readonly number[] {
  return side.samples.flatMap(({ outcome, peakMiB }) => {
    const value = key === memoryFigure.key ? peakMiB : (outcome.figures[key] ?? null);
    return value === null ? [] : [value];
  });
}

function ratioOf({ better }: Figure, ours: Spread | null, peer: Spread | null): number | null {
  if (ours === null || peer === null || ours.median === 0 || peer.median === 0) return null;
  return better === 'lower' ? peer.median / ours.median : ours.median / peer.median;
}

function spreadText(spread: Spread | null, digits: number): string {
  if (spread === null) return '–';
  const text = (value: number): string => value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
  return spread.min === spread.max ? text(spread.median) : `${text(spread.median)} (${text(spread.min)} – ${text(spread.max)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`;
}
