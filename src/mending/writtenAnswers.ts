/** Answers that somebody has written for dialogues in which the target failed. An export of a run's failures, its
 *  answers rewritten by hand, is such a file. */
import { FormatError } from '../base/errors.js';
import { readRows } from '../dialogue/datasets/rows.js';

/** The answer to a dialogue: that for its whole text, as a text row has it, or else for its last turn. */
export type WrittenAnswers = (dialogue: { readonly text: string; readonly lastTurn: string }) => string | null;

/** Rows {prompt, chosen} of JSON lines, a JSON array, CSV or Parquet; the first of several for one prompt counts. @throws FormatError with the line */
export async function readWrittenAnswers(path: string): Promise<WrittenAnswers> {
  const answers = new Map<string, string>();
  for await (const { value, where } of readRows(path)) {
    if (!isAnswer(value))
      throw new FormatError('this row is no answer to a prompt', {
        where,
        expected: '{"prompt": string, "chosen": string}',
      });
    const prompt = value.prompt.trim();
    if (!answers.has(prompt) && value.chosen.trim() !== '') answers.set(prompt, value.chosen);
  }
  return ({ text, lastTurn }) => answers.get(text.trim()) ?? answers.get(lastTurn.trim()) ?? null;
}

function isAnswer(value: unknown): value is { readonly prompt: string; readonly chosen: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'prompt' in value &&
    'chosen' in value &&
    typeof value.prompt === 'string' &&
    typeof value.chosen === 'string'
  );
}
