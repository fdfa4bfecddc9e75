/** `gadfly compare`: what is new, fixed or persistent between two targets that were evaluated on the same prompts. */
import type { JsonValue } from '../../base/json.js';
import { formatTable } from '../../render/terminal/table.js';
import { formatChange, formatMetric, metricHeading } from '../../report/metrics.js';
import { formatP } from '../../report/rowDifferences.js';
import type { Comparison } from '../../signoff/compare/compareRuns.js';
import { listFlag, numberFlag, textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';
import { exitCodes } from '../exitCodes.js';

export const compareCommand: CommandDefinition = {
  name: 'compare',
  summary: 'compare two runs on the same prompts: paired differences, and failures that are new, fixed or persistent',
  argument: { form: '<baseline>', summary: 'the run directory of the target before' },
  secondArgument: { form: '<candidate>', summary: 'that of the target now' },
  flags: [
    {
      flags: '--fail-on <what>',
      summary: 'exit code 3 when a failure is new or a rate has risen, more than chance gives',
      choices: ['regressions'],
    },
    {
      flags: '--rows <name>',
      summary: 'rows to compare; may be repeated (default: those that no attack of the runs has trained)',
      parse: 'list',
    },
    { flags: '--seed <n>', summary: 'seed of the intervals and tests (default: 0)', parse: 'integer' },
  ],
  examples: ['gadfly compare runs/v1 runs/v2', 'gadfly compare runs/v1 runs/v2 --fail-on regressions --json'],
  run: async (baseline = '', flags) => {
    const candidate = textFlag(flags, 'second') ?? '';
    const { readEvaluation } = await import('../../report/evaluation.js');
    const { compareRuns, hasRegressions } = await import('../../signoff/compare/compareRuns.js');
    const [before, after] = [await readEvaluation(baseline), await readEvaluation(candidate)];
    const found = compareRuns(
      { ...before, name: baseline },
      { ...after, name: candidate },
      {
        rows: listFlag(flags, 'rows'),
        seed: numberFlag(flags, 'seed') ?? 0,
      },
    );
    const isRegression = hasRegressions(found);
    return {
      json: documentOf(baseline, candidate, found, isRegression),
      text: textOf(found, isRegression),
      exitCode:
        textFlag(flags, 'failOn') === 'regressions' && isRegression ? exitCodes.thresholdExceeded : exitCodes.ok,
    };
  },
};

function documentOf(baseline: string, candidate: string, found: Comparison, isRegression: boolean): JsonValue {
  const { judge, rows, prompts, metrics, pValues, findings, risen } = found;
  return {
    baseline,
    candidate,
    metrics,
    findings: findings.map((finding) => ({ ...finding, example: { ...finding.example } })),
    judge,
    rows,
    prompts,
    pValues,
    risen,
    regressions: isRegression,
  };
}

const mostShown = 20;

function textOf(
  { judge, rows, hasTrainedRows, prompts, metrics, pValues, findings, risen }: Comparison,
  isRegression: boolean,
): string {
  const names = Object.keys(metrics);
  const figures = names.map((name) => {
    const [summary, p = null] = [metrics[name], pValues[name]];
    return [
      metricHeading(name),
      summary === undefined ? '–' : formatChange(name, summary),
      p === null ? '–' : formatP(p),
    ];
  });
  const shown = findings.slice(0, mostShown);
  const rate = (share: number): string => formatMetric('dialogueFailureRate', share);
  const shownFindings = shown.map(({ name, status, baselineRate, candidateRate, p, shown: change }) => [
    change ?? 'not shown',
    status,
    rate(baselineRate),
    rate(candidateRate),
    formatP(p),
    name,
  ]);
  const more = findings.length - shown.length;
  return [
    `${rows.join(', ')} on ${String(prompts)} prompts, by ${judge}; candidate minus baseline, 95% intervals, p of a paired permutation test`,
    '',
    formatTable(['figure', 'difference', 'p'], figures),
    '',
    ...(findings.length === 0
      ? ['Neither run has a failure.']
      : [
          formatTable(['change', 'occurs', 'before', 'now', 'p (Holm)', 'finding'], shownFindings, [2, 3, 4]),
          ...(more > 0 ? [`and ${String(more)} more (--json has them)`] : []),
          '',
          'Rates are shares of dialogues. A finding is utterances near each other whose reply failed; --json has an example of each.',
        ]),
    ...(hasTrainedRows
      ? [
          '',
          'An attack has trained some of these rows in each run: what another training would give is in no interval.',
        ]
      : []),
    '',
    isRegression ? `Regressions: ${regressionsOf(findings, risen)}.` : 'No regression is shown.',
  ].join('\n');
}

function regressionsOf(findings: Comparison['findings'], risen: readonly string[]): string {
  const worse = findings.flatMap(({ name, status, shown }) =>
    shown === 'risen' ? [`${status === 'new' ? 'new' : 'more often'}: ${name}`] : [],
  );
  return [...risen.map((name) => `${name} has risen`), ...worse].join('; ');
}
