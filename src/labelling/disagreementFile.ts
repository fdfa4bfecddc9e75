/** disagreement.jsonl of a run: what the ensemble that was trained on the labels so far says of each sample. It is written
 *  anew whenever a run that waits for labels is resumed; the labelling page reads it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { onDisk, writeFileAtomic } from '../base/files.js';
import { jsonText } from '../base/json.js';
import { readAs } from '../base/readAs.js';

const opinionSchema = z.object({
  id: z.string(),
  /** How far the members are apart, at least 0. */
  disagreement: z.number().min(0),
  /** Probability of the harmful labels, the mean over the members. */
  harm: z.number().min(0).max(1),
});

export type EnsembleOpinion = z.output<typeof opinionSchema>;

export function opinionsPath(folder: string): string {
  return join(folder, 'disagreement.jsonl');
}

export function writeOpinions(folder: string, opinions: readonly EnsembleOpinion[]): void {
  writeFileAtomic(opinionsPath(folder), opinions.map((opinion) => `${jsonText(opinion)}\n`).join(''));
}

/** Returns the opinions by id; null before an ensemble was trained.
 *  @throws FormatError for a line that is none */
export function readOpinions(folder: string): ReadonlyMap<string, EnsembleOpinion> | null {
  const path = opinionsPath(folder);
  return onDisk(path, () => {
    if (!existsSync(path)) return null;
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    return new Map(
      lines
        .filter((line) => line !== '')
        .map((line, i) => {
          const opinion = readAs(opinionSchema, JSON.parse(line), `${path}:${String(i + 1)}`);
          return [opinion.id, opinion];
        }),
    );
  });
}
