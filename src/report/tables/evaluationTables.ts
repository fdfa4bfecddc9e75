/** Tables of what was evaluated: the rows with their figures, every reply with every judge's verdict, and samples. */
import type { EvaluationView } from '../evaluation.js';
import { judgedCases } from '../judgedCases.js';
import type { ReportPoint, ReportRow, RowDifference, ReportSample, VerdictWords } from '../report.js';
import { metricCells, metricColumns, type Table, table } from './table.js';

export function rowTables(rows: readonly ReportRow[]): readonly Table[] {
  return [
    table(
      'metrics',
      {
        row: 'text',
        judge: 'text',
        target: 'text',
        attack: 'text',
        part: 'text',
        turn: 'count',
        category: 'text',
        ...metricColumns,
      },
      rows.flatMap(metricLines),
    ),
    table(
      'rows',
      {
        row: 'text',
        attack: 'text',
        target: 'text',
        judge: 'text',
        threshold: 'number',
        judgeTrainedOn: 'flag',
        dialogues: 'count',
        turns: 'count',
        unscored: 'count',
        noReply: 'count',
      },
      rows.map(({ name, attack, target, judge, threshold, judgeTrainedOn, dialogues, turns, unscored, noReply }) => ({
        row: name,
        attack,
        target,
        judge,
        threshold: threshold ?? null,
        judgeTrainedOn: judgeTrainedOn ?? null,
        dialogues,
        turns,
        unscored: unscored ?? null,
        noReply: noReply ?? null,
      })),
    ),
    table(
      'spending',
      { row: 'text', judge: 'text', quantity: 'text', amount: 'number' },
      rows.flatMap(({ name, judge, spending = {} }) =>
        Object.entries(spending).map(([quantity, amount]) => ({ row: name, judge, quantity, amount })),
      ),
    ),
  ];
}

/** All of a row's figures: of the whole row, per turn, per category of prompts, and what rounding changes. */
function metricLines({ name, judge, target, attack, metrics, byTurn = [], byCategory = [], rounding = {} }: ReportRow) {
  const parts = [
    { part: 'all', turn: null, category: null, metrics },
    ...byTurn.map((each) => ({ part: 'turn', category: null, ...each })),
    ...byCategory.map(({ category, metrics: own }) => ({ part: 'category', turn: null, category, metrics: own })),
    { part: 'rounding', turn: null, category: null, metrics: rounding },
  ];
  return parts.flatMap(({ part, turn, category, metrics: own }) =>
    metricCells(own).map((cells) => ({ row: name, judge, target, attack, part, turn, category, ...cells })),
  );
}

/** Every reply of the evaluation by every judge. */
export function repliesTable({ report, dialogues }: Pick<EvaluationView, 'report' | 'dialogues'>): Table {
  return table(
    'replies',
    {
      row: 'text',
      judge: 'text',
      dialogue: 'count',
      prompt: 'text',
      opening: 'text',
      goal: 'text',
      turn: 'count',
      utterance: 'text',
      reply: 'text',
      noReply: 'text',
      harm: 'number',
      failed: 'flag',
      unscored: 'text',
      nll: 'number',
      reward: 'number',
    },
    report.rows.flatMap((row) =>
      judgedCases(row, dialogues).flatMap(({ dialogue: { number, prompt }, exchanges }) =>
        exchanges.map(({ utterance, reply, noReply, verdict, nll, reward }, place) => ({
          row: row.name,
          judge: row.judge,
          dialogue: number,
          prompt: prompt.id,
          opening: prompt.text,
          goal: prompt.goal ?? null,
          turn: place + 1,
          utterance,
          reply,
          noReply: noReply ?? null,
          harm: verdict?.harm ?? null,
          failed: verdict?.failed ?? null,
          unscored: verdict === null ? 'not judged by itself' : (verdict.reason ?? null),
          nll,
          reward,
        })),
      ),
    ),
  );
}

export function sampleTables(samples: readonly ReportSample[]): readonly Table[] {
  const turns = samples.flatMap(({ row, chosen = null, prompt, turns: said }, i) =>
    said.map((turn, place) => ({ sample: i + 1, row, chosen, prompt, turn: place + 1, ...turn })),
  );
  return [
    table(
      'samples',
      {
        sample: 'count',
        row: 'text',
        chosen: 'text',
        prompt: 'text',
        turn: 'count',
        author: 'text',
        text: 'text',
        noReply: 'text',
        harm: 'number',
        failed: 'flag',
        nll: 'number',
        reward: 'number',
      },
      turns.map(({ words: _words, notDue: _notDue, noReply = null, nll = null, reward = null, ...turn }) => ({
        ...turn,
        noReply,
        nll,
        reward,
      })),
    ),
    table(
      'sampleWords',
      { sample: 'count', turn: 'count', word: 'text', weight: 'number' },
      turns.flatMap(({ sample, turn, words = [] }) => words.map((word) => ({ sample, turn, ...word }))),
    ),
  ];
}

/** A line per row, judge and metric: the row minus the baseline, with its p-value before and after Holm's correction. */
export function differencesTable(differences: readonly RowDifference[]): Table {
  return table(
    'differences',
    { row: 'text', baseline: 'text', judge: 'text', ...metricColumns, p: 'number', adjusted: 'number' },
    differences.flatMap(({ row, baseline, judge, metrics, pValues, adjusted }) =>
      metricCells(metrics).map((cells) => ({
        row,
        baseline,
        judge,
        ...cells,
        p: pValues[String(cells.metric)] ?? null,
        adjusted: adjusted[String(cells.metric)] ?? null,
      })),
    ),
  );
}

export function pointsTable(points: readonly ReportPoint[]): Table {
  return table('points', { row: 'text', harm: 'number', nll: 'number' }, points);
}

export function verdictWordsTable(all: readonly VerdictWords[]): Table {
  return table(
    'verdictWords',
    { row: 'text', judge: 'text', word: 'text', weight: 'number', count: 'count' },
    all.flatMap(({ row, judge, words }) => words.map((word) => ({ row, judge, ...word }))),
  );
}
