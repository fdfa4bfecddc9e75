/** Shares the dialogues of a run out over workers: what `playJobs` is asked for is cut into parts, each part goes into the
 *  queue, and results come back in order. What cannot be opened elsewhere is played in this process, in the same parts. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { present } from '../../base/invariant.js';
import type { JsonObject } from '../../base/json.js';
import { readAs } from '../../base/readAs.js';
import type { Spending } from '../../base/spending.js';
import { originOf } from '../../dialogue/origins.js';
import type { RolloutCast } from '../../dialogue/rollout/exchange.js';
import { type JobResult, type PlayJobs, playJobsHere, type RolloutJob } from '../../dialogue/rollout/jobs.js';
import { playInParts } from '../../dialogue/rollout/shards.js';
import { mayTravel, receiveResult } from '../../dialogue/rollout/travel.js';
import type { ModelPool } from '../../models/pool.js';
import { judgeOriginSchema, targetOriginSchema } from '../../models/castOrigins.js';
import type { QueueConnection } from '../../queue/connection.js';
import { type JobQueue, openJobQueue } from '../../queue/jobQueue.js';
import { queueVersion } from '../../queue/notices.js';
import { packageVersion } from '../../runs/manifest.js';
import type { RunDirectory } from '../../runs/runDirectory.js';
import { openWeightStore, type WeightStore } from '../../runs/weightStore.js';
import { castSchema, rolloutAnswer, type RolloutAnswer, type SharedCast, type RunPlan } from './messages.js';
import type { SharedRun, SharedRunOptions } from './sharing.js';

/** An open queue and the folder of weights; null is `store` in the folder of the run. */
export interface QueueAndStore {
  readonly connection: QueueConnection;
  readonly store: string | null;
}

/** Announces the run. @throws EnvironmentError when the queue is lost */
export async function shareRun(
  sharing: QueueAndStore & { /** Per job. */ readonly dialogues: number },
  options: SharedRunOptions,
): Promise<SharedRun> {
  const { run, pool, note } = options;
  const store = openWeightStore(sharing.store ?? join(run.path, 'store'));
  const { createdAt, name, seed } = run.manifest;
  const plan = await planOf(pool, run, store);
  const queue = await openJobQueue(sharing.connection, {
    notice: {
      schema: queueVersion,
      version: packageVersion(),
      run: createHash('sha256')
        .update(JSON.stringify([run.path, createdAt, name, seed]))
        .digest('hex')
        .slice(0, 32),
      name,
      plan: JSON.parse(JSON.stringify(plan)) as JsonObject,
    },
    note,
  });
  note(`work is shared out at ${sharing.connection.where}: start workers with \`gadfly worker --queue ADDRESS\``);
  return {
    playJobs: playThrough(queue, { ...options, store, dialogues: sharing.dialogues }),
    close: async (isDone) => {
      await queue.close(isDone);
      if (isDone && sharing.store === null) rmSync(store.folder, { recursive: true, force: true });
    },
  };
}

/** Returns what jobs have in common, with what workers must have: one that has not takes no job. */
export async function planOf(
  pool: ModelPool,
  { path, manifest: { configuration, source } }: Pick<RunDirectory, 'path' | 'manifest'>,
  store: WeightStore,
): Promise<RunPlan> {
  const [target, judge] = [originOf(await pool.target()), originOf(await pool.judge(pool.recipe.judge))];
  return {
    kind: 'run',
    configuration,
    source: { ...source },
    store: store.folder,
    target: target === null ? null : readAs(targetOriginSchema, await target.describe(store.put), path),
    judge: judge === null ? null : readAs(judgeOriginSchema, await judge.describe(store.put), path),
  };
}

export interface ThroughOptions extends Pick<SharedRunOptions, 'limits' | 'onProgress'> {
  readonly run: Pick<RunDirectory, 'spending'>;
  readonly store: Pick<WeightStore, 'put' | 'remove'>;
  /** Per job. */
  readonly dialogues: number;
}

/** Plays through a queue that is open. */
export function playThrough(queue: Pick<JobQueue, 'play'>, options: ThroughOptions): PlayJobs {
  return playInParts(options.dialogues, partsPlayer(queue, options));
}

function partsPlayer(queue: Pick<JobQueue, 'play'>, parts: ThroughOptions): Parameters<typeof playInParts>[1] {
  /** Weights that jobs have been given, which no job will need again once others are there. */
  let current: readonly string[] = [];
  return async <Job extends RolloutJob>(
    jobs: readonly Job[],
    cast: RolloutCast,
    onPart: (result: JobResult<Job>, index: number) => Promise<void>,
  ) => {
    const published: string[] = [];
    const described = jobs.every(mayTravel)
      ? await describeCast(cast, async (write) => {
          const id = await parts.store.put(write);
          published.push(id);
          return id;
        })
      : null;
    if (described === null) {
      await playJobsHere(jobs, cast, onPart);
      return;
    }
    if (published.length > 0) {
      for (const id of current) if (!published.includes(id)) parts.store.remove(id);
      current = published;
    }
    await queue.play(
      jobs.map((job) => ({ kind: 'rollout', cast: described, job })),
      {
        mayGoOn: parts.limits.mayGoOn,
        onProgress: (progress) => {
          parts.onProgress({ ...progress, total: jobs.length });
        },
        onResult: async (value, index) => {
          const where = `the queue, part ${String(index)}`;
          const answer = readAs(rolloutAnswer, value, where);
          const asked = present(jobs[index], 'a job of each result');
          const result = receiveResult(answer.dialogues, asked, where);
          countWork(answer, cast, parts.run.spending);
          await onPart(result, index);
        },
      },
    );
  };
}

/** Returns null where one of them cannot be opened elsewhere. */
async function describeCast(
  { adversary, target, judge, reward, targetTexts, stopWhen }: RolloutCast,
  publish: WeightStore['put'],
): Promise<SharedCast | null> {
  const origins = [originOf(adversary), originOf(target), originOf(judge)];
  const [ofAdversary = null, ofTarget = null, ofJudge = null] = origins;
  if (ofAdversary === null || ofTarget === null || ofJudge === null) return null;
  return readAs(
    castSchema,
    {
      adversary: await ofAdversary.describe(publish),
      target: await ofTarget.describe(publish),
      judge: await ofJudge.describe(publish),
      reward: { ...reward },
      ...(targetTexts === undefined ? {} : { targetTexts: [...targetTexts] }),
      ...(stopWhen === undefined ? {} : { stopWhen: [...stopWhen] }),
    },
    'the cast of a rollout',
  );
}

function countWork(
  { spent, counts }: RolloutAnswer,
  { adversary, target, judge }: RolloutCast,
  spending: Spending,
): void {
  spending.add(spent);
  originOf(adversary)?.countElsewhere?.(counts.adversary);
  originOf(target)?.countElsewhere?.(counts.target);
  originOf(judge)?.countElsewhere?.(counts.judge);
}
