/** Asks the server of this page, with the token of its address. */

export class RequestError extends Error {
  /** HTTP status; null when no answer came. */
  readonly status: number | null;

  constructor(status: number | null, message: string) {
    super(message);
    this.status = status;
  }
}

const token = new URLSearchParams(location.search).get('token') ?? '';

/** Sends a request and returns the response, whatever its status. @throws RequestError when no answer came */
export async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
  } catch {
    throw new RequestError(null, 'no answer');
  }
}

/** Returns an address of the server that a link may lead to: it bears the token. */
export function withToken(path: string, parameters: Readonly<Record<string, string>>): string {
  return `${path}?${new URLSearchParams({ ...parameters, token }).toString()}`;
}

/** Returns what a JSON document is sent with. */
export function jsonBody(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** The server is of the same package: its answers are what its protocol says. @throws RequestError */
export async function ask<T>(path: string, init: RequestInit): Promise<T> {
  const response = await send(path, init);
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
