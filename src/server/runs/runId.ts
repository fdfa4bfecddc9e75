/** The id of a run on the page is its path below the folder that is shown. An id that leads elsewhere is refused before
 *  the disk is asked, and one that leads elsewhere by a link is refused by where it ends. */
import { realpathSync } from 'node:fs';
import { join, sep } from 'node:path';
import { ApiError, badRequest } from '../apiError.js';

/** Returns the folder of an id.
 *  @param root the real path of the folder that is shown
 *  @throws ApiError for what is no path below it, and for what is not there */
export function runFolder(root: string, id: string): string {
  if (id === '.') return root;
  const parts = id.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part)))
    throw badRequest('a run is named by its path below the folder that is shown', 'id', 'run_id');
  let folder: string;
  try {
    folder = realpathSync(join(root, ...parts));
  } catch {
    throw new ApiError(404, `no such run: ${id}`, { param: 'id', code: 'run_not_found' });
  }
  if (!folder.startsWith(root.endsWith(sep) ? root : root + sep))
    throw badRequest('this run lies outside the folder that is shown', 'id', 'run_id');
  return folder;
}
