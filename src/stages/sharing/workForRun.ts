/** The worker's side of a shared run: looks at what the run needs before a job is taken, opens the recipe's models, and
 *  plays dialogues. */
import { ConfigError } from '../../base/errors.js';
import { readAs } from '../../base/readAs.js';
import { createSpending, spentSince, spendingNames, type Totals } from '../../base/spending.js';
import { playJobsHere } from '../../dialogue/rollout/jobs.js';
import { readJob, sendResult } from '../../dialogue/rollout/travel.js';
import { watchUnscored } from '../../dialogue/unscored.js';
import { type OpenCast, openCasts } from '../../models/openCast.js';
import { type ModelPoolOptions, openModelPool } from '../../models/pool.js';
import { queueVersion, type RunNotice } from '../../queue/notices.js';
import { type AcceptedRun, RefusedJob } from '../../queue/queueWorker.js';
import { type LoadedRecipe, recipeOfRun } from '../../recipe/readRecipe.js';
import { packageVersion } from '../../runs/manifest.js';
import { openWeightStore } from '../../runs/weightStore.js';
import { planSchema, rolloutMessage, type RolloutAnswer, type RunPlan } from './messages.js';
import { workForSweep } from './workForSweep.js';

export interface WorkOptions {
  readonly pool: Omit<ModelPoolOptions, 'recipe' | 'folder' | 'runFolder' | 'note' | 'spending' | 'beforeRequest'>;
  /** The folder of the weights of runs on this machine; null: the one that the run says. */
  readonly store: string | null;
  readonly note: (text: string) => void;
  /** True once the user asked the worker to end. */
  readonly interrupted?: (() => boolean) | undefined;
}

/** Looks at a run, or a sweep. @throws ConfigError or FormatError for what this worker would do otherwise than the run's own machine */
export async function workForRun(notice: RunNotice, options: WorkOptions): Promise<AcceptedRun> {
  requireSameVersion(notice);
  const plan = readAs(planSchema, notice.plan, `run ${notice.name}`);
  return plan.kind === 'sweep' ? workForSweep(plan, options) : playFor(plan, notice, options);
}

async function playFor(plan: RunPlan, notice: RunNotice, options: WorkOptions): Promise<AcceptedRun> {
  const loaded: LoadedRecipe = recipeOfRun(plan, `run ${notice.name}`);
  const store = openWeightStore(options.store ?? plan.store);
  const spending = createSpending();
  const pool = openModelPool({
    ...options.pool,
    recipe: loaded.recipe,
    folder: plan.source.folder,
    runFolder: null,
    note: options.note,
    spending,
  });
  const casts = openCasts(pool, store);
  try {
    if (plan.target !== null) await casts.target(plan.target);
    if (plan.judge !== null) await casts.judge(plan.judge);
  } catch (error) {
    await pool.close();
    throw error;
  }
  const open = async (cast: Parameters<typeof casts.open>[0]): Promise<OpenCast> => {
    try {
      return await casts.open(cast);
    } catch (error) {
      throw new RefusedJob(error);
    }
  };
  return {
    play: async (payload) => {
      const where = `a job of ${notice.name}`;
      const { cast, job: asked } = readAs(rolloutMessage, payload, where);
      const job = readJob(asked, where);
      const { adversary, target, judge: opened, ...rest } = await open(cast);
      const judge = watchUnscored(opened, 1, where);
      const before = { spent: spending.total(), adversary: adversary.counts(), target: target.counts() };
      const [result = []] = await playJobsHere([job], { adversary, target, judge, ...rest });
      const answer: RolloutAnswer = {
        dialogues: sendResult(result),
        spent: addedTo(before.spent, spending.total()),
        counts: {
          adversary: grown(before.adversary, adversary.counts()),
          target: grown(before.target, target.counts()),
          judge: { ...judge.counts() },
        },
      };
      return answer; // Numbers, lists and objects.
    },
    close: () => pool.close(),
  };
}

function requireSameVersion({ schema, version, name }: RunNotice): void {
  const own = packageVersion();
  if (schema === queueVersion && version === own) return;
  throw new ConfigError('this run is of another version of gadfly', {
    where: name,
    expected: own,
    got: schema === queueVersion ? version : `${version}, with jobs of form ${String(schema)}`,
    remedy: 'Install the same version for the run and its workers.',
  });
}

/** Time and dollars are not told: the run has its own clock, and no job asks what costs money. */
function addedTo(before: Totals, after: Totals): RolloutAnswer['spent'] {
  const added = spentSince(after, before);
  return Object.fromEntries(
    spendingNames.flatMap((name) =>
      name === 'seconds' || name === 'cost' || added[name] === 0 ? [] : [[name, added[name]]],
    ),
  );
}

function grown(before: object, after: object): Record<string, number> {
  const known = before as Readonly<Record<string, number>>;
  return Object.fromEntries(
    Object.entries(after as Readonly<Record<string, number>>).map(([name, count]) => [
      name,
      count - (known[name] ?? 0),
    ]),
  );
}
