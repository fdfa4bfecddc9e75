/** Charts as plain SVG: intervals by row, curves, a cloud of points. Colours are CSS variables, so one drawing serves
 *  light and dark; rows differ in shape and dash as well as in colour. Every chart has a title for screen readers. */
import type { ComponentChildren } from 'preact';
import { formatInterval, formatMetric, isShare, metricHeading, metricMeaning } from '../../report/metrics.js';
import { linePath, linearScale, thinOut, tickLabel } from './scale.js';
import type { Scale } from './scale.js';

const seriesCount = 6;

export interface Series<T> {
  readonly name: string;
  /** Index of colour, shape and dash. */
  readonly style: number;
  readonly values: T;
}

/** Class of a series: its colour; from the seventh on the colours come again, hollow and dashed. */
export function styleClass(style: number): string {
  return `s${style % seriesCount}${Math.floor(style / seriesCount) % 2 === 1 ? ' hollow' : ''}`;
}

/** The colour of a series before its name. */
export function Dot({ style }: { style: number }) {
  return <span class={`dot ${styleClass(style)}`} aria-hidden="true" />;
}

/** A mark in the shape of a series: circle, square, triangle, diamond, cross, ring. */
export function Mark({
  x,
  y,
  style,
  size = 4.5,
  faint = false,
}: {
  x: number;
  y: number;
  style: number;
  size?: number;
  faint?: boolean;
}) {
  const kind = style % seriesCount;
  const common = { class: `mark ${styleClass(style)}${faint ? ' faint' : ''}` };
  const at = (dx: number, dy: number): string => `${(x + dx * size).toFixed(1)},${(y + dy * size).toFixed(1)}`;
  switch (kind) {
    case 0:
      return <circle {...common} cx={x.toFixed(1)} cy={y.toFixed(1)} r={size} />;
    case 1:
      return (
        <rect
          {...common}
          x={(x - size * 0.9).toFixed(1)}
          y={(y - size * 0.9).toFixed(1)}
          width={size * 1.8}
          height={size * 1.8}
        />
      );
    case 2:
      return <polygon {...common} points={[at(0, -1.15), at(1.1, 0.85), at(-1.1, 0.85)].join(' ')} />;
    case 3:
      return <polygon {...common} points={[at(0, -1.25), at(1.25, 0), at(0, 1.25), at(-1.25, 0)].join(' ')} />;
    case 4:
      return <polygon {...common} points={[at(0, 1.15), at(1.1, -0.85), at(-1.1, -0.85)].join(' ')} />;
    default:
      return (
        <circle
          class={`mark ring ${styleClass(style)}${faint ? ' faint' : ''}`}
          cx={x.toFixed(1)}
          cy={y.toFixed(1)}
          r={size * 0.85}
        />
      );
  }
}

/** The key to the series of a group of charts. */
export function Legend({ names }: { names: readonly Pick<Series<unknown>, 'name' | 'style'>[] }) {
  return (
    <ul class="legend">
      {names.map(({ name, style }) => (
        <li>
          <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
            <Mark x={7} y={7} style={style} size={4.6} />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  );
}

/** Widths in user units; what a chart is scaled by on the page follows from them. */
const width = 380;
export const pairWidth = 470;
const wideWidth = 620;

/** Shares and harm are read against zero; NLL and reward against each other. */
export function startsAtZero(metric: string): boolean {
  return isShare(metric) || /harm$/i.test(metric);
}

/** Means with their intervals, one line per row. */
export function IntervalChart({
  metric,
  rows,
}: {
  metric: string;
  rows: readonly Series<{ mean: number; low: number; high: number }>[];
}) {
  const lane = 26;
  const [top, left, right] = [6, 128, 16];
  const height = top + rows.length * lane + 26;
  const all = rows.flatMap(({ values: { low, high, mean } }) => [low, high, mean]);
  const low = Math.min(...all);
  const scale = linearScale(
    startsAtZero(metric) ? Math.min(0, low) : low,
    Math.max(...all),
    [left, pairWidth - right],
    { ticks: 4 },
  );
  const bottom = top + rows.length * lane;
  return (
    <Figure
      title={metricHeading(metric)}
      caption={metricMeaning(metric)}
      height={height}
      width={pairWidth}
      description={rows.map(({ name, values }) => `${name} ${formatMetric(metric, values.mean)}`).join(', ')}
    >
      <VerticalGrid scale={scale} top={top} bottom={bottom} metric={metric} />
      {rows.map(({ name, style, values }, i) => {
        const y = top + lane * (i + 0.5);
        return (
          <g>
            <text class="row-label" x={left - 12} y={y + 4} text-anchor="end">
              {shorten(name, 16)}
            </text>
            <line
              class={`whisker ${styleClass(style)}`}
              x1={scale.at(values.low)}
              x2={scale.at(values.high)}
              y1={y}
              y2={y}
            />
            <Mark x={scale.at(values.mean)} y={y} style={style} size={5} />
            <title>{`${name}: ${formatInterval(metric, values)}`}</title>
          </g>
        );
      })}
    </Figure>
  );
}

interface LineSeries extends Series<readonly { x: number; y: number; low?: number; high?: number }[]> {
  readonly dashed?: boolean;
  readonly marks?: boolean;
  readonly strong?: boolean;
}

/** Curves over x. @param xLabel of the horizontal axis */
export function LineChart({
  title,
  caption,
  metric,
  xLabel,
  series,
  wholeX = false,
  zeroLine = false,
  width: wide = width,
}: {
  title: string;
  caption: string;
  metric: string;
  xLabel: string;
  series: readonly LineSeries[];
  /** Ticks at whole numbers only (turns). */
  wholeX?: boolean;
  /** Zero is in the picture, as a line: what moved up, what down. */
  zeroLine?: boolean;
  width?: number;
}) {
  const [top, left, right, bottom] = [10, 44, 12, 176];
  const end = wide - right;
  const points = series.flatMap(({ values }) => values);
  const xs = points.map(({ x }) => x);
  const ys = [...points.flatMap(({ y, low = y, high = y }) => [y, low, high]), ...(zeroLine ? [0] : [])];
  const [least, most] = [Math.min(...ys), Math.max(...ys)];
  const floor = startsAtZero(metric) ? Math.min(0, least) : least;
  const room = 0.06 * (most - floor);
  const low = startsAtZero(metric) && floor === 0 ? 0 : floor - room;
  const y = linearScale(low, most + room, [bottom, top], { ticks: 4, fixed: room > 0 });
  const x = wholeX
    ? {
        ...linearScale(Math.min(...xs) - 0.25, Math.max(...xs) + 0.25, [left, end], { fixed: true }),
        ticks: [...new Set(xs.map(Math.round))],
      }
    : linearScale(Math.min(...xs), Math.max(...xs), [left, end], { ticks: 4, fixed: true });
  return (
    <Figure
      title={title}
      caption={caption}
      height={214}
      width={wide}
      description={`${series.map(({ name }) => name).join(', ')} over ${xLabel}`}
    >
      <HorizontalGrid scale={y} left={left} right={end} metric={metric} />
      {zeroLine && <line class="zero" x1={left} x2={end} y1={y.at(0)} y2={y.at(0)} />}
      {x.ticks.map((tick) => (
        <text class="tick" x={x.at(tick)} y={bottom + 16} text-anchor="middle">
          {tickLabel(tick, x.ticks)}
        </text>
      ))}
      <text class="axis-label" x={(left + end) / 2} y={bottom + 33} text-anchor="middle">
        {xLabel}
      </text>
      {series.map(({ name, style, values, dashed = false, marks = false, strong = false }) => {
        const drawn = marks ? values : thinOut(values, 160);
        return (
          <g>
            {values.map(({ x: at, low, high }) =>
              low === undefined || high === undefined ? null : (
                <line
                  class={`whisker thin ${styleClass(style)}`}
                  x1={x.at(at)}
                  x2={x.at(at)}
                  y1={y.at(low)}
                  y2={y.at(high)}
                />
              ),
            )}
            <path
              class={`curve ${styleClass(style)}${dashed ? ' dashed' : ''}${strong ? ' strong' : ''}`}
              d={linePath(drawn.map((point) => [x.at(point.x), y.at(point.y)] as const))}
            />
            {marks && values.map((point) => <Mark x={x.at(point.x)} y={y.at(point.y)} style={style} size={3.6} />)}
            <title>{name}</title>
          </g>
        );
      })}
    </Figure>
  );
}

/** A cloud of points by series. */
export function ScatterChart({
  title,
  caption,
  xLabel,
  yLabel,
  series,
  threshold,
}: {
  title: string;
  caption: string;
  xLabel: string;
  yLabel: string;
  series: readonly Series<readonly { x: number; y: number }[]>[];
  /** A horizontal line: above it, dialogues failed. */
  threshold: number | null;
}) {
  const [top, left, right, bottom] = [26, 40, 12, 296];
  const points = series.flatMap(({ values }) => values);
  const xs = points.map((point) => point.x);
  const x = linearScale(Math.min(...xs, 0), Math.max(...xs), [left, wideWidth - right], { ticks: 7 });
  const y = linearScale(0, 1, [bottom, top], { ticks: 5 });
  return (
    <Figure
      title={title}
      caption={caption}
      height={348}
      width={wideWidth}
      description={series.map(({ name, values }) => `${name}: ${values.length} dialogues`).join(', ')}
    >
      <HorizontalGrid scale={y} left={left} right={wideWidth - right} metric="harm" />
      {x.ticks.map((tick) => (
        <text class="tick" x={x.at(tick)} y={bottom + 20} text-anchor="middle">
          {tickLabel(tick, x.ticks)}
        </text>
      ))}
      {threshold !== null && (
        <g>
          <line class="threshold" x1={left} x2={wideWidth - right} y1={y.at(threshold)} y2={y.at(threshold)} />
          <text class="threshold-label" x={wideWidth - right} y={y.at(threshold) - 5} text-anchor="end">
            {`threshold ${threshold}`}
          </text>
        </g>
      )}
      <text class="axis-label" x={(left + wideWidth - right) / 2} y={bottom + 44} text-anchor="middle">
        {xLabel}
      </text>
      <text class="axis-label" x={4} y={12} text-anchor="start">
        {yLabel}
      </text>
      {series.map(({ style, values }) => (
        <g>
          {values.map((point) => (
            <Mark x={x.at(point.x)} y={y.at(point.y)} style={style} size={4} faint />
          ))}
        </g>
      ))}
    </Figure>
  );
}

export function Figure({
  title,
  caption,
  description,
  height,
  width: wide = width,
  children,
}: {
  title: string;
  caption: string;
  description: string;
  height: number;
  width?: number;
  children: ComponentChildren;
}) {
  return (
    <figure class={wide === wideWidth ? 'chart wide' : 'chart'}>
      <figcaption>
        <b>{title}</b> <span>{caption}</span>
      </figcaption>
      <svg viewBox={`0 0 ${wide} ${height}`} role="img" aria-label={`${title}: ${description}`}>
        {children}
      </svg>
    </figure>
  );
}

export function VerticalGrid({
  scale,
  top,
  bottom,
  metric,
}: {
  scale: Scale;
  top: number;
  bottom: number;
  metric: string;
}) {
  return (
    <g>
      {scale.ticks.map((tick) => (
        <g>
          <line class="grid" x1={scale.at(tick)} x2={scale.at(tick)} y1={top} y2={bottom} />
          <text class="tick" x={scale.at(tick)} y={bottom + 17} text-anchor="middle">
            {gridLabel(metric, tick, scale.ticks)}
          </text>
        </g>
      ))}
    </g>
  );
}

export function HorizontalGrid({
  scale,
  left,
  right,
  metric,
}: {
  scale: Scale;
  left: number;
  right: number;
  metric: string;
}) {
  return (
    <g>
      {scale.ticks.map((tick) => (
        <g>
          <line class="grid" x1={left} x2={right} y1={scale.at(tick)} y2={scale.at(tick)} />
          <text class="tick" x={left - 7} y={scale.at(tick) + 4} text-anchor="end">
            {gridLabel(metric, tick, scale.ticks)}
          </text>
        </g>
      ))}
    </g>
  );
}

function gridLabel(metric: string, tick: number, ticks: readonly number[]): string {
  return isShare(metric)
    ? `${tickLabel(
        tick * 100,
        ticks.map((value) => value * 100),
      )}%`
    : tickLabel(tick, ticks);
}

export function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
