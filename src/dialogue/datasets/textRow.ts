/** One item of a JSON array, of JSON lines or of a table: a string, or an object with `prompt` or `text`, and perhaps with
 *  `continuation` (or `completion`), `toxicity`, `id`, `conversation_id`. A continuation may stand alone: its prompt is
 *  empty then. Items of JSON may have `goal`, `target`,
 *  `background` and `views` as well, which only a judge or one side may know (aim.ts). */
import { FormatError } from '../../base/errors.js';
import { textId } from '../identity.js';
import { promptKey } from '../views.js';
import { aimFields, readAim } from './aim.js';
import { isFields, nameAmong, plainFields, promptOfText, promptText, shareField, stringField } from './fields.js';
import type { DatasetRow, RowItem } from './format.js';
import { describe } from './json.js';

/** Names of the field that holds a prompt, the first that a row has. */
export const promptNames = ['prompt', 'text'] as const;

const continuationNames = ['continuation', 'completion'] as const;

const known = [
  'prompt',
  'text',
  'continuation',
  'completion',
  'toxicity',
  'id',
  'conversation_id',
  'chosen',
  'rejected',
] as const;

/** Reads one item.
 *  @param hasAim whether goal, target and views mean what aim.ts says; in tables they are further columns
 *  @throws FormatError, or ConfigError for an empty prompt */
export function textRow({ value, where }: RowItem, { hasAim }: { readonly hasAim: boolean }): DatasetRow {
  if (typeof value === 'string')
    return { kind: 'row', prompt: promptOfText(promptText(value, where)), continuation: null, toxicity: null, where };
  const key = isFields(value) ? nameAmong(value, promptNames) : null;
  const continuationKey = isFields(value)
    ? (continuationNames.find((name) => value[name] !== undefined && value[name] !== null) ?? null)
    : null;
  if (!isFields(value) || (key === null && continuationKey === null)) {
    throw new FormatError('This is not a prompt', {
      where,
      expected: 'a string, or an object with prompt or text',
      got: describe(value),
      remedy: 'Name its field or column prompt or text, or name the format of the data set with format:.',
    });
  }
  const continuation = continuationKey === null ? null : stringField(value, continuationKey, where);
  const text = key === null ? '' : promptText(stringField(value, key, where), where);
  const shown = { text, ...(hasAim ? readAim(value, where) : {}) };
  const named = text === '' && continuation !== null ? { ...shown, text: continuation } : shown;
  const id = idField(value, 'id', where) ?? textId(promptKey(named));
  const meta = plainFields(value, [...(key === null ? [] : [key]), ...known, ...(hasAim ? aimFields : [])]);
  return {
    kind: 'row',
    prompt: {
      id,
      ...shown,
      conversationId: idField(value, 'conversation_id', where) ?? id,
      ...(Object.keys(meta).length === 0 ? {} : { meta }),
    },
    continuation,
    toxicity: shareField(value, 'toxicity', where),
    where,
  };
}

function idField(fields: Readonly<Record<string, unknown>>, key: string, where: string): string | null {
  const value = fields[key];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new FormatError(`The field ${key} is no name`, {
    where,
    expected: 'a string or a number',
    got: describe(value),
    remedy: 'Correct this item.',
  });
}
