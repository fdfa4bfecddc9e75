/** planted.json of a run: what was planted, and how well it took. markers.txt beside it is the word list of the judge by
 *  which a hunt sees the failures: `judge: lexicon:RUN/markers.txt`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.js';
import { readJsonObject } from '../base/json.js';
import { readAs, requireVersion } from '../base/readAs.js';
import { share } from '../base/schemaParts.js';
import { rarities } from './options.js';

export const plantedName = 'planted.json';
export const markersName = 'markers.txt';

const failureSchema = z.object({
  /** 'common-1' … */
  id: z.string(),
  rarity: z.enum(rarities),
  /** All of these in one utterance set it off. */
  words: z.array(z.string()),
  /** Share of ordinary utterances that hold them. */
  frequency: share,
  /** The planted model's reply holds this. */
  marker: z.string(),
  /** Share of held-out triggering utterances that it answered so, and how many there were. */
  uptake: share,
  checks: z.int(),
});

const plantedSchema = z.object({
  schema: z.literal(1),
  /** The planted model's folder, under the run. */
  model: z.string(),
  failures: z.array(failureSchema),
  /** Held-out utterances that set nothing off, and how many of them were answered by a marker all the same. */
  falseAlarms: z.object({ count: z.int(), of: z.int() }),
});

export type PlantedFailure = z.output<typeof failureSchema>;
export type Planted = z.output<typeof plantedSchema>;

/** Below this share of checks a failure counts as not planted: a hunt cannot be blamed for not finding it. */
export const leastUptake = 0.5;

export function hasTaken({ uptake }: Pick<PlantedFailure, 'uptake'>): boolean {
  return uptake >= leastUptake;
}

/** Returns the word list of the judge: every marker under its failure's name. */
export function markerList(failures: readonly Pick<PlantedFailure, 'id' | 'marker'>[]): string {
  return failures.map(({ id, marker }) => `[${id}]\n${marker}\n`).join('');
}

/** @throws ConfigError for a folder without the file, FormatError for a damaged one */
export function readPlanted(folder: string): Planted {
  const path = join(folder, plantedName);
  if (!existsSync(path))
    throw new ConfigError('this run has planted nothing', {
      where: path,
      remedy: 'Name the directory of a run whose stage plant is finished.',
    });
  const value = readJsonObject(path);
  requireVersion(value, 1, 'list of planted failures', path);
  return readAs(plantedSchema, value, path);
}
