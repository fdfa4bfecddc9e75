/** Shows how probable failures are in ordinary use: for each estimate one sentence, one number, one interval, one picture,
 *  what it rests on and what it does not say. */
import {
  basisSentences,
  bestEstimateSentence,
  chanceWords,
  type EstimateReport,
  eventWords,
  guaranteeSentence,
  limitSentences,
} from '../../report/estimates.js';
import { Figure, pairWidth } from './charts.js';

export function Estimates({ estimates }: { estimates: readonly EstimateReport[] }) {
  return (
    <>
      {estimates.map((estimate) => (
        <section aria-label={`${estimate.name}: ${eventWords(estimate)}`}>
          <h3>
            {estimate.name}: {eventWords(estimate)}
          </h3>
          <p class="finding">{guaranteeSentence(estimate)}</p>
          <p>{bestEstimateSentence(estimate)}</p>
          <div class="charts pairs">
            <ProbabilityChart {...estimate} />
          </div>
          <details>
            <summary>What it rests on, and what it does not say</summary>
            <ul class="notes">
              {[...basisSentences(estimate), ...limitSentences(estimate)].map((sentence) => (
                <li>{sentence}</li>
              ))}
            </ul>
            <Figures {...estimate} />
          </details>
        </section>
      ))}
    </>
  );
}

/** Powers of ten below which nothing is drawn. */
const lowestPower = -7;

/** A line from one in many to always, by powers of ten: the bound, and within it estimate and interval. */
function ProbabilityChart({ probability: { mean, low, high }, guaranteedHigh }: EstimateReport) {
  const [left, right, line, height] = [24, 24, 54, 92];
  const shown = [mean ?? 0, low ?? 0, guaranteedHigh].filter((value) => value > 0);
  const from = Math.max(lowestPower, Math.floor(Math.log10(Math.min(...shown))));
  const powers = Array.from({ length: 1 - from }, (_, i) => from + i);
  const span = Math.max(1, -from);
  const at = (value: number): number =>
    left + ((Math.max(from, Math.log10(Math.max(value, 1e-12))) - from) / span) * (pairWidth - left - right);
  const hasInterval = low !== null && high !== null;
  return (
    <Figure
      title="Probability in ordinary use"
      caption="the shaded part is what the bound allows; the mark is the best estimate, with its interval where there is one; each step to the left is ten times rarer"
      height={height}
      width={pairWidth}
      description={`at most ${chanceWords(guaranteedHigh)}${mean === null ? '' : `, best estimate ${chanceWords(mean)}`}`}
    >
      {powers.map((power) => (
        <g>
          <line class="grid" x1={at(10 ** power)} x2={at(10 ** power)} y1={line - 30} y2={line + 14} />
          <text class="tick" x={at(10 ** power)} y={line + 30} text-anchor="middle">
            {tickOf(power)}
          </text>
        </g>
      ))}
      <rect class="allowed" x={left} y={line - 10} width={Math.max(1, at(guaranteedHigh) - left)} height={20} />
      <line class="bound" x1={at(guaranteedHigh)} x2={at(guaranteedHigh)} y1={line - 22} y2={line + 14} />
      <text
        class="tick"
        x={at(guaranteedHigh)}
        y={line - 28}
        text-anchor={at(guaranteedHigh) > pairWidth / 2 ? 'end' : 'start'}
      >
        at most {chanceWords(guaranteedHigh)}
      </text>
      {hasInterval && <line class="whisker s0" x1={at(low)} x2={at(high)} y1={line} y2={line} />}
      {mean !== null && mean > 0 && <circle class="mark s0" cx={at(mean).toFixed(1)} cy={line} r={5} />}
    </Figure>
  );
}

function tickOf(power: number): string {
  return power === 0 ? 'always' : `1 in ${(10 ** -power).toLocaleString('en')}`;
}

/** Figures for those who check the method. */
function Figures(estimate: EstimateReport) {
  const {
    bernsteinHigh,
    meanWeight,
    effectiveSampleSize,
    largestShare,
    tiltedShare,
    standardError,
    mixture,
    tempering,
  } = estimate;
  const shown = (value: number | null): string => (value === null ? '–' : String(Number(value.toPrecision(3))));
  const rows: readonly (readonly [string, string])[] = [
    ['bound by the empirical Bernstein inequality, as a check', shown(bernsteinHigh)],
    ['standard error of the estimate', shown(standardError)],
    ['share of ordinary dialogues that was asked for (α)', shown(mixture)],
    ['tempering of the tilted ones (λ)', shown(tempering)],
    ['mean weight, 1 if all is well; being 1 proves nothing', shown(meanWeight)],
    ['effective number of dialogues with the event', shown(effectiveSampleSize)],
    ['largest share of the estimate that one dialogue has', shown(largestShare)],
    ['share of the estimate that tilted dialogues have', shown(tiltedShare)],
  ];
  return (
    <table class="results">
      <tbody>
        {rows.map(([name, value]) => (
          <tr>
            <th scope="row">{name}</th>
            <td class="number">{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
