/** Reads a finished run as its evaluation: manifest and report beside every dialogue that the evaluation has played, with
 *  the verdicts of all judges. Exporters read it; nothing else of a run reaches them. */
import { FormatError } from '../base/errors.js';
import { readDialogue } from '../dialogue/readRecords.js';
import type { RecordedDialogue, RecordedTurn } from '../dialogue/records.js';
import { readRecords } from '../runs/recordLog.js';
import { logPath } from '../runs/runLogs.js';
import { parseUnit } from '../runs/units.js';
import { type RecipeLines, readRecipeLines } from './recipeLines.js';
import { type ReportView, readReportView } from './reportView.js';

/** A dialogue without ids and log-probabilities. */
export type EvaluatedDialogue = Pick<RecordedDialogue, 'prompt' | 'scores'> & {
  /** Name of the row that it was played for. */
  readonly row: string;
  /** Its number within the row, from 1. */
  readonly number: number;
  readonly turns: readonly Pick<RecordedTurn, 'author' | 'text' | 'noReply' | 'finishReason'>[];
};

export interface EvaluationView extends ReportView {
  /** In the order in which they were played, row after row. */
  readonly dialogues: readonly EvaluatedDialogue[];
  readonly recipe: RecipeLines;
}

/** @throws ConfigError when the folder holds no run, FormatError when a file of it is damaged, or lacks dialogues that the
 *  report counts: without them an export would look like a pass */
export async function readEvaluation(folder: string): Promise<EvaluationView> {
  const view = await readReportView(folder);
  const dialogues = await readEvaluatedDialogues(folder);
  for (const { name, dialogues: expected } of view.report.rows) {
    const found = dialogues.filter(({ row }) => row === name).length;
    if (found < expected)
      throw new FormatError('dialogues of the evaluation are missing', {
        where: logPath(view.folder, 'rollouts'),
        expected: `${String(expected)} of the row ${name}`,
        got: String(found),
        remedy: 'Bring the file back, or take a form that needs the report alone: html, md, json.',
      });
  }
  return { ...view, dialogues, recipe: readRecipeLines(view.manifest) };
}

/** Reads the dialogues of a run's evaluation; none where there is no evaluation. @throws FormatError */
export async function readEvaluatedDialogues(folder: string): Promise<readonly EvaluatedDialogue[]> {
  const dialogues: EvaluatedDialogue[] = [];
  const counts = new Map<string, number>();
  for await (const { record, where } of readRecords(logPath(folder, 'rollouts'))) {
    const unit = typeof record['stage'] === 'string' ? parseUnit(record['stage']) : null;
    if (unit?.kind !== 'evaluateRow') continue;
    const { row } = unit;
    const number = (counts.get(row) ?? 0) + 1;
    counts.set(row, number);
    const { prompt, turns, scores } = readDialogue(record, where);
    dialogues.push({ row, number, prompt, turns: turns.map(spokenPart), scores });
  }
  return dialogues;
}

function spokenPart({ author, text, finishReason, noReply }: RecordedTurn): EvaluatedDialogue['turns'][number] {
  return { author, text, finishReason, ...(noReply === undefined ? {} : { noReply }) };
}
