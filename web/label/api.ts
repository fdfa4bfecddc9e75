/** Asks the server of this page. Requests state what is wanted, so that each may be sent again. */
import type { ChoiceRequest, NextRequest, TaskFacts, UndoRequest, View } from '../../src/server/labels/protocol.js';

/** The request that leads to a view: kept until it is answered. */
export type ViewRequest =
  | { readonly path: '/api/next'; readonly body: NextRequest }
  | { readonly path: '/api/choices'; readonly body: ChoiceRequest }
  | { readonly path: '/api/undo'; readonly body: UndoRequest };

export class RequestError extends Error {
  /** HTTP status; null when no answer came. */
  readonly status: number | null;

  constructor(status: number | null, message: string) {
    super(message);
    this.status = status;
  }
}

const token = new URLSearchParams(location.search).get('token') ?? '';

export function askTask(): Promise<TaskFacts> {
  return ask<TaskFacts>('/api/task', {});
}

export function askView({ path, body }: ViewRequest): Promise<View> {
  return ask<View>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

/** The server is of the same package: its answers are what protocol.ts says. */
async function ask<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
  } catch {
    throw new RequestError(null, 'no answer');
  }
  const answer = (await response.json().catch(() => null)) as unknown;
  if (response.ok && answer !== null) return answer as T;
  throw new RequestError(response.status, messageOf(answer) ?? `status ${String(response.status)}`);
}

function messageOf(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null || !('error' in answer)) return null;
  const { error } = answer;
  const isNamed = typeof error === 'object' && error !== null && 'message' in error;
  return isNamed && typeof error.message === 'string' ? error.message : null;
}
