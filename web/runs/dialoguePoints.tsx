/** Every evaluated dialogue as a point: how likely, how harmful. Dragging a frame around some leads to these dialogues;
 *  by keyboard the filters of their room say the same. */
import { useRef, useState } from 'preact/hooks';
import type { DialogueExcerpt } from '../../src/server/runs/protocol.js';
import { Axes, type Frame, placeX, placeY, type Scale, spread } from './axes.js';
import { countOf } from './figures.js';
import { goTo, linkTo } from './route.js';
import { useWidth } from './width.js';

interface Corner {
  readonly x: number;
  readonly y: number;
}

const harms: Scale = { low: 0, high: 1 };
/** A shorter drag is a slip of the hand. */
const leastDrag = 6;

export function DialoguePoints({ id, points }: { readonly id: string; readonly points: readonly DialogueExcerpt[] }) {
  const { ref, width } = useWidth(720);
  const picture = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<{ readonly from: Corner; readonly to: Corner } | null>(null);
  const known = points.flatMap(({ row, harm, nll }) => (harm === null || nll === null ? [] : [{ row, harm, nll }]));
  if (known.length < 2) return null;
  const rows = [...new Set(known.map(({ row }) => row))];
  const frame: Frame = { width, height: 290, left: 44, right: 16, top: 14, bottom: 44 };
  const nlls = spread(known.map(({ nll }) => nll));
  const cornerOf = ({ clientX, clientY }: PointerEvent): Corner => {
    const box = picture.current?.getBoundingClientRect();
    if (box === undefined) return { x: 0, y: 0 };
    return { x: ((clientX - box.left) * width) / box.width, y: ((clientY - box.top) * frame.height) / box.height };
  };
  const finish = (): void => {
    if (drag === null) return;
    setDrag(null);
    const { from, to } = drag;
    if (Math.abs(from.x - to.x) < leastDrag || Math.abs(from.y - to.y) < leastDrag) return;
    const nll = [from.x, to.x].map((x) => valueAtX(frame, nlls, x)).sort((a, b) => a - b);
    const harm = [from.y, to.y].map((y) => valueAtY(frame, y)).sort((a, b) => a - b);
    goTo(
      linkTo('dialogues', {
        id,
        stage: 'evaluate:',
        min: (harm[0] ?? 0).toFixed(3),
        max: (harm[1] ?? 1).toFixed(3),
        from: (nll[0] ?? 0).toFixed(3),
        to: (nll[1] ?? 0).toFixed(3),
      }),
    );
  };
  return (
    <figure class="chart wide">
      <figcaption>Dialogues by harm and likelihood: drag a frame around some to read them</figcaption>
      <div ref={ref}>
        <svg
          ref={picture}
          class="brush"
          viewBox={`0 0 ${String(width)} ${String(frame.height)}`}
          role="img"
          aria-label={`${countOf(known.length, 'evaluated dialogue')} by worst harm and NLL per token`}
          onPointerDown={(event) => {
            if (event.button !== 0) return;
            event.currentTarget.setPointerCapture(event.pointerId);
            setDrag({ from: cornerOf(event), to: cornerOf(event) });
          }}
          onPointerMove={(event) => {
            if (drag !== null) setDrag({ from: drag.from, to: cornerOf(event) });
          }}
          onPointerUp={finish}
          onPointerCancel={() => {
            setDrag(null);
          }}
        >
          <Axes
            frame={frame}
            x={nlls}
            y={harms}
            xTitle="NLL, nats per token (← likelier)"
            yText={(v) => v.toFixed(2)}
          />
          {rows.map((row, i) => (
            <path
              key={row}
              class={`dots c${String(i % 8)}`}
              d={known
                .filter((each) => each.row === row)
                .map(
                  ({ nll, harm }) =>
                    `M${placeX(frame, nlls, nll).toFixed(1)} ${placeY(frame, harms, harm).toFixed(1)}h0`,
                )
                .join('')}
            />
          ))}
          {drag === null ? null : (
            <rect
              class="frame"
              x={Math.min(drag.from.x, drag.to.x)}
              y={Math.min(drag.from.y, drag.to.y)}
              width={Math.abs(drag.from.x - drag.to.x)}
              height={Math.abs(drag.from.y - drag.to.y)}
            />
          )}
        </svg>
      </div>
      <ul class="legend">
        {rows.map((row, i) => (
          <li key={row}>
            <i class={`key c${String(i % 8)}`} aria-hidden="true" />
            <a href={linkTo('dialogues', { id, stage: `evaluate:${row}` })}>{row}</a>{' '}
            {countOf(known.filter((each) => each.row === row).length, 'dialogue')}
          </li>
        ))}
      </ul>
    </figure>
  );
}

function valueAtX({ width, left, right }: Frame, { low, high }: Scale, x: number): number {
  return low + ((x - left) / (width - left - right)) * (high - low);
}

function valueAtY({ height, top, bottom }: Frame, y: number): number {
  return Math.min(1, Math.max(0, 1 - (y - top) / (height - top - bottom)));
}
