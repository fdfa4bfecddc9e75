/** `gadfly worker`: does pieces of runs that are shared out at a queue, until Ctrl-C. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { ConfigError } from '../../base/errors.js';
import { type CommandDefinition, numberFlag } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { poolSettings } from '../poolSettings.js';
import { queueAddress, queueFlags, storeFolder } from '../sharing.js';

/** Seconds. */
const defaultLease = 30;

export const workerCommand: CommandDefinition = {
  name: 'worker',
  summary: 'do pieces of runs that were started with `gadfly run … --queue`',
  flags: [
    ...queueFlags,
    {
      flags: '--lease <seconds>',
      summary: 'work of a worker that says nothing for so long is given to another',
      parse: 'count',
      default: defaultLease,
    },
  ],
  runsUntilInterrupted: true,
  examples: [
    'gadfly worker --queue redis://127.0.0.1:6379/0',
    'gadfly worker --queue rediss://me@queue:6380/0 --queue-password-env QUEUE_PASSWORD',
  ],
  run: async (_, flags, context) => {
    const address = queueAddress(flags, context);
    if (address === null)
      throw new ConfigError('no queue is named', { where: '--queue', expected: 'redis://HOST:PORT/DB' });
    const { openQueueConnection } = await import('../../queue/connection.js');
    const { workOnQueue } = await import('../../queue/queueWorker.js');
    const { workForRun } = await import('../../stages/sharing/workForRun.js');
    const connection = await openQueueConnection(address);
    const name = `${hostname()}-${String(process.pid)}-${randomBytes(3).toString('hex')}`;
    // Several workers share a machine better than threads do, and equal threads give equal bits.
    const settings = { ...context, globals: { ...context.globals, threads: context.globals.threads ?? 1 } };
    context.announce({
      json: { worker: name, queue: connection.where },
      text: `worker ${name} at ${connection.where}; Ctrl-C ends it after the job that it is at`,
    });
    try {
      await workOnQueue(connection, {
        name,
        leaseMs: (numberFlag(flags, 'lease') ?? defaultLease) * 1000,
        accept: (notice) =>
          workForRun(notice, {
            pool: poolSettings(settings),
            store: storeFolder(flags),
            note: context.log,
            interrupted: context.interrupted,
          }),
        log: context.log,
        signal: context.signal,
        onJob: (jobs) => {
          context.progress.update({ task: 'jobs', done: jobs, total: null, unit: 'jobs', note: '' });
        },
      });
    } finally {
      await connection.close();
    }
    return { json: {}, text: '', exitCode: exitCodes.interrupted };
  },
};
