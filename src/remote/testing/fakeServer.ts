/** A real HTTP server on the loopback that does what a test tells it, request by request. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}

/** @param index of the request, from 0 */
export type Behaviour = (request: Received, response: ServerResponse, index: number) => void;

export interface FakeServer {
  readonly url: string;
  readonly received: readonly Received[];
  /** Most requests that were open at once. */
  readonly mostOpen: () => number;
  readonly close: () => Promise<void>;
}

export async function fakeServer(behaviour: Behaviour): Promise<FakeServer> {
  const received: Received[] = [];
  let [open, mostOpen] = [0, 0];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    open++;
    mostOpen = Math.max(mostOpen, open);
    response.on('close', () => open--);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      const each = {
        path: request.url ?? '',
        headers: request.headers,
        body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>,
      };
      behaviour(each, response, received.push(each) - 1);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    received,
    mostOpen: () => mostOpen,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

export function sendJson(
  response: ServerResponse,
  value: unknown,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

/** Returns the answer of a server of the protocol to a chat. */
export function chatAnswer(text: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    id: 'x',
    object: 'chat.completion',
    model: 'small',
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }],
    usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
    ...changes,
  };
}

/** And to a completion. */
export function completionAnswer(
  text: string,
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    id: 'x',
    object: 'text_completion',
    model: 'small',
    choices: [{ index: 0, finish_reason: 'stop', text }],
    usage: { prompt_tokens: 10, completion_tokens: 3 },
    ...changes,
  };
}
