/** The labelling page on this machine's loopback address. */
import { systemClock, type Clock } from '../../base/clock.js';
import type { Judge } from '../../dialogue/types.js';
import { listenOnLoopback, newToken } from '../listener.js';
import { LabelDesk } from './labelDesk.js';
import { createLabelsApp } from './labelsApp.js';
import type { LabelTask } from './labelTask.js';
import { createVeil } from './veil.js';
import { readWebPage } from '../webPage.js';

export interface ServeLabelsOptions {
  readonly labeller: string;
  /** 0 is a free one. */
  readonly port: number;
  /** Covers texts until they are asked for; null covers none. */
  readonly judge: Judge | null;
  readonly onNote: (note: string) => void;
  readonly clock?: Clock;
}

export interface LabelsServer {
  /** Address of the page, with its token. */
  readonly url: string;
  readonly token: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Serves until closed.
 *  @throws EnvironmentError when the port is taken or the page is not built, FormatError for a file of choices that
 *    cannot be read */
export async function serveLabels(task: LabelTask, options: ServeLabelsOptions): Promise<LabelsServer> {
  const { labeller, port, judge, onNote, clock = systemClock } = options;
  const desk = new LabelDesk(task, {
    clock,
    onTorn: (where) => {
      onNote(`${where}: this line was never finished and is passed over`);
    },
  });
  const token = newToken();
  const app = createLabelsApp(desk, { token, labeller, page: readWebPage('label'), veil: createVeil(judge) });
  const listener = await listenOnLoopback(app.fetch, port);
  return {
    url: `http://127.0.0.1:${listener.port}/?token=${token}`,
    token,
    port: listener.port,
    close: listener.close,
  };
}
