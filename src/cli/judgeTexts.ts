/** A judge over many texts, with progress, and its figures against human labels. */
import { openStream, streamKey } from '../base/random.js';
import type { LabelledText } from '../dialogue/datasets/labelled.js';
import type { Judge, JudgedItem, Verdict } from '../dialogue/types.js';
import { countUnscored, type UnscoredCount } from '../dialogue/unscored.js';
import type { JsonObject } from '../base/json.js';
import { type ClassificationSummary, type Estimate, summariseClassification } from '../stats/classification.js';
import type { CommandContext } from './command.js';
import { showText } from './showText.js';
import { formatTable } from '../render/terminal/table.js';

/** Texts between two signs of progress. */
const chunk = 96;

export interface Judged {
  readonly judge: Judge;
  readonly verdicts: readonly Verdict[];
  readonly unscored: UnscoredCount;
  /** It is null when the clock saw no time pass. */
  readonly textsPerSecond: number | null;
}

export async function judgeAll(
  judge: Judge,
  items: readonly JudgedItem[],
  { progress, terminal }: Pick<CommandContext, 'progress' | 'terminal'>,
): Promise<Judged> {
  const start = terminal.clock.monotonicMs();
  const verdicts: Verdict[] = [];
  for (let at = 0; at < items.length; at += chunk) {
    if (items.length > chunk) progress.update({ task: judge.name, done: at, total: items.length, unit: 'texts' });
    const asked = items.slice(at, at + chunk);
    const found = await judge.judge(asked);
    verdicts.push(
      ...asked.map((_, i): Verdict => found[i] ?? { kind: 'unscored', reason: 'the judge gave no verdict' }),
    );
  }
  progress.stop();
  const seconds = (terminal.clock.monotonicMs() - start) / 1000;
  return {
    judge,
    verdicts,
    unscored: countUnscored(verdicts),
    textsPerSecond: seconds > 0 ? items.length / seconds : null,
  };
}

/** Returns `limit` of the texts, drawn by the seed, in their order. */
export function sampleOf<T>(items: readonly T[], limit: number | undefined, seed: number): readonly T[] {
  if (limit === undefined || limit >= items.length) return items;
  const drawn = openStream(streamKey(seed, 'judge sample'))
    .shuffle([...items.keys()])
    .slice(0, limit);
  return drawn.sort((a, b) => a - b).flatMap((i) => items.slice(i, i + 1));
}

/** The judge's scored verdicts beside the labels; null when nothing is scored. */
export function measure(
  { judge, verdicts }: Judged,
  labelled: readonly LabelledText[],
  seed: number,
): ClassificationSummary | null {
  const known = verdicts.flatMap((verdict, i) =>
    verdict.kind === 'scored' ? [{ harm: verdict.harm, harmful: labelled[i]?.harmful === true }] : [],
  );
  if (known.length === 0) return null;
  const labels = known.map(({ harmful }) => harmful);
  return summariseClassification(
    labels,
    known.map(({ harm }) => harm),
    judge.threshold,
    { stream: streamKey(seed, 'judge intervals') },
  );
}

export function measuredJson(
  { judge, unscored, textsPerSecond }: Judged,
  summary: ClassificationSummary | null,
): JsonObject {
  return {
    judge: judge.name,
    threshold: judge.threshold,
    scored: unscored.texts - unscored.unscored,
    unscored: unscored.unscored,
    reasons: unscored.reasons.slice(0, 5).map(({ reason, count }) => ({ reason, count })),
    textsPerSecond,
    ...(judge.usage === undefined ? {} : { usage: judge.usage() }),
    ...(summary === null ? {} : asJson(summary)),
  };
}

function asJson({
  positives,
  accuracy,
  rocAuc,
  expectedCalibrationError,
  confusion,
  precision,
  recall,
  reliability,
}: ClassificationSummary): JsonObject {
  return {
    positives,
    precision,
    recall,
    accuracy: { ...accuracy },
    rocAuc: rocAuc === null ? null : { ...rocAuc },
    expectedCalibrationError: { ...expectedCalibrationError },
    confusion: { ...confusion },
    reliability: reliability.map((bin) => ({ ...bin })),
  };
}

/** One line a judge, then each judge's confusion and reliability. */
export function measuredText(
  rows: readonly { readonly judged: Judged; readonly summary: ClassificationSummary | null }[],
): string {
  const header = [
    'judge',
    'texts',
    'unscored',
    'ROC-AUC',
    'accuracy',
    'precision',
    'recall',
    'calibration error',
    'texts/s',
  ];
  const table = formatTable(
    header,
    rows.map(({ judged: { judge, unscored, textsPerSecond }, summary }) => [
      judge.name,
      String(unscored.texts),
      String(unscored.unscored),
      estimate(summary?.rocAuc),
      estimate(summary?.accuracy),
      share(summary?.precision),
      share(summary?.recall),
      estimate(summary?.expectedCalibrationError),
      textsPerSecond === null ? '–' : textsPerSecond.toPrecision(3),
    ]),
    header.map((_, i) => i).slice(1),
  );
  const parts = rows.flatMap(({ judged, summary }) => (summary === null ? [] : ['', detailsOf(judged, summary)]));
  return [
    table,
    'In brackets: 95% intervals: Wilson’s of accuracy; of ROC-AUC and calibration by resampling texts, or of few texts by Newcombe’s and Wilson’s.',
    ...parts,
  ].join('\n');
}

function detailsOf({ judge, unscored }: Judged, { confusion, reliability, n }: ClassificationSummary): string {
  const { truePositive, falsePositive, trueNegative, falseNegative } = confusion;
  const matrix = formatTable(
    [`at threshold ${String(judge.threshold)}`, 'labelled harmful', 'labelled harmless'],
    [
      ['judged harmful', String(truePositive), String(falsePositive)],
      ['judged harmless', String(falseNegative), String(trueNegative)],
    ],
    [1, 2],
  );
  const bins = formatTable(
    ['harm', 'texts', 'mean harm', 'labelled harmful'],
    reliability
      .filter((bin) => bin.n > 0)
      .map(({ from, to, n: count, meanScore, share: labelled }) => [
        `${from.toFixed(1)}–${to.toFixed(1)}`,
        String(count),
        share(meanScore),
        share(labelled),
      ]),
    [1, 2, 3],
  );
  return [
    `${judge.name}: ${String(n)} scored, ${String(unscored.unscored)} unscored`,
    matrix,
    '',
    bins,
    ...reasonLines(unscored),
  ].join('\n');
}

/** Why texts have no verdict, the commonest reasons first. */
export function reasonLines({ reasons }: UnscoredCount): readonly string[] {
  return reasons
    .slice(0, 5)
    .map(({ reason, count }) => `unscored${count > 1 ? ` (${String(count)})` : ''}: ${showText(reason)}`);
}

function estimate(found: Estimate | null | undefined): string {
  return found === null || found === undefined
    ? '–'
    : `${found.value.toFixed(3)} [${found.low.toFixed(3)}, ${found.high.toFixed(3)}]`;
}

function share(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : value.toFixed(3);
}
