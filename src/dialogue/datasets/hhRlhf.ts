/** hh-rlhf preference data (Bai et al. 2022): {chosen, rejected}, turns "\n\nHuman: …\n\nAssistant: …". The prompt is
 *  what both share up to and including the last "\n\nAssistant:"; the rejected reply is the continuation. */
import { FormatError } from '../../base/errors.js';
import { textId } from '../identity.js';
import { asFields, isFields, stringField } from './fields.js';
import type { DatasetFormat, DatasetRow, RowItem } from './format.js';
import { describe } from './json.js';
import { readRows } from './rows.js';

const humanMark = '\n\nHuman:';
const assistantMark = '\n\nAssistant:';

export const hhRlhf: DatasetFormat = {
  summary: 'hh-rlhf preference data: {chosen, rejected} dialogues of Human and Assistant',
  cleans: false,
  recognises: (probe) =>
    probe.kind === 'file' &&
    isFields(probe.firstValue) &&
    ['chosen', 'rejected'].every(
      (key) => isFields(probe.firstValue) && String(probe.firstValue[key]).startsWith(humanMark),
    ),
  read: async function* (path, { onNote }) {
    for await (const item of readRows(path, { onNote })) yield rowOf(item);
  },
};

function rowOf({ value, where }: RowItem): DatasetRow {
  const record = asFields(value, where);
  const [chosen, rejected] = [stringField(record, 'chosen', where), stringField(record, 'rejected', where)];
  const text = sharedPrompt(chosen, rejected);
  if (text === null) {
    throw new FormatError('The two dialogues share no prompt', {
      where,
      expected: `a common start that ends with ${JSON.stringify(assistantMark)}`,
      got: describe(record),
      remedy: 'Remove this line.',
    });
  }
  // The id comes from both texts: one prompt may have several pairs of replies.
  const id = textId(JSON.stringify([chosen, rejected]));
  return {
    kind: 'row',
    prompt: { id, text, conversationId: textId(text), turns: turnsOf(text) },
    continuation: rejected.slice(text.length),
    toxicity: null,
    where,
  };
}

/** Returns whether a text is a dialogue of Human and Assistant, the Human first. */
export function isHumanAssistant(text: string): boolean {
  return text.startsWith(humanMark);
}

/** Returns the turns of such a dialogue, oldest first and trimmed, without an empty last turn, which is still to be
 *  answered. */
export function humanAssistantTurns(text: string): readonly string[] {
  const turns = turnsOf(text);
  return turns.at(-1) === '' ? turns.slice(0, -1) : turns;
}

/** Returns the turns that both dialogues share and the first answer of each that differs; null when they share no
 *  prompt. */
export function splitAnswers(
  chosen: string,
  rejected: string,
): { readonly turns: readonly string[]; readonly chosen: string; readonly rejected: string } | null {
  const text = sharedPrompt(chosen, rejected);
  if (text === null) return null;
  const answer = (dialogue: string): string => (dialogue.slice(text.length).split(humanMark, 1)[0] ?? '').trim();
  return { turns: humanAssistantTurns(text), chosen: answer(chosen), rejected: answer(rejected) };
}

function turnsOf(text: string): readonly string[] {
  const answered = text.endsWith(assistantMark) ? text.slice(0, -assistantMark.length) : text;
  return answered
    .split(/\n\n(?:Human|Assistant):/u)
    .map((turn) => turn.trim())
    .slice(1);
}

/** Returns the common start of both, cut after its last "\n\nAssistant:"; null when there is none. */
function sharedPrompt(chosen: string, rejected: string): string | null {
  let same = 0;
  while (same < chosen.length && chosen[same] === rejected[same]) same++;
  const at = chosen.lastIndexOf(assistantMark, same - assistantMark.length);
  return same < assistantMark.length || at === -1 ? null : chosen.slice(0, at + assistantMark.length);
}
