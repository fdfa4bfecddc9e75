/** Folders of weights by what they hold: written once, read by other processes that share the folder. A name is the hash
 *  of the content, which readers compute anew. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { EnvironmentError, FormatError } from '../base/errors.js';
import { onDiskAsync, temporaryPrefix } from '../base/files.js';
import { makeFolder } from '../base/makeFolder.js';
import { hashInput } from './manifest.js';

export interface WeightStore {
  readonly folder: string;
  /** Writes a folder. Returns its name; one that is there already is left as it is. */
  readonly put: (write: (folder: string) => Promise<void>) => Promise<string>;
  /** Returns the path. @throws EnvironmentError when it is not there, FormatError when it is not what its name says */
  readonly get: (name: string) => Promise<string>;
  readonly remove: (name: string) => void;
}

const nameForm = /^[0-9a-f]{64}$/;

export function openWeightStore(folder: string): WeightStore {
  const pathOf = (name: string): string => {
    if (!nameForm.test(name))
      throw new FormatError('this is no name of weights', {
        where: folder,
        expected: 'a SHA-256',
        got: name.slice(0, 80),
      });
    return join(folder, name);
  };
  const verified = new Set<string>();
  return {
    folder,
    put: (write) =>
      onDiskAsync(folder, async () => {
        makeFolder(folder);
        const temporary = join(folder, `${temporaryPrefix}${randomUUID()}`);
        mkdirSync(temporary);
        try {
          await write(temporary);
          const { sha256 } = await hashInput('weights', temporary);
          if (existsSync(pathOf(sha256))) rmSync(temporary, { recursive: true });
          else renameSync(temporary, pathOf(sha256));
          return sha256;
        } catch (error) {
          rmSync(temporary, { recursive: true, force: true });
          throw error;
        }
      }),
    get: async (name) => {
      const path = pathOf(name);
      if (!existsSync(path))
        throw new EnvironmentError('these weights are not here', {
          where: path,
          remedy: 'Let workers reach the folder of the run, or name where it is mounted: `gadfly worker --store DIR`.',
        });
      if (!verified.has(name)) {
        const { sha256 } = await hashInput('weights', path);
        if (sha256 !== name)
          throw new FormatError('these weights are not what their name says', {
            where: path,
            expected: name,
            got: sha256,
          });
        verified.add(name);
      }
      return path;
    },
    remove: (name) => {
      rmSync(pathOf(name), { recursive: true, force: true });
    },
  };
}
