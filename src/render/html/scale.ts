/** From data to drawing: linear scales with round ticks. */

export interface Scale {
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  /** Data to pixels. */
  readonly at: (value: number) => number;
}

/** A scale over [low, high], widened to round ticks. @param range pixels of the domain's two ends */
export function linearScale(
  low: number,
  high: number,
  range: readonly [number, number],
  options: { readonly ticks?: number; /** The domain is exactly [low, high]. */ readonly fixed?: boolean } = {},
): Scale {
  const spread = low === high ? Math.max(Math.abs(low) * 0.1, 0.05) : 0;
  const [first, last] = [low - spread, high + spread];
  const step = roundStep((last - first) / Math.max(1, options.ticks ?? 4));
  const from = options.fixed === true ? first : Math.floor(first / step + 1e-9) * step;
  const to = options.fixed === true ? last : Math.ceil(last / step - 1e-9) * step;
  const ticks: number[] = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to + step * 1e-9; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return {
    domain: [from, to],
    ticks,
    at: (value) => range[0] + ((value - from) / (to - from)) * (range[1] - range[0]),
  };
}

/** 1, 2, 2.5 or 5 times a power of ten, at least `rough`. */
function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** A tick as short as its neighbours allow. */
export function tickLabel(value: number, ticks: readonly number[]): string {
  const step = ticks.length > 1 ? Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) : Math.abs(value);
  const digits =
    step === 0 || step >= 1
      ? Number.isInteger(step)
        ? 0
        : 1
      : Math.min(4, Math.ceil(-Math.log10(step) + (String(step).includes('25') ? 1e-9 + 1 : 0) - 1e-9));
  return Math.abs(value) >= 10_000
    ? `${Number((value / 1000).toPrecision(3))}k`
    : value.toFixed(digits).replace('-', '−');
}

/** SVG path of a polyline. */
export function linePath(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
}

/** At most `limit` points: neighbours are averaged. */
export function thinOut(points: readonly Point[], limit: number): readonly Point[] {
  if (points.length <= limit) return points;
  const size = Math.ceil(points.length / limit);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const out: Point[] = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    out.push({ x: mean(group.map(({ x }) => x)), y: mean(group.map(({ y }) => y)) });
  }
  return out;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}
