/** Reading a program's outcome, and the choice of what is run. */
import { FormatError } from '../src/base/errors.js';
import { isJsonObject } from '../src/base/json.js';
import type { BenchMetric, Outcome } from './types.js';

/** Read from outside, for every program: among the figures of a comparison where it says something. */
export const memoryFigure: BenchMetric = { key: 'peakMiB', title: 'peak memory', unit: 'MiB', better: 'lower' };

/** From what a program printed: its last line of JSON that has figures. Programs may print what they like beside it.
 *  @throws FormatError when there is none, or a figure is not a number */
export function outcomeIn(output: string): Outcome {
  const records = output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const value: unknown = JSON.parse(line);
      return isJsonObject(value) ? [value] : [];
    } catch {
      return []; // It only looked like JSON.
    }
  });
  const found = records.findLast((record) => record['figures'] !== undefined);
  if (found === undefined)
    throw new FormatError('the program printed no result', { expected: "a line of JSON with 'figures'" });
  return {
    figures: numbersOf(found['figures'], 'figures'),
    work: numbersOf(found['work'], 'work'),
    versions: textsOf(found['versions']),
  };
}

function numbersOf(value: unknown, where: string): Readonly<Record<string, number>> {
  if (!isJsonObject(value))
    throw new FormatError('the result lacks a part', {
      where,
      expected: 'an object',
      got: String(JSON.stringify(value)),
    });
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => {
      if (typeof each !== 'number' || !Number.isFinite(each)) {
        throw new FormatError('not a number', { where: `${where}.${key}`, got: String(JSON.stringify(each)) });
      }
      return [key, each];
    }),
  );
}

function textsOf(value: unknown): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Whether a comparison was asked for: all are when nothing is named, 'train-step' stands for all that begin with it.
 */
export function isChosen(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((each) => name === each || name.startsWith(`${each}/`));
}
