/** Reads the dialogues of a run's evaluation, with their rows and the judge whose verdicts count. */
import { ConfigError } from '../base/errors.js';
import type { JudgedDialogue } from '../dialogue/records.js';
import { readEvaluatedDialogues } from '../report/evaluation.js';
import { readManifest } from '../runs/manifest.js';

export interface Evaluated {
  readonly dialogues: readonly { readonly row: string; readonly dialogue: JudgedDialogue }[];
  /** The judge that was asked for, or the first of the evaluation. */
  readonly judge: string;
}

export interface EvaluatedQuery {
  /** Names of rows; none: all. */
  readonly rows: readonly string[];
  /** It is null for the first judge of the evaluation. */
  readonly judge: string | null;
}

/** @throws ConfigError for a run without an evaluation, and for a row or judge that it does not have */
export async function readEvaluated(folder: string, { rows, judge }: EvaluatedQuery): Promise<Evaluated> {
  readManifest(folder);
  const all = (await readEvaluatedDialogues(folder)).map((dialogue) => ({ row: dialogue.row, dialogue }));
  const judges = Object.keys(all[0]?.dialogue.scores ?? {});
  const chosen = judge ?? judges[0];
  if (chosen === undefined)
    throw new ConfigError('this run has no evaluation', {
      where: folder,
      remedy: 'Run the stage evaluate of its recipe first.',
    });
  refuseUnknown('--judge', judges, [chosen]);
  refuseUnknown('--rows', [...new Set(all.map(({ row }) => row))], rows);
  return { dialogues: rows.length === 0 ? all : all.filter(({ row }) => rows.includes(row)), judge: chosen };
}

function refuseUnknown(flag: string, known: readonly string[], names: readonly string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new ConfigError('the evaluation of this run has no such name', {
    where: flag,
    expected: known.join(', '),
    got: unknown,
  });
}
