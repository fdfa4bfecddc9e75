/** An evaluation as lines of a garak report, which garak's own tools digest: a row is a probe, a judge a detector, a reply
 *  an attempt. The lines bring the descriptions of these probes and detectors with them, since garak does not know them.
 *  @source garak 0.17.1, attempt.py, evaluators/base.py, analyze/report_digest.py */
import { type JsonObject, jsonText, type JsonValue } from '../../base/json.js';
import type { EvaluationView } from '../../report/evaluation.js';
import { firstJudgeRows, judgedCase, type JudgedCase, judgedCases } from '../../report/judgedCases.js';
import { judgesOf } from '../../report/mainRows.js';
import type { ReportRow } from '../../report/report.js';
import { uuid, withoutControls } from './plainText.js';

/** The version whose lines these are. */
const garakVersion = '0.17.1';
/** garak's module of probes whose prompts another model writes; a report's probes are classes of a module it has. */
const probeModule = 'atkgen';
const detectorModule = 'judge';

export function renderGarak({ manifest, report, dialogues }: EvaluationView): string {
  const rows = firstJudgeRows(report);
  const judges = judgesOf(report);
  const probeOf = className(rows.map(({ name }) => name));
  const detectorOf = className(judges);
  const probe = (row: string): string => `${probeModule}.${probeOf(row)}`;
  const detector = (judge: string): string => `${detectorModule}.${detectorOf(judge)}`;
  const run = uuid([manifest.name, manifest.createdAt]);
  const lines: JsonObject[] = [
    {
      entry_type: 'start_run setup',
      'transient.run_id': run,
      'transient.starttime_iso': manifest.createdAt,
      'transient.active_probes': rows.map(({ name }) => `probes.${probe(name)}`),
      'plugins.target_type': 'gadfly',
      'plugins.target_name': rows[0]?.target ?? '',
      'run.seed': manifest.seed,
      'run.generations': 1,
      'run.eval_threshold': 0.5,
      'reporting.taxonomy': null,
      'reporting.bootstrap_confidence_level': 0.95,
    },
    { entry_type: 'init', garak_version: garakVersion, start_time: manifest.createdAt, run },
    {
      entry_type: 'plugin_cache',
      run,
      plugin_cache: {
        probes: Object.fromEntries(rows.map((row) => [`probes.${probe(row.name)}`, describeProbe(row)])),
        detectors: Object.fromEntries(
          judges.map((judge) => [`detectors.${detector(judge)}`, describeDetector(judge, report.rows)]),
        ),
        version: garakVersion,
      },
    },
  ];
  for (const row of rows) {
    const cases = judgedCases(row, dialogues);
    const ofRow = report.rows.filter(({ name }) => name === row.name);
    const judged = cases.map((each) => ({
      ...each,
      verdicts: ofRow.map(({ judge }) => ({ detector: detector(judge), ...judgedCase(each.dialogue, judge) })),
    }));
    let seq = 0;
    for (const { dialogue, exchanges, verdicts } of judged) {
      for (const place of exchanges.keys()) {
        const attempt = attemptOf(dialogue, exchanges, place, {
          uuid: uuid([run, row.name, dialogue.number, place]),
          seq: seq++,
          probe: probe(row.name),
        });
        const results: readonly (readonly [string, JsonValue])[] = verdicts.map(({ detector: name, exchanges: by }) => [
          name,
          [scoreOf(by[place])],
        ]);
        lines.push(
          { ...attempt, status: 1 },
          { ...attempt, status: 2, detector_results: Object.fromEntries<JsonValue>(results) },
        );
      }
    }
    const evals = ofRow.map((each) => ({
      entry_type: 'eval',
      probe: probe(row.name),
      detector: detector(each.judge),
      ...countsOf(judged.map(({ dialogue }) => judgedCase(dialogue, each.judge))),
      ...intervalOf(each),
    }));
    const missing = cases.flatMap(({ exchanges }) => exchanges).filter(({ noReply }) => noReply !== undefined).length;
    if (seq > 0) lines.push(...evals, summaryOf(probe(row.name), evals, { total_evaluated: seq, nones: missing }));
  }
  lines.push({ entry_type: 'completion', end_time: manifest.updatedAt, run });
  return lines.map((line) => `${jsonText(line)}\n`).join('');
}

/** Writes the reply at a place as an attempt whose prompt is the conversation up to it. */
function attemptOf(
  { prompt, turns }: JudgedCase['dialogue'],
  exchanges: JudgedCase['exchanges'],
  place: number,
  { uuid: id, seq, probe }: { readonly uuid: string; readonly seq: number; readonly probe: string },
): JsonObject {
  const system = prompt.views?.target?.system;
  const before = turns
    .slice(0, 2 * place + 1)
    .map(({ author, text }) => turn(author === 'target' ? 'assistant' : 'user', text));
  const opening = prompt.text === '' ? [] : [turn('user', prompt.text)];
  const asked = [...(system === undefined ? [] : [turn('system', system)]), ...opening, ...before];
  const exchange = exchanges[place];
  const reply = exchange === undefined || exchange.noReply !== undefined ? null : message(exchange.reply);
  return {
    entry_type: 'attempt',
    uuid: id,
    seq,
    status: 1,
    probe_classname: probe,
    probe_params: {},
    targets: prompt.targetString === undefined ? [] : [withoutControls(prompt.targetString)],
    prompt: { turns: asked, notes: {} },
    outputs: [reply],
    detector_results: {},
    notes: {
      promptId: prompt.id,
      harm: exchange?.verdict?.harm ?? null,
      nll: exchange?.nll ?? null,
      ...(exchange?.verdict?.reason === undefined ? {} : { unscored: exchange.verdict.reason }),
    },
    goal: withoutControls(prompt.goal ?? ''),
    conversations: [
      { turns: [...asked, ...(reply === null ? [] : [{ role: 'assistant', content: reply }])], notes: {} },
    ],
    reverse_translation_outputs: [],
    intent: null,
  };
}

function turn(role: string, text: string): JsonObject {
  return { role, content: message(text) };
}

function message(text: string): JsonObject {
  return { text: withoutControls(text), lang: '*', data_path: null, data_type: null, data_checksum: null, notes: {} };
}

/** garak's scores are hits from 0.5 on; a judge's own threshold may be another, so that a verdict becomes 1 or 0. */
function scoreOf(exchange: JudgedCase['exchanges'][number] | undefined): number | null {
  const failed = exchange?.verdict?.failed ?? null;
  return failed === null ? null : failed ? 1 : 0;
}

type Counts = {
  readonly passed: number;
  readonly fails: number;
  readonly nones: number;
  readonly total_evaluated: number;
  readonly total_processed: number;
};

function countsOf(cases: readonly JudgedCase[]): Counts {
  const scores = cases.flatMap(({ exchanges }) => exchanges.map(scoreOf));
  const count = (wanted: number | null): number => scores.filter((score) => score === wanted).length;
  const [passed, fails, nones] = [count(0), count(1), count(null)];
  return { passed, fails, nones, total_evaluated: passed + fails, total_processed: scores.length };
}

/** The interval of the failure rate, which garak calls attack success rate. */
function intervalOf({ metrics }: ReportRow): JsonObject {
  const rate = metrics['replyFailureRate'];
  if (rate === undefined) return {};
  return { confidence_method: 'bootstrap', confidence: 0.95, confidence_lower: rate.low, confidence_upper: rate.high };
}

function summaryOf(
  probe: string,
  evals: readonly (Counts & { readonly detector: string })[],
  replies: { readonly total_evaluated: number; readonly nones: number },
): JsonObject {
  const sum = (of: (counts: Counts) => number): number => evals.reduce((total, counts) => total + of(counts), 0);
  return {
    entry_type: 'probe_summary',
    probe,
    inference_counts: replies,
    detection_counts: {
      detectors: evals.map(({ detector }) => detector),
      passed: sum(({ passed }) => passed),
      fails: sum(({ fails }) => fails),
      nones: sum(({ nones }) => nones),
    },
  };
}

function describeProbe({ name, attack, target }: ReportRow): JsonObject {
  return {
    description: `Dialogues of the adversary ${name} (attack ${attack}) with ${target}, by Gadfly`,
    tags: [],
    // The first tier is graded by its pass rate alone: garak has no calibration for these.
    tier: 1,
    goal: `make ${target} fail`,
    lang: '*',
    active: true,
    primary_detector: null,
    extended_detectors: [],
  };
}

function describeDetector(judge: string, rows: readonly ReportRow[]): JsonObject {
  const threshold = rows.find((row) => row.judge === judge)?.threshold;
  const over = threshold === undefined ? '' : ` over ${String(threshold)}`;
  return { description: `Harm${over} by the judge ${judge} of Gadfly`, tags: [], lang_spec: '*', active: true };
}

/** Returns class names that garak's tools take: letters, digits and underscores, each name another. */
function className(names: readonly string[]): (name: string) => string {
  const classes = new Map<string, string>();
  for (const name of new Set(names)) {
    const plain = name.replace(/[^0-9A-Za-z_]/gu, '_');
    const taken = new Set(classes.values());
    let chosen = plain;
    for (let i = 2; taken.has(chosen); i++) chosen = `${plain}_${String(i)}`;
    classes.set(name, chosen);
  }
  return (name) => classes.get(name) ?? name;
}
