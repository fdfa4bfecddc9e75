/** An HTTP server on this machine's loopback address. */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { EnvironmentError } from '../base/errors.js';

export interface Listener {
  readonly port: number;
  /** Takes no further request, ends what is in work, stops listening.
   *  @param endWork called once no further request is taken */
  readonly close: (endWork?: () => Promise<void>) => Promise<void>;
}

export function newToken(): string {
  return `gadfly-${randomBytes(24).toString('base64url')}`;
}

/** @param port 0 is a free one
 *  @throws EnvironmentError when the port is taken or not allowed */
export async function listenOnLoopback(fetch: Hono['fetch'], port: number): Promise<Listener> {
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false, hostname: '127.0.0.1' }) as Server; // HTTP/1: the default.
  await listen(server, port);
  return {
    port: (server.address() as AddressInfo).port, // A listening TCP server has such an address.
    close: async (endWork) => {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      await endWork?.();
      // Answers that are on their way get a moment; a client that reads no further is cut off.
      setTimeout(() => {
        server.closeAllConnections();
      }, 250).unref();
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const got =
        cause.code === 'EADDRINUSE' ? 'it is in use' : cause.code === 'EACCES' ? 'it is not allowed' : cause.message;
      reject(
        new EnvironmentError('the port cannot be opened', {
          where: `127.0.0.1:${port}`,
          got,
          remedy: 'Choose another --port, or 0 for a free one.',
          cause,
        }),
      );
    });
    server.listen(port, '127.0.0.1', () => {
      resolve();
    });
  });
}
