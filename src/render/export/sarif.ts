/** An evaluation as SARIF 2.1.0, which GitHub, GitLab and editors show as findings beside code: a result per finding (near
 *  utterances whose reply failed), at the line of the recipe's stage that found it, with the dialogue as its thread.
 *  @source OASIS SARIF 2.1.0; the limits are those of GitHub's code scanning */
import { gzipSync } from 'node:zlib';
import { type JsonObject, jsonText } from '../../base/json.js';
import type { EvaluationView } from '../../report/evaluation.js';
import { type FailureCluster, failureClusters } from '../../report/failureClusters.js';
import type { JudgedExchange } from '../../report/judgedCases.js';
import { selectMainRows } from '../../report/mainRows.js';
import { withoutControls } from './plainText.js';
import { verdictLine } from './transcript.js';

export interface SarifLimits {
  readonly results: number;
  /** Steps of a thread. */
  readonly steps: number;
  readonly gzipBytes: number;
}

/** GitHub shows this much; it refuses five times as many results. */
const githubLimits: SarifLimits = { results: 5_000, steps: 1_000, gzipBytes: 10_000_000 };
/** Longest text of a message, in characters. */
const maxText = 4_000;

export function renderSarif(view: EvaluationView, limits = githubLimits): string {
  const clusters = failureClusters(view.report, view.dialogues);
  for (let count = Math.min(limits.results, clusters.length); ; count = Math.floor(count / 2)) {
    const text = document(view, clusters, count, limits.steps);
    if (count === 0 || gzipSync(text).length <= limits.gzipBytes) return text;
  }
}

/** @param count results that it holds; the findings with the fewest failures are left out */
function document(view: EvaluationView, clusters: readonly FailureCluster[], count: number, maxSteps: number): string {
  const { manifest } = view;
  const leftOut = clusters.length - count;
  const worst = Math.max(0, ...clusters.map(({ failures: [{ harm }] }) => harm));
  const notifications =
    leftOut === 0
      ? []
      : [
          {
            level: 'warning',
            message: {
              text: `Of ${String(clusters.length)} findings those with the fewest failures are left out: ${String(leftOut)}.`,
            },
          },
        ];
  return jsonText(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: { name: 'Gadfly', version: manifest.versions['gadfly'] ?? '0', rules: rulesOf(view, worst) },
          },
          automationDetails: { id: `gadfly/${manifest.name}/` },
          invocations: [
            {
              executionSuccessful: manifest.status === 'done',
              startTimeUtc: manifest.createdAt,
              endTimeUtc: manifest.updatedAt,
              toolExecutionNotifications: notifications,
            },
          ],
          columnKind: 'utf16CodeUnits',
          results: clusters.slice(0, count).map((cluster) => resultOf(cluster, view, maxSteps)),
        },
      ],
    },
    1,
  );
}

/** One rule per judge that decides: the judge of the main rows. */
function rulesOf({ report }: EvaluationView, worstHarm: number): readonly JsonObject[] {
  const [row] = selectMainRows(report).rows;
  if (row === undefined) return [];
  const { judge, threshold } = row;
  const over = threshold === undefined ? '' : ` (over ${String(threshold)})`;
  return [
    {
      id: ruleId(judge),
      name: 'FailedReply',
      shortDescription: { text: 'The target gives a harmful reply' },
      fullDescription: { text: `The judge ${escapeLinks(judge)} scores a reply of the target as a failure${over}.` },
      help: {
        text: 'Near provocations with one goal are one finding. Its thread is the dialogue with the most harmful reply. `gadfly mend` trains such failures away.',
      },
      defaultConfiguration: { level: 'error' },
      properties: {
        tags: ['security', 'language-model', 'red-team'],
        // GitHub reads a string, from 0.1 to 10.
        'security-severity': Math.max(0.1, 10 * worstHarm).toFixed(1),
      },
    },
  ];
}

function ruleId(judge: string): string {
  return `failed-reply/${judge}`;
}

function resultOf(
  { fingerprint, judge, goal, utterance, failures, rows }: FailureCluster,
  view: EvaluationView,
  maxSteps: number,
): JsonObject {
  const [worst] = failures;
  const { dialogue, exchanges } = worst.case;
  const location = placeOf(rows[0]?.row ?? dialogue.row, view);
  const replies = failures.length === 1 ? '1 reply' : `${String(failures.length)} replies`;
  const names = rows.map(({ row, failures: count }) => `${row} ${String(count)}`).join(', ');
  const text = `The target failed after “${clip(utterance.trim(), 200)}”. ${replies} to this and near utterances failed (by row: ${names}); the worst has harm ${worst.harm.toFixed(3)} by ${judge}.`;
  return {
    ruleId: ruleId(judge),
    ruleIndex: 0,
    level: 'error',
    message: { text: escapeLinks(goal === null ? text : `${text} The goal: ${clip(goal, 500)}`) },
    locations: [{ physicalLocation: location }],
    // GitHub knows a finding again by the first; its own would be one per line of the recipe.
    partialFingerprints: { primaryLocationLineHash: `${fingerprint}:1`, 'gadflyFinding/v1': fingerprint },
    occurrenceCount: failures.length,
    rank: Math.round(100 * worst.harm),
    codeFlows: [
      {
        message: { text: escapeLinks(`Prompt ${dialogue.prompt.id}, row ${dialogue.row}`) },
        threadFlows: [
          {
            locations: steps(dialogue.prompt.text, exchanges)
              .slice(0, maxSteps)
              .map((step) => ({
                location: { physicalLocation: location, message: { text: escapeLinks(clip(step.text, maxText)) } },
                importance: step.isEssential ? 'essential' : 'important',
              })),
          },
        ],
      },
    ],
    properties: {
      judge,
      ...(goal === null ? {} : { goal: clip(goal, maxText) }),
      rows: rows.map(({ row }) => row),
      prompts: [...new Set(failures.map((failure) => failure.case.dialogue.prompt.id))].slice(0, 100),
    },
  };
}

interface Step {
  readonly text: string;
  readonly isEssential: boolean;
}

/** Lists what was said, in order; a step without text is none. */
function steps(prompt: string, exchanges: readonly JudgedExchange[]): readonly Step[] {
  const said = exchanges.flatMap((exchange): readonly Step[] => {
    const reply = exchange.noReply === undefined ? exchange.reply : `(no reply: ${exchange.noReply})`;
    const isEssential = exchange.verdict?.failed === true;
    return [
      { text: `adversary: ${exchange.utterance}`, isEssential },
      { text: `target: ${reply} (${verdictLine(exchange)})`, isEssential },
    ];
  });
  return prompt === '' ? said : [{ text: `prompt: ${prompt}`, isEssential: false }, ...said];
}

function placeOf(row: string, { recipe }: EvaluationView): JsonObject {
  const isRelative = !recipe.uri.startsWith('file:');
  return {
    artifactLocation: { uri: recipe.uri, ...(isRelative ? { uriBaseId: '%SRCROOT%' } : {}) },
    region: { startLine: recipe.lineOf(row) },
  };
}

/** Keeps text from becoming a link: in a message of SARIF, '[text](target)' is one. */
function escapeLinks(text: string): string {
  return withoutControls(text).replace(/[\\[\]]/gu, '\\$&');
}

function clip(text: string, length: number): string {
  const characters = Array.from(text);
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
