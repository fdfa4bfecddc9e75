/** Dialogues to be played, as pieces of work. A job is a pure function of its prompts, its stream and the
 *  participants: where and when it is played changes nothing. Results are given by index, whatever the order in which
 *  jobs are done. */
import type { RolloutTree, ScoredDialogue } from '../types.js';
import type { RolloutCast } from './exchange.js';
import { type LinearRolloutOptions, rolloutLinear } from './linear.js';
import { type PairedRolloutOptions, rolloutPaired } from './paired.js';

/** Unpaired dialogues: one scored dialogue per prompt. */
export type LinearJob = { readonly kind: 'linear' } & Omit<LinearRolloutOptions, keyof RolloutCast>;
/** Paired rollouts: one tree per prompt. */
export type PairedJob = { readonly kind: 'paired' } & Omit<PairedRolloutOptions, keyof RolloutCast>;
export type RolloutJob = LinearJob | PairedJob;

export type JobResult<Job extends RolloutJob> = readonly (Job extends LinearJob ? ScoredDialogue : RolloutTree)[];

/** Plays jobs and gives their results by index.
 *  @param cast who takes part in all of them
 *  @param onResult is called for every job in the order of the jobs, as soon as those before it are done */
export type PlayJobs = <Job extends RolloutJob>(
  jobs: readonly Job[],
  cast: RolloutCast,
  onResult?: (result: JobResult<Job>, index: number) => Promise<void> | void,
) => Promise<readonly JobResult<Job>[]>;

/** Plays in this process, one job after the other: the dialogues of a job are one batch. */
export const playJobsHere: PlayJobs = async <Job extends RolloutJob>(
  jobs: readonly Job[],
  cast: RolloutCast,
  onResult?: (result: JobResult<Job>, index: number) => Promise<void> | void,
) => {
  const results: JobResult<Job>[] = [];
  for (const [index, job] of jobs.entries()) {
    const result = (await playJob(job, cast)) as JobResult<Job>; // The kind of a job decides the kind of its result.
    await onResult?.(result, index);
    results.push(result);
  }
  return results;
};

function playJob({ kind, ...job }: RolloutJob, cast: RolloutCast): Promise<JobResult<RolloutJob>> {
  return kind === 'linear'
    ? rolloutLinear({ ...(job as Omit<LinearJob, 'kind'>), ...cast })
    : rolloutPaired({ ...(job as Omit<PairedJob, 'kind'>), ...cast });
}
