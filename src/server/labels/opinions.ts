/** Follows the opinions of the ensemble so far on the items of a run: they are read again when a resumed run has written
 *  them anew. */
import { existsSync, statSync } from 'node:fs';
import { type EnsembleOpinion, opinionsPath, readOpinions } from '../../labelling/disagreementFile.js';

/** @returns how to get them: null before there are any */
export function followOpinions(folder: string): () => ReadonlyMap<string, EnsembleOpinion> | null {
  const path = opinionsPath(folder);
  let known: ReadonlyMap<string, EnsembleOpinion> | null = null;
  let knownAs: string | null = null;
  return () => {
    const found = existsSync(path) ? statSync(path) : null;
    const foundAs = found === null ? null : `${String(found.ino)} ${String(found.mtimeMs)} ${String(found.size)}`;
    if (foundAs !== knownAs) {
      known = readOpinions(folder);
      knownAs = foundAs;
    }
    return known;
  };
}
