/** The token of a folder's page, kept for the person who runs the server, so that a page that is open goes on after the
 *  server was started anew. It lies outside of the folder, which others may read or copy. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { newToken } from '../listener.js';

const tokenForm = /^gadfly-[\w-]{32,}$/;

/** Returns the token of a folder: the kept one, or a new one, which is kept where that is possible.
 *  @param state folder of a person's states; default XDG_STATE_HOME */
export function pageToken(folder: string, state: string = stateFolder(process.env)): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const path = join(state, 'gadfly', 'ui', name);
  const kept = readKept(path);
  if (kept !== null) return kept;
  const token = newToken();
  try {
    mkdirSync(join(state, 'gadfly', 'ui'), { recursive: true, mode: 0o700 });
    writeFileSync(path, `${token}\n`, { mode: 0o600, flag: 'w' });
  } catch {
    // Without a place to keep it the page has to be opened anew after a restart.
  }
  return token;
}

function readKept(path: string): string | null {
  try {
    const token = readFileSync(path, 'utf8').trim();
    return tokenForm.test(token) ? token : null;
  } catch {
    return null;
  }
}

function stateFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const given = environment['XDG_STATE_HOME'];
  return given === undefined || given === '' ? join(homedir(), '.local', 'state') : given;
}
