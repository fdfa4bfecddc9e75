/** Finds the places in a recipe's file that made a row of an evaluation: the line of its attack, or of the evaluation.
 *  Tools that show findings beside code open the file there. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { isJsonObject, type JsonObject } from '../base/json.js';
import type { Manifest } from '../runs/manifest.js';

export interface RecipeLines {
  /** Address of the file: relative to the repository around it (else to the working folder) where it lies inside, a
   *  file: URL elsewhere. */
  readonly uri: string;
  /** Returns the line, from 1, of the stage that made a row; 1 where the file is gone or does not have it. */
  readonly lineOf: (row: string) => number;
}

/** @param from the folder that an address is relative to where no repository is around the file */
export function readRecipeLines(
  { name, source, configuration }: Pick<Manifest, 'name' | 'source' | 'configuration'>,
  from = process.cwd(),
): RecipeLines {
  if (source.file === null) return { uri: `${encodeURIComponent(name)}.yaml`, lineOf: () => 1 };
  const path = resolve(source.folder, isAbsolute(source.file) ? source.file : basename(source.file));
  const lines = existsSync(path) ? stageLines(readFileSync(path, 'utf8')) : [];
  const stages = Array.isArray(configuration['stages']) ? (configuration['stages'] as readonly unknown[]) : [];
  const lineOf = (row: string): number => {
    const attack = attackOf(row, stages);
    const place = attack ?? stages.findIndex((stage) => isJsonObject(stage) && stage['evaluate'] !== undefined);
    return lines[place] ?? 1;
  };
  return { uri: addressOf(path, from), lineOf };
}

/** Returns the place of the attack that trained a row's adversary: the row 'ipo-2@adpo-1' is of the attack ipo. */
function attackOf(row: string, stages: readonly unknown[]): number | null {
  const adversary = row.replace(/@.*$/u, '');
  for (const name of [adversary, adversary.replace(/-\d+$/u, '')]) {
    const found = stages.findIndex(
      (stage) => isJsonObject(stage) && isJsonObject(stage['exploit']) && nameOf(stage['exploit']) === name,
    );
    if (found >= 0) return found;
  }
  return null;
}

function nameOf({ name, attack }: JsonObject): unknown {
  return name ?? attack;
}

/** Returns the line of every stage of a recipe's text, in order; none for a text that is no recipe. */
function stageLines(text: string): readonly number[] {
  const lineCounter = new LineCounter();
  const { contents } = parseDocument(text, { lineCounter });
  const stages = isMap(contents) ? contents.get('stages') : null;
  if (!isSeq(stages)) return [];
  return stages.items.map((item) => {
    const start = isMap(item) ? (item.range?.[0] ?? 0) : 0;
    return Math.max(1, lineCounter.linePos(start).line);
  });
}

function addressOf(path: string, from: string): string {
  const root = repositoryAround(path) ?? from;
  const inside = relative(root, path);
  if (inside === '' || inside.startsWith('..') || isAbsolute(inside)) return pathToFileURL(path).href;
  return inside.split(sep).map(encodeURIComponent).join('/');
}

/** Returns the folder of the Git repository around a file; null for none. */
function repositoryAround(path: string): string | null {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return folder;
    if (folder === dirname(folder)) return null;
  }
}
