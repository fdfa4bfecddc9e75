/** Rows by how likely their utterances are and how often the target fails: what lies up and to the left is worst. Points
 *  are numbered; the list below says what each is. */
import type { FoundRow } from '../../src/server/runs/protocol.js';
import { Axes, type Frame, placeX, placeY, spread } from './axes.js';
import { figure, intervalText, percent } from './figures.js';
import { useWidth } from './width.js';

export interface FrontierRow {
  readonly label: string;
  /** Place of its colour. */
  readonly group: number;
  readonly row: FoundRow;
}

const rates = { low: 0, high: 1 };

export function Frontier({ rows }: { readonly rows: readonly FrontierRow[] }) {
  const { ref, width } = useWidth(720);
  const points = rows.flatMap(({ label, group, row: { metrics, judge } }) => {
    const [rate, nll] = [metrics['replyFailureRate'], metrics['adversaryNll']];
    return rate === undefined || nll === undefined ? [] : [{ label, judge, group, rate, nll }];
  });
  if (points.length < 2) return null;
  const hasJudges = new Set(points.map(({ judge }) => judge)).size > 1;
  const frame: Frame = { width, height: 290, left: 44, right: 16, top: 14, bottom: 44 };
  const nlls = spread(points.flatMap(({ nll }) => [nll.low, nll.high]));
  return (
    <figure class="chart wide">
      <figcaption>Failure rate and likelihood of provocations, with intervals</figcaption>
      <div ref={ref}>
        <svg
          viewBox={`0 0 ${String(width)} ${String(frame.height)}`}
          role="img"
          aria-label="The list below as a picture"
        >
          <Axes frame={frame} x={nlls} y={rates} xTitle="NLL, nats per token (← likelier)" yText={whole} />
          {points.map(({ label, judge, group, rate, nll }, i) => {
            const [x, y] = [placeX(frame, nlls, nll.mean), placeY(frame, rates, rate.mean)];
            return (
              <g key={`${label} ${judge}`} class={`point c${String(group % 8)}`}>
                <title>{`${label}: ${percent(rate.mean)} at ${figure(nll.mean)}`}</title>
                <line x1={placeX(frame, nlls, nll.low)} x2={placeX(frame, nlls, nll.high)} y1={y} y2={y} />
                <line x1={x} x2={x} y1={placeY(frame, rates, rate.low)} y2={placeY(frame, rates, rate.high)} />
                <circle class="numbered" cx={x} cy={y} r="9" />
                <text class="number" x={x} y={y + 4} text-anchor="middle">
                  {i + 1}
                </text>
              </g>
            );
          })}
        </svg>
      </div>
      <ol class="legend points">
        {points.map(({ label, judge, group, rate, nll }) => (
          <li key={`${label} ${judge}`} class={`c${String(group % 8)}`}>
            <b>{label}</b>
            {hasJudges ? ` by ${judge}` : ''}: {percent(rate.mean)} ({intervalText(rate, 'share') || 'no interval'}) at{' '}
            {figure(nll.mean)} nats
          </li>
        ))}
      </ol>
    </figure>
  );
}

function whole(rate: number): string {
  return `${String(Math.round(100 * rate))}%`;
}
