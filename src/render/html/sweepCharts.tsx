/** A sweep's pictures as plain SVG: lines over a swept number, lanes over swept names. All panels of a metric share
 *  their scale. */
import type { JsonValue } from '../../base/json.js';
import {
  Figure,
  HorizontalGrid,
  Legend,
  Mark,
  pairWidth,
  shorten,
  startsAtZero,
  styleClass,
  VerticalGrid,
} from './charts.js';
import { describeMetric, formatInterval, metricHeading, metricMeaning } from '../../report/metrics.js';
import { linePath, linearScale, type Scale } from './scale.js';
import { isCrowded, type Axis, type Panel, type PanelPoint, type Spread, type SweepPicture } from './sweepPanels.js';
import { valueLabel } from '../../report/sweepTables.js';

const spreads: Readonly<Record<Spread, string>> = {
  interval: 'Whiskers: the 95% interval of the run.',
  seeds: 'Means over seeds; whiskers: the lowest and the highest seed.',
  mixed: 'Means over seeds; whiskers: the lowest and the highest seed, or the 95% interval where one seed ran.',
};

export function SweepPictures({ pictures }: { pictures: readonly SweepPicture[] }) {
  const [first] = pictures;
  if (first === undefined) return null;
  const isOne = pictures.every(({ panels }) => panels.length === 1);
  return (
    <>
      {first.lines.length > 1 && <Legend names={first.lines} />}
      {isOne ? (
        <div class="charts pairs">
          {pictures.map((picture) => picture.panels.map((panel) => <PanelChart picture={picture} panel={panel} />))}
        </div>
      ) : (
        pictures.map((picture) => (
          <section aria-label={metricHeading(picture.metric)}>
            <h4>
              {metricHeading(picture.metric)} <small>{metricMeaning(picture.metric)}</small>
            </h4>
            <div class="charts pairs">
              {picture.panels.map((panel) => (
                <PanelChart picture={picture} panel={panel} />
              ))}
            </div>
          </section>
        ))
      )}
      <p class="aside">{[...new Set(pictures.map(({ spread }) => spreads[spread]))].join(' ')}</p>
    </>
  );
}

interface PanelProps {
  readonly picture: SweepPicture;
  readonly panel: Panel;
}

function PanelChart(props: PanelProps) {
  return props.picture.axis.kind === 'number' ? <LinePanel {...props} /> : <LanePanel {...props} />;
}

/** Least and most of all panels of a picture. */
function extent({ panels, metric }: SweepPicture): readonly [number, number] {
  const all = panels.flatMap(({ series }) =>
    series.flatMap(({ points }) => points.flatMap(({ mean, low, high }) => [mean, low, high])),
  );
  const least = Math.min(...all);
  return [
    startsAtZero(metric) || describeMetric(metric).signed === true ? Math.min(0, least) : least,
    Math.max(...all),
  ];
}

function LinePanel({ picture, panel }: PanelProps) {
  const { metric, axis } = picture;
  const { signed = false } = describeMetric(metric);
  const [label, meaning] = [metricHeading(metric), metricMeaning(metric)];
  const [top, left, right, bottom] = [10, 56, 14, 176];
  const end = pairWidth - right;
  const y = linearScale(...extent(picture), [bottom, top], { ticks: 4 });
  const numbers = axis.values.map(Number);
  const isEven = isCrowded(numbers);
  const ends = isEven ? ([0, numbers.length - 1] as const) : ([Math.min(...numbers), Math.max(...numbers)] as const);
  const x = linearScale(...ends, [left + 14, end - 14], { fixed: true });
  const positions = numbers.map((value, i) => x.at(isEven ? i : value));
  const dodge = (i: number): number =>
    (i - (panel.series.length - 1) / 2) * Math.min(5, 24 / Math.max(1, panel.series.length));
  return (
    <Figure
      title={panel.title ?? label}
      caption={panel.title === null ? meaning : ''}
      height={214}
      width={pairWidth}
      description={describe(picture, panel)}
    >
      <HorizontalGrid scale={y} left={left} right={end} metric={metric} />
      {signed && <line class="zero" x1={left} x2={end} y1={y.at(0)} y2={y.at(0)} />}
      {tickPlaces(positions, axis.values).map(({ place, value }) => (
        <g>
          <line class="grid" x1={place} x2={place} y1={bottom} y2={bottom + 4} />
          <text class="tick" x={place} y={bottom + 17} text-anchor="middle">
            {valueLabel(value)}
          </text>
        </g>
      ))}
      <text class="axis-label" x={(left + end) / 2} y={bottom + 34} text-anchor="middle">
        {isEven ? `${axis.label} (values evenly spaced)` : axis.label}
      </text>
      {panel.series.map(({ name, style, points }, i) => {
        const at = (point: PanelPoint): number => (positions[point.at] ?? left) + dodge(i);
        return (
          <g>
            {points.map((point) => (
              <line
                class={`whisker thin ${styleClass(style)}`}
                x1={at(point)}
                x2={at(point)}
                y1={y.at(point.low)}
                y2={y.at(point.high)}
              />
            ))}
            <path
              class={`curve ${styleClass(style)}`}
              d={linePath(points.map((point) => [at(point), y.at(point.mean)] as const))}
            />
            {points.map((point) => (
              <g>
                <Mark x={at(point)} y={y.at(point.mean)} style={style} size={4} />
                <title>{told(picture, name, point)}</title>
              </g>
            ))}
          </g>
        );
      })}
    </Figure>
  );
}

/** A lane a category; within it the series one above the other. */
function LanePanel({ picture, panel }: PanelProps) {
  const { metric, axis, lines } = picture;
  const { signed = false } = describeMetric(metric);
  const [label, meaning] = [metricHeading(metric), metricMeaning(metric)];
  const [top, left, right] = [6, 128, 16];
  const each = 17;
  const perLane = lines.length === 0 ? 1 : panel.series.length;
  const lane = Math.max(26, each * perLane + 10);
  const bottom = top + axis.values.length * lane;
  const x = linearScale(...extent(picture), [left, pairWidth - right], { ticks: 4 });
  return (
    <Figure
      title={panel.title ?? label}
      caption={panel.title === null ? meaning : ''}
      height={bottom + 26}
      width={pairWidth}
      description={describe(picture, panel)}
    >
      <VerticalGrid scale={x} top={top} bottom={bottom} metric={metric} />
      {signed && <line class="zero" x1={x.at(0)} x2={x.at(0)} y1={top} y2={bottom} />}
      {axis.values.map((value, i) => (
        <g>
          {i > 0 && <line class="grid" x1={0} x2={pairWidth - right} y1={top + lane * i} y2={top + lane * i} />}
          <text class="row-label" x={left - 12} y={top + lane * (i + 0.5) + 4} text-anchor="end">
            {shorten(valueLabel(value), 16)}
          </text>
        </g>
      ))}
      {panel.series.map(({ name, style, points }, i) =>
        points.map((point) => {
          const y = top + lane * (point.at + 0.5) + (lines.length === 0 ? 0 : (i - (perLane - 1) / 2) * each);
          return <LaneMark x={x} y={y} style={style} point={point} text={told(picture, name, point)} />;
        }),
      )}
    </Figure>
  );
}

function LaneMark({
  x,
  y,
  style,
  point,
  text,
}: {
  x: Scale;
  y: number;
  style: number;
  point: PanelPoint;
  text: string;
}) {
  return (
    <g>
      <line class={`whisker ${styleClass(style)}`} x1={x.at(point.low)} x2={x.at(point.high)} y1={y} y2={y} />
      <Mark x={x.at(point.mean)} y={y} style={style} size={5} />
      <title>{text}</title>
    </g>
  );
}

/** 'ipo, beta 0.1: 12.0% [10.0%, 14.0%], 2 seeds' */
function told({ metric, axis }: SweepPicture, name: string, point: PanelPoint): string {
  const where = axisText(axis, point.at);
  const figures = formatInterval(metric, point);
  return `${where.endsWith(` ${name}`) ? name : `${name}, ${where}`}: ${figures}${point.seeds > 1 ? `, ${point.seeds} seeds` : ''}`;
}

function axisText({ label, values }: Axis, at: number): string {
  return `${label} ${valueLabel(values[at])}`;
}

function describe(picture: SweepPicture, { series }: Panel): string {
  return series.flatMap(({ name, points }) => points.map((point) => told(picture, name, point))).join('; ');
}

/** Labels that do not touch: of many values, every second or third. */
function tickPlaces(
  positions: readonly number[],
  values: readonly JsonValue[],
): readonly { readonly place: number; readonly value: JsonValue }[] {
  const widest = Math.max(...values.map((value) => valueLabel(value).length)) * 7.5 + 8;
  const out: { place: number; value: JsonValue }[] = [];
  for (const [i, place] of positions.entries()) {
    const before = out.at(-1);
    if (before === undefined || place - before.place >= widest) out.push({ place, value: values[i] ?? null });
  }
  return out;
}
