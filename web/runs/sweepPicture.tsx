/** A sweep as a picture: one metric over the values of one key, with intervals; the other keys tell points apart. */
import { useState } from 'preact/hooks';
import type { SweepSummary } from '../../src/server/runs/protocol.js';
import { Axes, type Frame, placeX, placeY, spread } from './axes.js';
import { arrow, figure, intervalText, metricText } from './figures.js';
import { useWidth } from './width.js';

interface PictureProps {
  readonly summary: SweepSummary;
  /** Names of the metrics to choose from. */
  readonly names: readonly string[];
}

export function SweepPicture({ summary: { keys, points, metrics }, names }: PictureProps) {
  const { ref, width } = useWidth(720);
  const [chosenName, chooseName] = useState(names[0] ?? '');
  const [chosenKey, chooseKey] = useState(keys[0] ?? '');
  const rowNames = [...new Set(points.flatMap(({ rows }) => rows.map(({ name }) => name)))];
  const [chosenRow, chooseRow] = useState(rowNames.at(-1) ?? '');
  const shown = points.flatMap(({ id, name, values, rows }) => {
    const value = rows.find((row) => row.name === chosenRow)?.metrics[chosenName];
    if (value === undefined) return [];
    const others = keys.filter((key) => key !== chosenKey).map((key) => `${key} ${values[key] ?? '–'}`);
    return [{ id, name, value, place: values[chosenKey] ?? '–', group: others.join(', ') }];
  });
  if (shown.length < 2) return null;
  const places = [...new Set(shown.map(({ place }) => place))];
  const groups = [...new Set(shown.map(({ group }) => group))];
  const frame: Frame = { width, height: 290, left: 56, right: 16, top: 14, bottom: 26 };
  const x = { low: -0.5, high: places.length - 0.5 };
  const y = spread(shown.flatMap(({ value }) => [value.low, value.high]));
  const unit = metrics[chosenName]?.unit;
  const apart = 0.5 / Math.max(1, groups.length);
  return (
    <figure class="chart wide">
      <figcaption>
        {metrics[chosenName]?.label ?? chosenName}
        {arrow(metrics[chosenName])} of {chosenRow} by {chosenKey}
      </figcaption>
      <p class="row tools">
        <Choice
          label="Metric"
          value={chosenName}
          options={names}
          onChoose={chooseName}
          text={(name) => metrics[name]?.label ?? name}
        />
        <Choice label="Row" value={chosenRow} options={rowNames} onChoose={chooseRow} />
        <Choice label="Over" value={chosenKey} options={keys} onChoose={chooseKey} />
      </p>
      <div ref={ref}>
        <svg
          viewBox={`0 0 ${String(width)} ${String(frame.height)}`}
          role="img"
          aria-label="The table below as a picture"
        >
          <Axes frame={frame} x={x} y={y} xTitle="" yText={(value) => metricText(value, unit)} hasTicks={false} />
          {places.map((place, i) => (
            <text key={place} x={placeX(frame, x, i)} y={frame.height - frame.bottom + 18} text-anchor="middle">
              {place}
            </text>
          ))}
          {shown.map(({ id, name, value, place, group }) => {
            const number = groups.indexOf(group);
            const at = placeX(frame, x, places.indexOf(place) + (number - (groups.length - 1) / 2) * apart);
            return (
              <g key={id} class={`point c${String(number % 8)}`}>
                <title>{`${name}: ${metricText(value.mean, unit)} (${intervalText(value, unit) || figure(value.n)})`}</title>
                <line x1={at} x2={at} y1={placeY(frame, y, value.low)} y2={placeY(frame, y, value.high)} />
                <circle cx={at} cy={placeY(frame, y, value.mean)} r="5" />
              </g>
            );
          })}
        </svg>
      </div>
      {groups.length < 2 ? null : (
        <ul class="legend">
          {groups.map((group, i) => (
            <li key={group}>
              <i class={`key c${String(i % 8)}`} aria-hidden="true" />
              {group}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly string[];
  readonly onChoose: (value: string) => void;
  readonly text?: (value: string) => string;
}

function Choice({ label, value, options, onChoose, text = (each) => each }: ChoiceProps) {
  if (options.length < 2) return null;
  return (
    <label>
      {label}{' '}
      <select
        value={value}
        onChange={({ currentTarget }) => {
          onChoose(currentTarget.value);
        }}
      >
        {options.map((each) => (
          <option key={each} value={each}>
            {text(each)}
          </option>
        ))}
      </select>
    </label>
  );
}
