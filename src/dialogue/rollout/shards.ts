/** Cuts jobs into smaller ones, and puts their results together again. A dialogue is the same whichever part it is played
 *  in, but for the rounding of kernels that depends on the size of a batch: equal parts give equal bits. */
import type { RolloutCast } from './exchange.js';
import { type JobResult, type PlayJobs, playJobsHere, type RolloutJob } from './jobs.js';

/** Cuts a job into parts of at most `size` prompts. */
export function splitJob<Job extends RolloutJob>(job: Job, size: number): readonly Job[] {
  const seen = new Map<string, number>(Object.entries(job.seen ?? {}));
  const parts: Job[] = [];
  for (let start = 0; start < job.prompts.length; start += size) {
    const prompts = job.prompts.slice(start, start + size);
    const before = prompts.flatMap(({ id }) => {
      const times = seen.get(id);
      return times === undefined ? [] : [[id, times] as const];
    });
    for (const { id } of prompts) seen.set(id, (seen.get(id) ?? 0) + 1);
    parts.push({
      ...job,
      prompts,
      ...(before.length === 0 ? {} : { seen: Object.fromEntries(before) }),
      ...('before' in job && job.before !== undefined ? { before: job.before.slice(start, start + size) } : {}),
    });
  }
  return parts;
}

/** Plays the parts of one list: gives the result of each as soon as those before it are done. */
type PlayParts = <Job extends RolloutJob>(
  parts: readonly Job[],
  cast: RolloutCast,
  onPart: (result: JobResult<Job>, index: number) => Promise<void>,
) => Promise<void>;

/** Returns a way to play jobs that cuts them into parts first. */
export function playInParts(size: number, play: PlayParts): PlayJobs {
  return async <Job extends RolloutJob>(
    jobs: readonly Job[],
    cast: RolloutCast,
    onResult?: (result: JobResult<Job>, index: number) => Promise<void> | void,
  ) => {
    type Item = JobResult<Job>[number];
    const parts = jobs.flatMap((job, index) => splitJob(job, size).map((part) => ({ part, index })));
    const results: Item[][] = jobs.map(() => []);
    let told = 0;
    const tellUpTo = async (end: number): Promise<void> => {
      for (; told < end; told++) await onResult?.(results[told] ?? [], told);
    };
    await play(
      parts.map(({ part }) => part),
      cast,
      async (result, i) => {
        const index = parts[i]?.index ?? 0;
        results[index]?.push(...result);
        await tellUpTo(parts[i + 1]?.index ?? jobs.length);
      },
    );
    await tellUpTo(jobs.length);
    return results as unknown as readonly JobResult<Job>[]; // Parts in order make the whole.
  };
}

/** Plays in this process, in parts of at most `size` prompts. */
export function playPartsHere(size: number): PlayJobs {
  return playInParts(size, async (parts, cast, onPart) => {
    await playJobsHere(parts, cast, onPart);
  });
}
