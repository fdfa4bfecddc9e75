/** From what the processes gave to tables: medians, extremes, ratios, what was to be reached. Pure. */
import { formatTable } from '../src/render/terminal/table.js';
import { memoryFigure } from './comparison.js';
import { spreadOf } from './spread.js';
import type { Comparison, BenchMetric, Outcome, Spread, BenchTarget } from './types.js';

export interface Sample {
  readonly outcome: Outcome;
  readonly peakMiB: number | null;
  /** Share of the machine that went to other processes meanwhile. */
  readonly others: number | null;
}

export interface MeasuredSide {
  readonly label: string;
  readonly isPeer: boolean;
  /** When and on what, where it was not measured in this run. */
  readonly recorded: string | null;
  readonly samples: readonly Sample[];
}

/** A line of the table. */
export interface Row {
  readonly bench: string;
  readonly work: string;
  /** Our side, by its label. */
  readonly side: string;
  /** Medians. */
  readonly ours: number | null;
  readonly peer: number | null;
  readonly unit: string;
  /** How many times better ours is; below 1 it is worse. */
  readonly ratio: number | null;
  /** The ratio to reach; where there is no peer, the most that ours may be. */
  readonly target: number | null;
  readonly targetKind: BenchTarget['kind'] | null;
  readonly reached: boolean | null;
  readonly oursSpread: Spread | null;
  readonly peerSpread: Spread | null;
  readonly peerName: string | null;
  readonly peerRecorded: string | null;
}

export function rowsOf(comparison: Comparison, sides: readonly MeasuredSide[]): readonly Row[] {
  const peer = sides.find(({ isPeer }) => isPeer) ?? null;
  return comparison.figures.flatMap((figure) => {
    const theirs = peer === null ? null : spreadOf(valuesOf(peer, figure));
    return sides
      .filter(({ isPeer }) => !isPeer)
      .map((side): Row => {
        const ours = spreadOf(valuesOf(side, figure));
        const ratio = ratioOf(figure, ours, theirs);
        const target =
          comparison.targets.find((each) => each.figure === figure.key && each.side === side.label) ?? null;
        return {
          bench: comparison.name,
          work: `${comparison.title}: ${figure.title}`,
          side: side.label,
          ours: ours?.median ?? null,
          peer: theirs?.median ?? null,
          unit: figure.unit,
          ratio,
          target: target === null ? null : target.kind === 'ratio' ? target.atLeast : target.atMost,
          targetKind: target?.kind ?? null,
          reached: target === null ? null : isReached(target, ours, ratio),
          oursSpread: ours,
          peerSpread: theirs,
          peerName: peer?.label ?? null,
          peerRecorded: peer?.recorded ?? null,
        };
      });
  });
}

/** Returns null if nothing can be said. */
function isReached(target: BenchTarget, ours: Spread | null, ratio: number | null): boolean | null {
  if (target.kind === 'limit') return ours === null ? null : ours.median <= target.atMost;
  return ratio === null ? null : ratio >= target.atLeast;
}

/** Whether both sides did the same work, a sentence a side: equal, or by how much not. */
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

/** Renders the notes under one comparison's table. */
export function renderNotes(
  { name, title, notes }: Comparison,
  sides: readonly MeasuredSide[],
  failures: readonly string[],
): string {
  const quiet = quietNote(sides);
  const all = [...workNotes(sides), ...notes, ...(quiet === null ? [] : [quiet]), ...failures];
  return [`${name}: ${title}`, ...all.map((note) => `  ${note}`)].join('\n');
}

/** The table. Rows without a target stand for information. */
export function renderRows(rows: readonly Row[]): string {
  const cells = rows.map((row) => {
    const star = row.peerRecorded === null ? '' : '*';
    return [
      row.work,
      row.side,
      spreadText(row.oursSpread),
      `${spreadText(row.peerSpread)}${row.peer === null ? '' : star}`,
      row.unit,
      row.ratio === null ? '–' : `${row.ratio.toFixed(2)}×${star}`,
      targetText(row),
      row.reached === null ? '' : row.reached ? 'yes' : 'no',
    ];
  });
  const recorded = new Set(
    rows.flatMap(({ peerName, peerRecorded }) =>
      peerRecorded === null ? [] : [`* ${peerName ?? ''}: ${peerRecorded}; not measured in this run`],
    ),
  );
  return [
    formatTable(['work', 'side', 'Gadfly', 'peer', 'unit', 'better by', 'target', 'reached'], cells, [2, 3, 5, 6]),
    ...recorded,
  ].join('\n');
}

function targetText({ target, targetKind, unit }: Row): string {
  if (target === null) return '–';
  return targetKind === 'limit' ? `≤ ${String(target)} ${unit}` : `≥ ${String(target)}×`;
}

function valuesOf(side: MeasuredSide, { key }: BenchMetric): readonly number[] {
  return side.samples.flatMap(({ outcome, peakMiB }) => {
    const value = key === memoryFigure.key ? peakMiB : (outcome.figures[key] ?? null);
    return value === null ? [] : [value];
  });
}

function ratioOf({ better }: BenchMetric, ours: Spread | null, peer: Spread | null): number | null {
  if (ours === null || peer === null || ours.median === 0 || peer.median === 0) return null;
  return better === 'lower' ? peer.median / ours.median : ours.median / peer.median;
}

/** Three digits that count, thousands set apart. */
function spreadText(spread: Spread | null): string {
  if (spread === null) return '–';
  const text = (value: number): string =>
    (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)).replace(
      /\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g,
      ',',
    );
  return spread.min === spread.max
    ? text(spread.median)
    : `${text(spread.median)} (${text(spread.min)} – ${text(spread.max)})`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)}%`;
}
