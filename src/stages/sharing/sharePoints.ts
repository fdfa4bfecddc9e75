/** Shares the points of a sweep out over workers. A point that fails is noted, and the others go on. */
import { createHash } from 'node:crypto';
import { present } from '../../base/invariant.js';
import { readAs } from '../../base/readAs.js';
import { openJobQueue } from '../../queue/jobQueue.js';
import { queueVersion } from '../../queue/notices.js';
import type { SweepPointState } from '../../report/sweepFile.js';
import { packageVersion } from '../../runs/manifest.js';
import { pointAnswer, type PointMessage } from './messages.js';
import type { QueueAndStore } from './shareRun.js';
import type { PointsToShare } from './sharing.js';

/** @throws EnvironmentError when the queue is lost, whatever `mayGoOn` throws */
export async function playPointsElsewhere(
  { connection }: Pick<QueueAndStore, 'connection'>,
  options: PointsToShare,
): Promise<void> {
  const { folder, file, points, shard, note, mayGoOn, onProgress, onOutcome } = options;
  const queue = await openJobQueue(connection, {
    notice: {
      schema: queueVersion,
      version: packageVersion(),
      run: createHash('sha256')
        .update(JSON.stringify([folder, file.createdAt]))
        .digest('hex')
        .slice(0, 32),
      name: file.name,
      plan: { kind: 'sweep', folder },
    },
    note,
  });
  note(`points are shared out at ${connection.where}: start workers with \`gadfly worker --queue ADDRESS\``);
  const pointAt = (index: number): SweepPointState => present(points[index], 'a point of each job');
  let isDone = false;
  try {
    const jobs = points.map(({ name }): PointMessage => ({ kind: 'point', name, shard, session: file.updatedAt }));
    await queue.play(jobs, {
      mayGoOn,
      onProgress: (progress) => {
        onProgress({ ...progress, total: points.length });
      },
      onResult: async (value, index) => {
        onOutcome(pointAt(index), readAs(pointAnswer, value, 'a result of the queue'));
      },
      onFailed: async (reason, index) => {
        onOutcome(pointAt(index), { status: 'failed', reason });
      },
    });
    isDone = true;
  } finally {
    await queue.close(isDone);
  }
}
