/** A chart of lines over steps. Raw values stand pale behind the smoothed ones. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { isDark } from '../shared/themeButton.js';
import { figure } from './figures.js';
import { type Line, smoothed } from './panels.js';

export interface ChartProps {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Changes whenever values came. */
  readonly version: number;
  /** From 0 to 1. */
  readonly smoothing: number;
}

const height = 190;

export function Chart({ title, lines, version, smoothing }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const dark = isDark.value;
  const shape = `${lines.map(({ label, colour }) => `${label} ${String(colour)}`).join('|')} ${String(smoothing > 0)} ${String(dark)}`;

  useLayoutEffect(() => {
    if (host.current === null) return;
    const made = new uPlot(optionsOf(host.current, lines, smoothing > 0), dataOf(lines, smoothing), host.current);
    plot.current = made;
    const sized = new ResizeObserver(([entry]) => {
      if (entry !== undefined && entry.contentRect.width > 0) made.setSize({ width: entry.contentRect.width, height });
    });
    sized.observe(host.current);
    return () => {
      sized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(dataOf(lines, smoothing));
  }, [version, smoothing, shape]);

  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div ref={host} class="plot" role="img" aria-label={inWords(title, lines)} />
      <ul class="legend">
        {lines.map((line) => (
          <li key={line.label}>
            <i class={`key c${String(line.colour % colours)}${line.isHeldOut ? ' dots' : ''}`} aria-hidden="true" />
            {line.label} <b>{lastOf(line)}</b>
          </li>
        ))}
      </ul>
    </figure>
  );
}

const colours = 8;

function lastOf({ series: { values } }: Line): string {
  const last = values.at(-1);
  return last === undefined ? '–' : figure(last);
}

function inWords(title: string, lines: readonly Line[]): string {
  const parts = lines.map((line) => {
    const { steps, values } = line.series;
    return `${line.label}: from ${figure(values[0] ?? 0)} to ${lastOf(line)} at step ${String(steps.at(-1) ?? 0)}`;
  });
  return `${title}. ${parts.join('; ')}`;
}

/** Puts all lines over one list of steps; a step that a line lacks is a gap that is drawn across. */
function dataOf(lines: readonly Line[], smoothing: number): uPlot.AlignedData {
  const steps = [...new Set(lines.flatMap(({ series }) => series.steps))].sort((a, b) => a - b);
  const places = new Map(steps.map((step, i) => [step, i]));
  const spread = (at: readonly number[], values: readonly number[]): (number | null)[] => {
    const row = new Array<number | null>(steps.length).fill(null);
    at.forEach((step, i) => {
      row[places.get(step) ?? 0] = values[i] ?? null;
    });
    return row;
  };
  const raw = lines.map(({ series }) => spread(series.steps, series.values));
  if (smoothing === 0) return [steps, ...raw];
  const smooth = lines.map(({ series, isHeldOut }) =>
    spread(series.steps, smoothed(series.values, isHeldOut ? 0 : smoothing)),
  );
  return [steps, ...raw, ...smooth];
}

function optionsOf(host: HTMLElement, lines: readonly Line[], isSmoothed: boolean): uPlot.Options {
  const [soft, grid] = [colourOf(host, '--soft'), colourOf(host, '--line')];
  const font = `12px ${getComputedStyle(host).fontFamily}`;
  const axis: uPlot.Axis = { stroke: soft, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const series = (line: Line, isPale: boolean): uPlot.Series => {
    const stroke = colourOf(host, `--c${String(line.colour % colours)}`);
    return {
      label: line.label,
      stroke,
      width: isPale ? 1 : 2,
      alpha: isPale ? 0.35 : 1,
      spanGaps: true,
      ...(line.isHeldOut
        ? { dash: [4, 4], points: { show: !isPale, size: 6, fill: stroke } }
        : { points: { show: false } }),
    };
  };
  return {
    width: Math.max(120, host.clientWidth),
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 28 },
      { ...axis, size: 52, values: (_, ticks) => ticks.map(figureOfTick) },
    ],
    series: [
      {},
      ...lines.map((line) => series(line, isSmoothed)),
      ...(isSmoothed ? lines.map((line) => series(line, false)) : []),
    ],
  };
}

function figureOfTick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${String(value / 1e6)}M`;
  return (size >= 1e4 ? `${String(value / 1e3)}k` : String(Number(value.toPrecision(6)))).replace('-', '−');
}

/** Canvas knows no custom properties: an element tells what one comes to in the theme that is shown. */
function colourOf(host: HTMLElement, name: string): string {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  host.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
