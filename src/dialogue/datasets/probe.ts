/** Finds the format of a data set: the one that the user names, or the first that recognises its path and first line. */
import { readdir, stat } from 'node:fs/promises';
import { ConfigError } from '../../base/errors.js';
import { datasetFormats, type DatasetFormatName } from './all.js';
import type { DatasetProbe } from './format.js';
import { parseJson } from './json.js';
import { readText } from './lines.js';
import { containerOf, extensionOf, readRows } from './rows.js';

/** Returns the name of the format of a data set.
 *  @param format the name that the user gives; null recognises the format from the path
 *  @throws ConfigError when the path does not exist, is empty, or no format recognises it */
export async function chooseFormat(path: string, format: string | null): Promise<DatasetFormatName> {
  const probe = await probePath(path);
  if (format !== null) {
    if (isFormatName(format)) return format;
    throw new ConfigError('Unknown data set format', {
      where: path,
      expected: names().join(', '),
      got: format,
      remedy: 'Name one of these, or none.',
    });
  }
  const recognised = names().find((name) => datasetFormats[name].recognises(probe));
  if (recognised !== undefined) return recognised;
  throw new ConfigError('The format of this data set is not recognised', {
    where: path,
    expected: names().join(', '),
    got:
      probe.kind === 'folder'
        ? `a folder with ${probe.entries.slice(0, 8).join(', ')}`
        : `a file ending in .${probe.extension}`,
    remedy: 'Name its format with format:, or see `gadfly list datasets`.',
  });
}

function names(): readonly DatasetFormatName[] {
  return Object.keys(datasetFormats) as DatasetFormatName[]; // The table's own keys.
}

function isFormatName(name: string): name is DatasetFormatName {
  return Object.hasOwn(datasetFormats, name);
}

async function probePath(path: string): Promise<DatasetProbe> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new ConfigError('The data set cannot be opened', {
      where: path,
      remedy: 'Check the path; it is relative to the recipe.',
      cause,
    });
  });
  if (info.isDirectory()) return { kind: 'folder', path, entries: (await readdir(path)).sort() };
  const container = info.size === 0 ? null : await containerOf(path);
  const firstLine = container === 'parquet' ? '' : await readFirstLine(path);
  if (firstLine === null) {
    throw new ConfigError('The data set is empty', {
      where: path,
      expected: 'at least one prompt',
      remedy: 'Check how the file was made.',
    });
  }
  const isTable = container === 'parquet' || container === 'csv';
  return {
    kind: 'file',
    path,
    extension: extensionOf(path),
    container,
    firstCharacter: firstLine.slice(0, 1),
    firstValue: isTable ? await firstRow(path) : jsonOf(firstLine),
  };
}

async function firstRow(path: string): Promise<unknown> {
  for await (const { value } of readRows(path)) return value;
  return undefined;
}

/** Returns the first line with text, cut after a million characters; null when there is none. */
async function readFirstLine(path: string): Promise<string | null> {
  let head = '';
  for await (const chunk of readText(path)) {
    head = (head + chunk).trimStart();
    const end = head.search(/[\r\n]/u);
    if (end !== -1) return head.slice(0, end).trimEnd();
    if (head.length > 1_000_000) return head;
  }
  return head === '' ? null : head;
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text, '', 'JSON');
  } catch {
    return undefined; // Not JSON is an answer here, not an error.
  }
}
