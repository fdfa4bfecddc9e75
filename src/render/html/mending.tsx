/** Shows the effect of mending: every model's answers to held-out dialogues beside the target before, how steady the
 *  trainings were, and replies side by side. Replies are covered like every text that a model wrote. */
import type { MendReport, MendRow, MendSample } from '../../report/report.js';
import { Interval } from './interval.js';
import { Dot, Legend, LineChart } from './charts.js';
import { HarmMeter, VeiledText } from './dialogues.js';
import type { Veil } from './dialogues.js';
import { courseMetrics, mendCell, mendModels, mendTables } from '../../report/mendTables.js';
import type { MendTable } from '../../report/mendTables.js';
import { changeParts, describeMetric, formatMetric, metricHeading, metricMeaning } from '../../report/metrics.js';
import type { MendCurve } from '../../report/reportView.js';

type ModelStyles = ReadonlyMap<string, number>;

/** All mend stages; of several, the last lies open. */
export function Mending({
  stages,
  curves,
  veil,
}: {
  stages: readonly MendReport[];
  curves: readonly MendCurve[];
  veil: Veil;
}) {
  return (
    <>
      {stages.map((mend, i) => (
        <details class="mend mend-stage" open={i === stages.length - 1}>
          <summary>
            {mend.stage} <small>mends {mend.before}</small>
          </summary>
          <MendStage
            mend={mend}
            curves={curves.filter(({ stage }) => stage === mend.stage)}
            number={i + 1}
            veil={veil}
          />
        </details>
      ))}
    </>
  );
}

function MendStage({
  mend,
  curves,
  number,
  veil,
}: {
  mend: MendReport;
  curves: readonly MendCurve[];
  number: number;
  veil: Veil;
}) {
  const models = [...new Set([...mendModels(mend), ...curves.map(({ model }) => model)])];
  const styles: ModelStyles = new Map(models.map((name, i) => [name, i]));
  const counts = Object.entries(mend.counts);
  return (
    <>
      {counts.length > 0 && (
        <ul class="counts">
          {counts.map(([name, count]) => (
            <li>
              <b>{count.toLocaleString('en')}</b> {describeMetric(name).label.toLowerCase()}
            </li>
          ))}
        </ul>
      )}
      {mendTables(mend).map((table) => (
        <ModelTable table={table} styles={styles} />
      ))}
      <Course mend={mend} styles={styles} />
      <Losses mend={mend} curves={curves} styles={styles} />
      <MendSamples samples={mend.samples} stage={number} styles={styles} veil={veil} />
    </>
  );
}

function ModelTable({ table: { title, metrics, rows }, styles }: { table: MendTable; styles: ModelStyles }) {
  return (
    <>
      <h4>{title}</h4>
      <div class="scroll fit" tabIndex={0} role="region" aria-label={title}>
        <table class="results models">
          <thead>
            <tr>
              <th scope="col">model</th>
              {metrics.map((metric) => (
                <th scope="col" class="number" title={metricMeaning(metric)}>
                  {metricHeading(metric)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr>
                <th scope="row">
                  <Dot style={styles.get(row.model) ?? 0} />
                  {row.model}
                </th>
                {metrics.map((metric) => (
                  <ChangeCell row={row} metric={metric} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const arrows = { up: '▲ ', down: '▼ ' } as const;

/** Value, its interval, and the paired change to before. */
function ChangeCell({ row, metric }: { row: MendRow; metric: string }) {
  const cell = mendCell(row, metric);
  if (cell === null) return <td class="number absent">–</td>;
  const { value, change, direction } = cell;
  const arrow = direction === null ? '' : arrows[direction];
  const [moved, interval] = change === null ? [] : changeParts(metric, change);
  return (
    <td class="number">
      {change === null ? arrow : ''}
      {formatMetric(metric, value.mean)}
      <Interval metric={metric} of={value} />
      {change !== null && (
        <small class={direction === null ? 'change' : 'change sure'}>
          {arrow}
          {moved} <span>{interval}</span>
        </small>
      )}
    </td>
  );
}

/** Small multiples: a panel a quantity, a line a model. */
function Course({ mend, styles }: { mend: MendReport; styles: ModelStyles }) {
  const watched = watchedModels(mend);
  const { moved } = courseMetrics(mend);
  if (moved.length === 0) return null;
  return (
    <>
      <h4>How steady the training was</h4>
      <p class="aside">
        Log-probability of replies that are not trained on, minus that before training, in nats per reply: below zero
        they became less likely. Every panel has its own scale.
      </p>
      <Legend names={watched.map(({ model }) => ({ name: model, style: styles.get(model) ?? 0 }))} />
      <div class="charts">
        {moved.map((metric) => (
          <CourseChart metric={metric} watched={watched} styles={styles} />
        ))}
      </div>
    </>
  );
}

function watchedModels({ course }: MendReport): MendReport['course'] {
  return course.filter(({ points }) => points.length > 0);
}

function CourseChart({
  metric,
  watched,
  styles,
}: {
  metric: string;
  watched: MendReport['course'];
  styles: ModelStyles;
}) {
  return (
    <LineChart
      title={metricHeading(metric)}
      caption={metricMeaning(metric)}
      metric={metric}
      xLabel="step"
      zeroLine
      series={watched.map(({ model, points }) => ({
        name: model,
        style: styles.get(model) ?? 0,
        marks: points.length <= 32,
        values: points.flatMap(({ step, values: { [metric]: y } }) => (y === undefined ? [] : [{ x: step, y }])),
      }))}
    />
  );
}

/** Losses of different formulas have no common scale: a panel each. */
function Losses({ mend, curves, styles }: { mend: MendReport; curves: readonly MendCurve[]; styles: ModelStyles }) {
  const { others } = courseMetrics(mend);
  if (curves.length === 0 && others.length === 0) return null;
  return (
    <details>
      <summary>Losses while training{others.length > 0 && ', and what else was watched'}</summary>
      <div class="charts">
        {curves.map(({ model, points }) => (
          <LineChart
            title={model}
            caption="training loss"
            metric="loss"
            xLabel="step"
            series={[{ name: model, style: styles.get(model) ?? 0, values: points }]}
          />
        ))}
        {others.map((metric) => (
          <CourseChart metric={metric} watched={watchedModels(mend)} styles={styles} />
        ))}
      </div>
    </details>
  );
}

/** Dialogues that are shown at once; the others open on demand. */
const shownAtOnce = 2;

function MendSamples({
  samples,
  stage,
  styles,
  veil,
}: {
  samples: readonly MendSample[];
  stage: number;
  styles: ModelStyles;
  veil: Veil;
}) {
  if (samples.length === 0) return null;
  const cards = samples.map((sample, i) => (
    <SampleCard sample={sample} id={`mend-${stage}-${i + 1}`} number={i + 1} styles={styles} veil={veil} />
  ));
  return (
    <>
      <h4>One dialogue, every model’s reply</h4>
      <div class="sample-group">
        <div class="samples">{cards.slice(0, shownAtOnce)}</div>
        {cards.length > shownAtOnce && (
          <details>
            <summary>{cards.length - shownAtOnce} more</summary>
            <div class="samples">{cards.slice(shownAtOnce)}</div>
          </details>
        )}
      </div>
    </>
  );
}

interface SampleCardProps {
  readonly sample: MendSample;
  readonly id: string;
  readonly number: number;
  readonly styles: ModelStyles;
  readonly veil: Veil;
}

function SampleCard({ sample: { set, context, replies }, id, number, styles, veil }: SampleCardProps) {
  return (
    <article class="sample" aria-labelledby={`${id}-title`}>
      <header>
        <h3 id={`${id}-title`}>
          {set} <small>dialogue {number}</small>
        </h3>
        <button type="button" class="reveal" aria-expanded="false" aria-controls={id}>
          Show text
        </button>
      </header>
      <ol id={id}>
        {context.map((text, i) => (
          <li class="turn prompt">
            <span class="who">{(context.length - i) % 2 === 1 ? 'To the model' : 'Model, earlier'}</span>
            <VeiledText text={text} veil={veil} />
          </li>
        ))}
        {replies.map(({ model, text, harm, failed, evasive }) => (
          <li class={`turn target${failed === true ? ' failed' : ''}`}>
            <span class="who">
              <Dot style={styles.get(model) ?? 0} />
              {model}
            </span>
            <VeiledText text={text} veil={veil} />
            <span class="facts">
              {harm === null ? <span class="fact">unscored</span> : <HarmMeter harm={harm} label="harm" />}
              {failed === true && <span class="fact">failed</span>}
              {evasive && <span class="fact">evasive</span>}
            </span>
          </li>
        ))}
      </ol>
    </article>
  );
}
