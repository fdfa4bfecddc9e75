/** The grid behind pictures of points: lines across for the vertical scale, figures under the horizontal one. */

export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface Scale {
  readonly low: number;
  readonly high: number;
}

export function placeX({ width, left, right }: Frame, { low, high }: Scale, value: number): number {
  return left + ((width - left - right) * (value - low)) / (high - low);
}

export function placeY({ height, top, bottom }: Frame, { low, high }: Scale, value: number): number {
  return top + (height - top - bottom) * (1 - (value - low) / (high - low));
}

interface AxesProps {
  readonly frame: Frame;
  readonly x: Scale;
  readonly y: Scale;
  readonly xTitle: string;
  readonly yText: (value: number) => string;
  /** Whether the horizontal scale has figures; default true. */
  readonly hasTicks?: boolean;
}

export function Axes({ frame, x, y, xTitle, yText, hasTicks = true }: AxesProps) {
  const { width, height, left, right, bottom } = frame;
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return (
    <g aria-hidden="true">
      {ticks.map((share) => {
        const value = y.low + share * (y.high - y.low);
        const at = placeY(frame, y, value);
        return (
          <g key={share}>
            <line class="grid" x1={left} x2={width - right} y1={at} y2={at} />
            <text x={left - 6} y={at + 4} text-anchor="end">
              {yText(value)}
            </text>
          </g>
        );
      })}
      {(hasTicks ? [0, 0.5, 1] : []).map((share) => {
        const value = x.low + share * (x.high - x.low);
        return (
          <text key={share} x={placeX(frame, x, value)} y={height - bottom + 18} text-anchor="middle">
            {value.toFixed(2)}
          </text>
        );
      })}
      <text x={(left + width - right) / 2} y={height - 4} text-anchor="middle">
        {xTitle}
      </text>
    </g>
  );
}

/** Returns the bounds of values with a small margin. */
export function spread(values: readonly number[]): Scale {
  const [low, high] = values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Infinity, -Infinity],
  );
  const margin = low === high ? 0.5 : 0.05 * (high - low);
  return { low: low - margin, high: high + margin };
}
