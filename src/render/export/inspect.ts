/** An evaluation as a log of Inspect (version 2, `.eval`), which `inspect view` and `read_eval_log` open: a dialogue is a
 *  sample with a score per judge, a row a group of metrics. What models said is marked as not to be trusted, so that the
 *  viewer shows it as plain text.
 *  @source inspect_ai 0.3.285, log/_log.py, log/_recorders/eval.py, scorer/_metric.py */
import { type JsonObject, wellFormed } from '../../base/json.js';
import type { EvaluatedDialogue, EvaluationView } from '../../report/evaluation.js';
import { judgedCase, type JudgedCase } from '../../report/judgedCases.js';
import { judgesOf } from '../../report/mainRows.js';
import { describeMetric } from '../../report/metrics.js';
import type { ReportRow } from '../../report/report.js';
import { uuid, withoutControls } from './plainText.js';
import { transcript } from './transcript.js';
import { zip } from './zip.js';

const logVersion = 2;
const statuses = { done: 'success', failed: 'error', interrupted: 'cancelled', running: 'started' } as const;

export function renderInspect(view: EvaluationView): Uint8Array {
  const { manifest, report } = view;
  const judges = judgesOf(report);
  const samples = numberSamples(view.dialogues).map((numbered) => sampleOf(numbered, view, judges));
  const start = { version: logVersion, eval: specOf(view, judges, samples), plan: { name: 'plan', steps: [] } };
  const header = {
    ...start,
    status: statuses[manifest.status],
    results: {
      total_samples: samples.length,
      completed_samples: samples.length,
      scores: judges.map((judge) => scoreOf(judge, view)),
    },
    stats: { started_at: manifest.createdAt, completed_at: manifest.updatedAt, model_usage: {} },
    ...(manifest.status === 'failed'
      ? { error: { message: manifest.reason ?? 'the run failed', traceback: '', traceback_ansi: '' } }
      : {}),
  };
  return zip([
    { name: '_journal/start.json', text: inspectJson(start) },
    ...samples.map((sample) => ({
      name: `samples/${sample.id}_epoch_${String(sample.epoch)}.json`,
      text: inspectJson(sample),
    })),
    { name: 'summaries.json', text: inspectJson(samples.map(summaryOf)) },
    { name: 'header.json', text: inspectJson(header) },
  ]);
}

function specOf(
  { manifest, report }: EvaluationView,
  judges: readonly string[],
  samples: readonly { readonly id: string }[],
) {
  const ids = [...new Set(samples.map(({ id }) => id))];
  const run = [manifest.name, manifest.createdAt];
  return {
    eval_id: uuid(['eval', ...run]),
    run_id: uuid(['run', ...run]),
    task_id: uuid(['task', manifest.name]),
    created: manifest.createdAt,
    task: manifest.name,
    dataset: { name: 'held-out prompts', samples: ids.length, sample_ids: ids },
    model: targetOf(report.rows),
    config: {},
    packages: manifest.versions,
    metadata: { tool: 'gadfly', seed: manifest.seed, rows: report.rows.map(({ name }) => name) },
    viewer: {
      trust_content: false,
      task_samples_view: {
        name: 'by harm',
        score_labels: Object.fromEntries(judges.map((judge) => [judge, `harm by ${judge}`])),
        score_color_scales: Object.fromEntries(judges.map((judge) => [judge, { palette: 'good-low', min: 0, max: 1 }])),
      },
    },
  };
}

function targetOf(rows: readonly ReportRow[]): string {
  return rows[0]?.target ?? 'none';
}

interface Numbered {
  readonly dialogue: EvaluatedDialogue;
  readonly id: string;
  /** How often its row has played its prompt, from 1. */
  readonly epoch: number;
}

/** Ids name files: they hold letters, digits, dots, dashes and underscores; the prompt's own stands in the metadata. */
function numberSamples(dialogues: readonly EvaluatedDialogue[]): readonly Numbered[] {
  const plain = (name: string): string => name.replace(/[^\w.-]/gu, '_');
  const epochs = new Map<string, number>();
  return dialogues.map((dialogue) => {
    const id = `${plain(dialogue.row)}--${plain(dialogue.prompt.id)}`;
    const epoch = (epochs.get(id) ?? 0) + 1;
    epochs.set(id, epoch);
    return { dialogue, id, epoch };
  });
}

function sampleOf({ dialogue, id, epoch }: Numbered, { report, manifest }: EvaluationView, judges: readonly string[]) {
  const { prompt, turns, row, number } = dialogue;
  const model = report.rows.find(({ name }) => name === row)?.target ?? targetOf(report.rows);
  const system = prompt.views?.target?.system;
  const opening = prompt.text === '' ? [] : [messageOf('user', prompt.text)];
  const messages = [
    ...(system === undefined ? [] : [messageOf('system', system)]),
    ...opening,
    ...turns.map(({ author, text }) => messageOf(author === 'target' ? 'assistant' : 'user', text)),
  ];
  const last = turns.findLast(({ author }) => author === 'target');
  return {
    id,
    epoch,
    uuid: uuid([manifest.name, manifest.createdAt, row, number]),
    input: withoutControls(prompt.text === '' ? (prompt.goal ?? '') : prompt.text),
    target: '',
    messages,
    output: {
      model,
      choices:
        last === undefined
          ? []
          : [
              {
                message: { ...messageOf('assistant', last.text), source: 'generate', model },
                stop_reason: last.finishReason === 'length' ? 'max_tokens' : 'stop',
              },
            ],
    },
    scores: Object.fromEntries(
      judges
        .filter((judge) => dialogue.scores[judge] !== undefined)
        .map((judge) => [judge, sampleScore(judgedCase(dialogue, judge))]),
    ),
    metadata: {
      row,
      number,
      promptId: prompt.id,
      ...(prompt.goal === undefined ? {} : { goal: withoutControls(prompt.goal) }),
    },
  };
}

function messageOf(role: 'system' | 'user' | 'assistant', text: string): JsonObject {
  return { role, content: withoutControls(text) };
}

/** The highest harm of a dialogue's replies by one judge. What is unscored is NaN, which Inspect leaves out of figures. */
function sampleScore(each: JudgedCase) {
  const { outcome, harm, exchanges, decisive, reason } = each;
  const shown = exchanges[decisive ?? exchanges.length - 1];
  const noReply = exchanges.some((exchange) => exchange.noReply !== undefined);
  return {
    value: outcome === 'unscored' ? NaN : (harm ?? NaN),
    answer: withoutControls(shown?.reply ?? ''),
    explanation: withoutControls(transcript(each)),
    ...(outcome === 'unscored' ? { reason: noReply ? 'no_response' : 'grader_failed' } : {}),
    metadata: { outcome, ...(reason === null ? {} : { unscored: reason }) },
  };
}

/** Returns what the list of samples shows, without the long texts. */
function summaryOf({
  id,
  epoch,
  uuid: unique,
  input,
  target,
  scores,
  metadata,
  messages,
}: ReturnType<typeof sampleOf>) {
  const clip = (text: string): string => text.slice(0, 1_000);
  return {
    id,
    epoch,
    uuid: unique,
    input: clip(input),
    target,
    scores: Object.fromEntries(
      Object.entries(scores).map(([judge, { explanation: _explanation, answer, ...score }]) => [
        judge,
        { ...score, answer: clip(answer) },
      ]),
    ),
    metadata,
    completed: true,
    message_count: messages.length,
  };
}

/** The figures of every row by one judge: a group of metrics per row. */
function scoreOf(judge: string, { report, dialogues }: EvaluationView) {
  const rows = report.rows.filter((row) => row.judge === judge);
  const own = dialogues.filter(({ scores }) => scores[judge] !== undefined);
  const unscored = own.filter((dialogue) => judgedCase(dialogue, judge).outcome === 'unscored').length;
  const metrics = rows.flatMap(({ name, metrics: of }) =>
    Object.entries(of).map(([metric, { mean, low, high, n, unit }]) => [
      `${name}/${metric}`,
      {
        name: metric,
        group: name,
        value: mean,
        metadata: { low, high, n, unit, meaning: describeMetric(metric).meaning },
      },
    ]),
  );
  return {
    name: judge,
    scorer: judge,
    scored_samples: own.length - unscored,
    unscored_samples: unscored,
    metrics: Object.fromEntries(metrics) as JsonObject,
  };
}

/** Returns JSON as Python writes it: NaN is a constant there, which JSON does not have. */
function inspectJson(value: unknown): string {
  return wellFormed(pythonJson(value));
}

function pythonJson(value: unknown): string {
  if (typeof value === 'number') return Number.isNaN(value) ? 'NaN' : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  const fields = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${fields.map(([key, each]) => `${JSON.stringify(key)}:${pythonJson(each)}`).join(',')}}`;
}
