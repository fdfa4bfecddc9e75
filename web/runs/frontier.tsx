/** Rows by how likely their utterances are and how often the target fails: what lies up and to the left is worst. */
import type { FoundRow } from '../../src/server/runs/protocol.js';
import { figure, percent } from './figures.js';

export interface FrontierRow {
  readonly label: string;
  /** Place of its colour. */
  readonly group: number;
  readonly row: FoundRow;
}

const [width, height, left, bottom, top, right] = [640, 260, 52, 40, 14, 150];

export function Frontier({ rows }: { readonly rows: readonly FrontierRow[] }) {
  const points = rows.flatMap(({ label, group, row: { metrics } }) => {
    const [rate, nll] = [metrics['replyFailureRate'], metrics['adversaryNll']];
    return rate === undefined || nll === undefined ? [] : [{ label, group, rate, nll }];
  });
  if (points.length < 2) return null;
  const [low, high] = spread(points.flatMap(({ nll }) => [nll.low, nll.high]));
  const x = (nll: number): number => left + ((width - left - right) * (nll - low)) / (high - low);
  const y = (rate: number): number => top + (height - top - bottom) * (1 - rate);
  const told = points.map(
    ({ label, rate, nll }) => `${label}: ${percent(rate.mean)} failed at ${figure(nll.mean)} nats per token`,
  );
  return (
    <figure class="chart wide">
      <figcaption>Failure rate and likelihood of provocations, with intervals</figcaption>
      <svg viewBox={`0 0 ${String(width)} ${String(height)}`} role="img" aria-label={told.join('; ')}>
        {[0, 0.25, 0.5, 0.75, 1].map((rate) => (
          <g key={rate}>
            <line class="grid" x1={left} x2={width - right} y1={y(rate)} y2={y(rate)} />
            <text x={left - 6} y={y(rate) + 4} text-anchor="end">
              {Math.round(100 * rate)}%
            </text>
          </g>
        ))}
        {[low, (low + high) / 2, high].map((nll) => (
          <text key={nll} x={x(nll)} y={height - bottom + 18} text-anchor="middle">
            {nll.toFixed(2)}
          </text>
        ))}
        <text x={(left + width - right) / 2} y={height - 4} text-anchor="middle">
          NLL, nats per token (← likelier)
        </text>
        {points.map(({ label, group, rate, nll }) => (
          <g key={`${label} ${String(group)}`} class={`point c${String(group % 8)}`}>
            <title>{`${label}: ${percent(rate.mean)} at ${figure(nll.mean)}`}</title>
            <line x1={x(nll.low)} x2={x(nll.high)} y1={y(rate.mean)} y2={y(rate.mean)} />
            <line x1={x(nll.mean)} x2={x(nll.mean)} y1={y(rate.low)} y2={y(rate.high)} />
            <circle cx={x(nll.mean)} cy={y(rate.mean)} r="5" />
            <text x={x(nll.high) + 8} y={y(rate.mean) + 4}>
              {label}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}

function spread(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = low === high ? 0.5 : 0.05 * (high - low);
  return [low - margin, high + margin];
}
