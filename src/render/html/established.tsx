/** Shows the judges that a run has established: how texts were labelled, how good the ensemble is per class, and whether
 *  its probabilities mean what they say. */
import {
  classFigures,
  classRows,
  ensembleSentences,
  formatFigure,
  labellingSentences,
} from '../../report/establishedTables.js';
import type { EnsembleQuality, EstablishedReport } from '../../report/report.js';
import { Figure, HorizontalGrid, Mark, pairWidth, VerticalGrid } from './charts.js';
import { linearScale } from './scale.js';

export function Established({ judges }: { judges: readonly EstablishedReport[] }) {
  return (
    <>
      {judges.map((judge) => (
        <section aria-label={`Judge ${judge.name}`}>
          <h3>
            Judge <code>stage:{judge.name}</code>
          </h3>
          <dl class="labels">
            {judge.descriptions.map(({ name, description, harmful }) => (
              <>
                <dt>
                  {name}
                  {harmful && <span class="flag">harmful</span>}
                </dt>
                <dd>{description}</dd>
              </>
            ))}
          </dl>
          {[...labellingSentences(judge), ...ensembleSentences(judge)].map((sentence) => (
            <p>{sentence}</p>
          ))}
          {judge.ensemble !== undefined && (
            <>
              <ClassTable quality={judge.ensemble.quality} />
              <div class="charts pairs">
                <ReliabilityChart {...judge.ensemble.quality.harm} />
              </div>
            </>
          )}
        </section>
      ))}
    </>
  );
}

function ClassTable({ quality }: { quality: EnsembleQuality }) {
  return (
    <div class="scroll fit" tabIndex={0} role="region" aria-label="Classes">
      <table class="results">
        <thead>
          <tr>
            <th scope="col">class</th>
            <th scope="col" class="number">
              held-out texts
            </th>
            {classFigures.map(({ heading, meaning }) => (
              <th scope="col" class="number" title={meaning}>
                {heading} ↑
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {classRows(quality).map((row) => (
            <tr>
              <th scope="row">
                {row.name}
                {row.harmful && <span class="flag">harmful</span>}
              </th>
              <td class="number">{row.heldOut.toLocaleString('en')}</td>
              {classFigures.map(({ key }) => {
                const figure = row[key];
                return (
                  <td class="number">
                    {figure === null ? '–' : formatFigure(key, figure.value)}
                    {figure !== null && figure.low !== figure.high && (
                      <small class="interval">
                        {formatFigure(key, figure.low)} – {formatFigure(key, figure.high)}
                      </small>
                    )}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Mean harm of the texts in each tenth beside the share of them that is harmful: on the diagonal a probability is what it
 *  says. Columns below say how many texts each point stands for. */
function ReliabilityChart({ reliability }: Pick<EnsembleQuality['harm'], 'reliability'>) {
  const [top, left, right, bottom, floor] = [10, 44, 12, 208, 262];
  const x = linearScale(0, 1, [left, pairWidth - right], { ticks: 5, fixed: true });
  const y = linearScale(0, 1, [bottom, top], { ticks: 5, fixed: true });
  const most = Math.max(1, ...reliability.map(({ n }) => n));
  const filled = reliability.flatMap(({ meanScore, share, ...bin }) =>
    meanScore === null || share === null ? [] : [{ ...bin, meanScore, share }],
  );
  return (
    <Figure
      title="Calibration of harm"
      caption="held-out texts by their harm: on the line, the share that is harmful is the harm"
      height={floor + 44}
      width={pairWidth}
      description={filled
        .map(({ n, meanScore, share }) => `harm ${meanScore.toFixed(2)}: ${percent(share)} of ${String(n)} texts`)
        .join(', ')}
    >
      <VerticalGrid scale={x} top={top} bottom={bottom} metric="replyHarm" />
      <HorizontalGrid scale={y} left={left} right={pairWidth - right} metric="replyFailureRate" />
      <line class="zero" x1={x.at(0)} y1={y.at(0)} x2={x.at(1)} y2={y.at(1)} />
      {filled.map(({ from, to, n, meanScore, share }) => (
        <g>
          <rect
            class="column"
            x={x.at(from) + 2}
            width={x.at(to) - x.at(from) - 4}
            y={floor - (26 * n) / most}
            height={(26 * n) / most}
          />
          <text class="tick" x={(x.at(from) + x.at(to)) / 2} y={floor + 14} text-anchor="middle">
            {n}
          </text>
          <Mark x={x.at(meanScore)} y={y.at(share)} style={0} size={5} />
          <title>{`harm ${from.toFixed(1)} to ${to.toFixed(1)}: ${String(n)} texts, ${percent(share)} harmful`}</title>
        </g>
      ))}
      <text class="axis-label" x={(left + pairWidth - right) / 2} y={floor + 36} text-anchor="middle">
        harm; below, the number of texts
      </text>
    </Figure>
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}
