/** The run that was started from this page: asked for again while it is in work. */
import { signal } from '@preact/signals';
import type { JobFacts, PlanAnswer, PlanRequest, RecipeFacts } from '../../src/server/runs/protocol.js';
import { ask, jsonBody } from '../shared/ask.js';

interface JobAnswer {
  readonly job: JobFacts | null;
}

export const job = signal<JobFacts | null>(null);
const everyMs = 1500;
let timer: ReturnType<typeof setTimeout> | null = null;

export const askRecipes = (): Promise<readonly RecipeFacts[]> => ask('/api/recipes', {});
export const askPlan = (request: PlanRequest): Promise<PlanAnswer> => ask('/api/plan', jsonBody(request));

export async function startJob(plan: string): Promise<void> {
  take(await ask<JobAnswer>('/api/start', jsonBody({ plan })));
}

export async function stopJob(): Promise<void> {
  take(await ask<JobAnswer>('/api/stop', jsonBody({})));
}

/** Looks whether a run is in work, as another tab may have started one. */
export async function lookAtJob(): Promise<void> {
  try {
    take(await ask<JobAnswer>('/api/job', {}));
  } catch {
    // The mark of the connection says when the server is away; this is asked again.
    again();
  }
}

function take(answer: JobAnswer): void {
  job.value = answer.job;
  if (answer.job !== null && answer.job.state !== 'ended') again();
}

function again(): void {
  if (timer !== null) clearTimeout(timer);
  timer = setTimeout(() => void lookAtJob(), everyMs);
}
