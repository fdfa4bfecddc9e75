/** `gadfly ui`: a page on this machine with every run and sweep below a folder, until Ctrl-C. */
import { once } from 'node:events';
import { InterruptedError } from '../../base/errors.js';
import type { CommandDefinition } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { portFlag } from '../portFlag.js';

/** The defaults of the folder and of `--port`. */
const defaults = { folder: 'runs', port: 8323 } as const;

export const uiCommand: CommandDefinition = {
  name: 'ui',
  summary:
    'show every run and sweep below a folder on a page of this machine, live, and start, stop and resume runs there',
  argument: { form: '[dir]', summary: `the folder (default: ${defaults.folder})` },
  flags: [
    {
      flags: '--port <n>',
      summary: 'port on 127.0.0.1; 0 is a free one',
      parse: 'countFromZero',
      default: defaults.port,
    },
  ],
  runsUntilInterrupted: true,
  examples: ['gadfly ui', 'gadfly ui runs/eee-organism --port 0'],
  run: async (argument = defaults.folder, flags, context) => {
    const port = portFlag(flags, defaults.port);
    const { serveRuns } = await import('../../server/runs/serveRuns.js');
    const { recipeLauncher } = await import('../recipeLauncher.js');
    const launcher = recipeLauncher(context.globals);
    const server = await serveRuns(argument, { port, clock: context.terminal.clock, launcher });
    if (context.interrupted()) {
      await server.close();
      throw new InterruptedError('stopped');
    }
    context.announce({
      json: { url: server.url, token: server.token },
      text: `${String(server.found)} runs and sweeps below ${argument}: ${server.url}\nCtrl-C ends it; the runs go on.`,
    });
    if (!context.interrupted()) await once(context.signal, 'abort');
    await server.close();
    return { json: {}, text: '', exitCode: exitCodes.interrupted };
  },
};
