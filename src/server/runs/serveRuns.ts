/** The page of all runs on this machine's loopback address. */
import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock, type Clock } from '../../base/clock.js';
import { ConfigError } from '../../base/errors.js';
import { listenOnLoopback } from '../listener.js';
import { readWebPage } from '../webPage.js';
import { JobDesk, type Launcher } from './jobDesk.js';
import { pageToken } from './pageToken.js';
import { RunList } from './runList.js';
import { createRunsApp } from './runsApp.js';

export interface ServeRunsOptions {
  /** 0 is a free one. */
  readonly port: number;
  readonly clock?: Clock;
  /** Starts runs from the page; without it the page only shows them. */
  readonly launcher?: Launcher | null;
}

export interface RunsServer {
  /** Address of the page, with its token. */
  readonly url: string;
  readonly token: string;
  /** Number of runs and sweeps found at the start. */
  readonly found: number;
  readonly close: () => Promise<void>;
}

/** Serves until closed.
 *  @throws ConfigError when the folder is not there, EnvironmentError when the port is taken or the page is not built */
export async function serveRuns(
  folder: string,
  { port, clock = systemClock, launcher = null }: ServeRunsOptions,
): Promise<RunsServer> {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new ConfigError('no such folder', {
      where: resolve(folder),
      remedy: 'Give a folder that has runs below it.',
    });
  const root = realpathSync(folder);
  const list = new RunList(root, clock);
  const token = pageToken(root);
  const jobs = launcher === null ? null : new JobDesk(root, launcher);
  const app = createRunsApp(list, { token, page: readWebPage('runs'), clock, jobs });
  await list.refresh();
  const listener = await listenOnLoopback(app.fetch, port);
  return {
    url: `http://127.0.0.1:${listener.port}/?token=${token}`,
    token,
    found: list.ids.length,
    close: listener.close,
  };
}
