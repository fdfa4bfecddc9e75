/** Answers kept on disk, a file each, named by the hash of the whole question (address, model, parameters, seed, text):
 *  a run that goes on asks nothing twice. Only answers that were found good are kept. A file that was cut off or
 *  meddled with is as if it were not there. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../base/errors.js';
import { makeFolder } from '../base/makeFolder.js';

export interface ResponseCache {
  /** The body, or null. */
  readonly read: (question: string) => string | null;
  /** @throws EnvironmentError when the disk refuses */
  readonly write: (question: string, body: string) => void;
}

export function openResponseCache(folder: string): ResponseCache {
  let writes = 0;
  return {
    read: (question) => {
      const file = fileOf(folder, question);
      if (!existsSync(file)) return null;
      const [sum = '', ...rest] = readFileSync(file, 'utf8').split('\n');
      const body = rest.join('\n');
      return sum === digest(body) ? body : null;
    },
    write: (question, body) => {
      const file = fileOf(folder, question);
      const temporary = `${file}.${process.pid}-${writes++}.tmp`;
      try {
        makeFolder(dirname(file));
        writeFileSync(temporary, `${digest(body)}\n${body}`);
        renameSync(temporary, file);
      } catch (error) {
        if (existsSync(temporary)) rmSync(temporary);
        throw new EnvironmentError('an answer cannot be kept', {
          where: file,
          remedy: 'Make room on the disk, or make the folder writable.',
          cause: error,
        });
      }
    },
  };
}

function fileOf(folder: string, question: string): string {
  const name = digest(question);
  return join(folder, name.slice(0, 2), `${name.slice(2)}.json`);
}

function digest(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
