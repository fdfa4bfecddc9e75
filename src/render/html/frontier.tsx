/** The picture of success against likelihood: a mark per row with both intervals, those on the frontier joined. */
import type { FrontierPoint } from '../../report/frontier.js';
import { formatMetric } from '../../report/metrics.js';
import { Figure, HorizontalGrid, shorten, styleClass } from './charts.js';
import type { RowStyles } from './results.js';
import { linePath, linearScale, tickLabel } from './scale.js';

const wide = 620;

export function Frontier({ points, styles }: { points: readonly FrontierPoint[]; styles: RowStyles }) {
  if (points.length === 0) return null;
  const [top, left, right, bottom] = [30, 48, 20, 300];
  const nlls = points.flatMap(({ nll }) => [nll.mean, nll.low, nll.high]);
  const x = linearScale(Math.min(...nlls), Math.max(...nlls), [left, wide - right], { ticks: 6 });
  const y = linearScale(0, Math.max(...points.map(({ rate }) => rate.high), 0.05), [bottom, top], { ticks: 5 });
  const best = points.filter(({ isOnFrontier }) => isOnFrontier).sort((a, b) => a.nll.mean - b.nll.mean);
  return (
    <Figure
      title="Success against likelihood"
      caption="one mark per row with 95% intervals; up: fails more often, left: likelier words; the line joins the frontier; squares are searches"
      height={350}
      width={wide}
      description={points
        .map(
          ({ name, nll, rate }) =>
            `${name} ${formatMetric('replyFailureRate', rate.mean)} at ${formatMetric('adversaryNll', nll.mean)}`,
        )
        .join(', ')}
    >
      <HorizontalGrid scale={y} left={left} right={wide - right} metric="replyFailureRate" />
      {x.ticks.map((tick) => (
        <text class="tick" x={x.at(tick)} y={bottom + 20} text-anchor="middle">
          {tickLabel(tick, x.ticks)}
        </text>
      ))}
      <text class="axis-label" x={(left + wide - right) / 2} y={bottom + 42} text-anchor="middle">
        NLL of the adversary’s utterances, nats per token
      </text>
      <text class="axis-label" x={4} y={14} text-anchor="start">
        replies failed
      </text>
      <path class="frontier" d={linePath(best.map(({ nll, rate }) => [x.at(nll.mean), y.at(rate.mean)] as const))} />
      {points.map(({ name, nll, rate, isSearch, isOnFrontier }) => {
        const style = styles.get(name) ?? 0;
        const [px, py] = [x.at(nll.mean), y.at(rate.mean)];
        const toLeft = px > wide * 0.75;
        return (
          <g class={styleClass(style)}>
            <line class={`whisker thin ${styleClass(style)}`} x1={x.at(nll.low)} x2={x.at(nll.high)} y1={py} y2={py} />
            <line
              class={`whisker thin ${styleClass(style)}`}
              x1={px}
              x2={px}
              y1={y.at(rate.low)}
              y2={y.at(rate.high)}
            />
            {isSearch ? (
              <rect class={`mark ${styleClass(style)}`} x={px - 4.5} y={py - 4.5} width={9} height={9} />
            ) : (
              <circle class={`mark ${styleClass(style)}`} cx={px} cy={py} r={5} />
            )}
            <text
              class={isOnFrontier ? 'point-label strong' : 'point-label'}
              x={px + (toLeft ? -9 : 9)}
              y={py - 7}
              text-anchor={toLeft ? 'end' : 'start'}
            >
              {shorten(name, 18)}
            </text>
          </g>
        );
      })}
    </Figure>
  );
}
