/** A Redis of its own for a test, where the machine has one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openQueueConnection, type QueueConnection } from '../../src/queue/connection.js';

export interface TestRedis {
  readonly url: string;
  readonly connect: () => Promise<QueueConnection>;
  readonly close: () => Promise<void>;
}

/** Whether there is a Redis to be had. Says aloud how to get one where there is none. */
export function hasRedis(): boolean {
  if (spawnSync('redis-server', ['--version']).status === 0) return true;
  console.warn('!! THE QUEUE IS NOT TESTED HERE: there is no redis-server (Debian: apt-get install redis-server)');
  return false;
}

/** Starts one on a free port of the loopback, that keeps nothing on the disk. */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'gadfly-redis-'));
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
  const server = spawn('redis-server', [...flags, '--maxmemory-policy', 'noeviction', ...settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await ready(server);
  const url = `redis://127.0.0.1:${String(port)}/0`;
  return {
    url,
    connect: () => openQueueConnection({ url, password: null }),
    close: async () => {
      const ended = new Promise((done) => server.once('exit', done));
      server.kill('SIGKILL');
      await ended;
    },
  };
}

async function ready(server: ChildProcess): Promise<void> {
  let said = '';
  server.stdout?.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  for (let tries = 0; !said.includes('Ready to accept connections'); tries++) {
    if (tries > 200 || server.exitCode !== null) throw new Error(`redis-server does not start: ${said}`);
    await sleep(25);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}
