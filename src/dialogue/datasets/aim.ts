/** Reads the aim and the private views of a row of prompts: `goal`, `target` (the text that the target is to be brought
 *  to say), `background` (what judges alone are told) and `views` (the parts that only one side sees): {"adversary": {"system", "turns"}, "target": {"system", "turns"}}.
 *  A field that is null counts as absent. Messages name the field and the kind found, never the text. */
import { FormatError } from '../../base/errors.js';
import type { PrivateView, PrivateViews, Prompt } from '../types.js';
import { type Fields, isFields } from './fields.js';
import { describe } from './json.js';

/** Names of the fields that are read here. */
export const aimFields = ['goal', 'target', 'background', 'views'] as const;

/** Reads the fields of a row. @throws FormatError for a field of another shape */
export function readAim(row: Fields, where: string): Pick<Prompt, 'goal' | 'targetString' | 'background' | 'views'> {
  const goal = readText(row['goal'], 'goal', where);
  const targetString = readText(row['target'], 'target', where);
  const background = readText(row['background'], 'background', where);
  const views = readViews(row['views'], where);
  return {
    ...(goal === undefined ? {} : { goal }),
    ...(targetString === undefined ? {} : { targetString }),
    ...(background === undefined ? {} : { background }),
    ...(views === undefined ? {} : { views }),
  };
}

function readViews(value: unknown, where: string): PrivateViews | undefined {
  const fields = readObject(value, 'views', ['adversary', 'target'], where);
  if (fields === undefined) return undefined;
  const adversary = readView(fields['adversary'], 'views.adversary', where);
  const target = readView(fields['target'], 'views.target', where);
  if (adversary === undefined && target === undefined) return undefined;
  return { ...(adversary === undefined ? {} : { adversary }), ...(target === undefined ? {} : { target }) };
}

function readView(value: unknown, name: string, where: string): PrivateView | undefined {
  const fields = readObject(value, name, ['system', 'turns'], where);
  if (fields === undefined) return undefined;
  const system = readText(fields['system'], `${name}.system`, where);
  const turns = readTurns(fields['turns'], `${name}.turns`, where);
  if (system === undefined && turns === undefined) return undefined;
  return { ...(system === undefined ? {} : { system }), ...(turns === undefined ? {} : { turns }) };
}

function readTurns(value: unknown, name: string, where: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every(isText)) return value.length === 0 ? undefined : value;
  const wrong: unknown = Array.isArray(value) ? value.find((turn) => !isText(turn)) : value;
  throw wrongShape(name, 'a list of texts, the oldest turn first', wrong, where);
}

function readText(value: unknown, name: string, where: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (isText(value)) return value;
  throw wrongShape(name, 'a text that is not empty', value, where);
}

function readObject(value: unknown, name: string, keys: readonly string[], where: string): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  if (isFields(value) && Object.keys(value).every((key) => keys.includes(key))) return value;
  throw wrongShape(name, `an object with ${keys.join(' or ')} and nothing else`, value, where);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function wrongShape(name: string, expected: string, value: unknown, where: string): FormatError {
  return new FormatError(`The field ${name} has another shape`, {
    where,
    expected,
    got: describe(value),
    remedy: 'Correct this item; a field that means something else needs another name.',
  });
}
