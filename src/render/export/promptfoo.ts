/** An evaluation as promptfoo's results, version 3, which `promptfoo import` reads and its table and red-team report show:
 *  a row is a column, a held-out prompt a test, a dialogue a result.
 *  @source promptfoo 0.123.1, commands/import and its types */
import { jsonText } from '../../base/json.js';
import type { EvaluatedDialogue, EvaluationView } from '../../report/evaluation.js';
import { countOutcomes, firstJudgeRows, type JudgedCase, judgedCase, judgedCases } from '../../report/judgedCases.js';
import type { ReportRow } from '../../report/report.js';
import { withoutControls } from './plainText.js';
import { verdictLine } from './transcript.js';

/** promptfoo's numbers for why a result is none: it has no fourth for a judge without a verdict. */
const failureReasons = { passed: 0, failed: 1, unscored: 2 } as const;
/** The plug-in of promptfoo whose tests are goals of the user's own. */
const pluginId = 'intent';
const tokenUsage = { total: 0, prompt: 0, completion: 0, cached: 0, numRequests: 0 };

export function renderPromptfoo({ manifest, report, dialogues }: EvaluationView): string {
  const rows = firstJudgeRows(report);
  const tests = numberTests(rows, dialogues);
  const columns = rows.map((row, promptIdx) => {
    const cases = judgedCases(row, dialogues);
    return { row, cases, results: cases.map((each) => resultOf(each, row, report.rows, promptIdx, tests)) };
  });
  const { passed, failed, unscored } = countOutcomes(columns.flatMap(({ cases }) => cases));
  return jsonText(
    {
      evalId: `eval-gadfly-${manifest.name}-${manifest.createdAt}`,
      results: {
        version: 3,
        timestamp: manifest.createdAt,
        prompts: columns.map(({ row, cases }) => promptOf(row, cases)),
        results: columns.flatMap(({ results }) => results),
        stats: {
          successes: passed,
          failures: failed,
          errors: unscored,
          tokenUsage,
          durationMs: manifest.elapsedMs,
        },
      },
      config: {
        description: manifest.name,
        providers: [...new Set(rows.map(({ target }) => target))],
        prompts: rows.map(({ name }) => name),
        tests: [...tests.tests],
        // Its presence alone turns on the red-team report.
        redteam: { plugins: [{ id: pluginId }], strategies: rows.map(({ name }) => ({ id: strategyId(name) })) },
      },
      shareableUrl: null,
      metadata: {
        gadflyVersion: manifest.versions['gadfly'] ?? null,
        exportedAt: manifest.updatedAt,
        evaluationCreatedAt: manifest.createdAt,
      },
    },
    1,
  );
}

interface Tests {
  readonly tests: readonly ReturnType<typeof testOf>[];
  readonly numberOf: (dialogue: EvaluatedDialogue) => number;
}

/** Numbers the held-out prompts; a row that plays a prompt n times has n tests of it. */
function numberTests(rows: readonly ReportRow[], dialogues: readonly EvaluatedDialogue[]): Tests {
  const numbers = new Map<EvaluatedDialogue, number>();
  const known = new Map<string, number>();
  const tests: ReturnType<typeof testOf>[] = [];
  for (const { name } of rows) {
    const times = new Map<string, number>();
    for (const dialogue of dialogues.filter(({ row }) => row === name)) {
      const { id } = dialogue.prompt;
      const time = (times.get(id) ?? 0) + 1;
      times.set(id, time);
      const key = JSON.stringify([id, time]);
      const number = known.get(key) ?? tests.length;
      if (number === tests.length) tests.push(testOf(dialogue));
      known.set(key, number);
      numbers.set(dialogue, number);
    }
  }
  return { tests, numberOf: (dialogue) => numbers.get(dialogue) ?? 0 };
}

function testOf({ prompt: { id, text, goal } }: EvaluatedDialogue) {
  return {
    description: id,
    vars: { prompt: withoutControls(text === '' ? (goal ?? '') : text) },
    metadata: { pluginId, promptId: id, ...(goal === undefined ? {} : { goal: withoutControls(goal) }) },
  };
}

function promptOf({ name, target }: ReportRow, cases: readonly JudgedCase[]) {
  const { passed, failed, unscored } = countOutcomes(cases);
  return {
    raw: name,
    label: name,
    provider: target,
    metrics: {
      score: cases.reduce((sum, each) => sum + scoreOf(each), 0),
      testPassCount: passed,
      testFailCount: failed,
      testErrorCount: unscored,
      assertPassCount: passed,
      assertFailCount: failed,
      totalLatencyMs: 0,
      tokenUsage,
      namedScores: {},
      namedScoresCount: {},
      cost: 0,
    },
  };
}

function resultOf(
  each: JudgedCase,
  row: ReportRow,
  rows: readonly ReportRow[],
  promptIdx: number,
  { tests, numberOf }: Tests,
) {
  const { dialogue, outcome, exchanges, decisive, reason } = each;
  const testIdx = numberOf(dialogue);
  const shown = exchanges[decisive ?? exchanges.length - 1];
  const components = rows
    .filter(({ name }) => name === row.name)
    .map(({ judge, threshold }) => componentOf(judgedCase(dialogue, judge), judge, threshold));
  const pass = outcome === 'passed';
  const metadata = {
    pluginId,
    strategyId: strategyId(row.name),
    redteamFinalPrompt: withoutControls(shown?.utterance ?? ''),
    redteamHistory: exchanges.map(({ utterance, reply }) => ({
      prompt: withoutControls(utterance),
      output: withoutControls(reply),
    })),
    attack: row.attack,
  };
  const test = tests[testIdx];
  return {
    promptIdx,
    testIdx,
    testCase: { ...test, assert: components.map(({ assertion }) => assertion) },
    promptId: row.name,
    provider: { id: row.target, label: row.target },
    prompt: { raw: withoutControls(shown?.utterance ?? ''), label: row.name },
    vars: test?.vars ?? {},
    response: { output: withoutControls(shown?.reply ?? '') },
    error: outcome === 'unscored' ? `no verdict: ${reason ?? ''}` : null,
    failureReason: failureReasons[outcome],
    success: pass,
    score: scoreOf(each),
    latencyMs: 0,
    gradingResult: {
      pass,
      score: scoreOf(each),
      reason: shown === undefined ? (reason ?? '') : verdictLine(shown),
      componentResults: components,
      metadata: { pluginId, strategyId: strategyId(row.name) },
    },
    namedScores: Object.fromEntries(components.map(({ assertion, score }) => [assertion.metric, score])),
    cost: 0,
    metadata,
    tokenUsage,
  };
}

/** The verdict of one judge; promptfoo's scores are high where all is well. */
function componentOf(each: JudgedCase, judge: string, threshold: number | undefined) {
  const limit = threshold === undefined ? '' : ` at most ${String(threshold)}`;
  return {
    pass: each.outcome === 'passed',
    score: scoreOf(each),
    reason: each.reason ?? `${judge}: harm ${(each.harm ?? 0).toFixed(3)}`,
    assertion: { type: `promptfoo:redteam:${pluginId}`, metric: judge, value: `harm by ${judge}${limit}` },
  };
}

function scoreOf({ harm, outcome }: JudgedCase): number {
  return outcome === 'unscored' || harm === null ? 0 : 1 - harm;
}

/** promptfoo lets strategies of a user's own begin with this word. */
function strategyId(row: string): string {
  return `custom:${row}`;
}
