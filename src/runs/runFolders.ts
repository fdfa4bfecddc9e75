/** Folders of a run in which whole folders appear: checkpoints, models, judges. */
import { join } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { listFolder } from '../base/files.js';

/** Returns models/NAME. @throws ConfigError when the name could leave the folder */
export function modelFolder(run: string, name: string): string {
  return join(run, 'models', folderName(name));
}

/** Returns judges/NAME. @throws ConfigError when the name could leave the folder */
export function judgeFolder(run: string, name: string): string {
  return join(run, 'judges', folderName(name));
}

/** Returns KIND/NAME. @throws ConfigError when the name could leave the folder */
export function stageFolder(run: string, kind: 'buffers', name: string): string {
  return join(run, kind, folderName(name));
}

/** Lists the folders in which an interrupted writer may have left something unfinished. */
export function foldersWritten(run: string): readonly string[] {
  const judges = join(run, 'judges');
  return [
    run,
    ...['checkpoints', 'models', 'judges'].map((name) => join(run, name)),
    ...listFolder(judges).map((name) => join(judges, name)),
  ];
}

function folderName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new ConfigError('this is no name for a model or a judge', {
      got: name,
      expected: 'letters, digits, dot, dash, underscore',
    });
  return name;
}
