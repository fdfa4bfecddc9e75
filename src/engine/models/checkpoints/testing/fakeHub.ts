/** A model hub on the loopback, as far as Gadfly asks one: revision, list of files, contents; large files redirect to another origin. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepository {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

export interface FakeHub {
  readonly endpoint: string;
  /** Method, path and authorisation of each request, the store's as well. */
  readonly requests: readonly { readonly path: string; readonly authorization: string | undefined; readonly atStore: boolean }[];
  /** Answers with a status, or content, instead of the file; by path in the repository. */
  readonly overrides: Map<string, number | Uint8Array>;
  readonly close: () => Promise<void>;
}

/** @param repositories by 'org/name', or 'org/name@revision' */
export async function openFakeHub(repositories: Readonly<Record<string, FakeRepository>>, token: string | null = null): Promise<FakeHub> {
  const requests: { path: string; authorization: string | undefined; atStore: boolean }[] = [];
  const overrides = new Map<string, number | Uint8Array>();
  const note = (request: IncomingMessage, atStore: boolean): string => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    requests.push({ path, authorization: request.headers.authorization, atStore });
    return path;
  };
  const store = await listen((request, response) => {
    const [, name = '', path = ''] = /^\/store\/([^/]+\/[^/]+)\/(.*)$/.exec(note(request, true)) ?? [];
    sendFile(request, response, overrides.get(path) ?? repositories[name]?.files[path]);
  });
  const hub = await listen((request, response) => {
    const path = note(request, false);
    if (token !== null && request.headers.authorization !== `Bearer ${token}`) return send(response, 401, {});
    const info = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.*)$/.exec(path);
    if (info !== null) {
      const [, name = '', revision = ''] = info;
      const found = revision === 'main' ? repositories[name] : (repositories[`${name}@${revision}`] ?? byCommit(repositories, name, revision));
      return found === undefined ? send(response, 404, { error: 'Not found' }) : send(response, 200, { _id: '1', id: name, sha: found.commit });
    }
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([0-9a-f]{40})$/.exec(path);
    if (tree !== null) return send(response, 200, listing(byCommit(repositories, tree[1] ?? '', tree[2] ?? '')));
    const [, name = '', commit = '', file = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.*)$/.exec(path) ?? [];
    const content = byCommit(repositories, name, commit)?.files[file];
    if (content !== undefined && isLarge(file) && typeof overrides.get(file) !== 'number') {
      response.writeHead(302, { location: `http://127.0.0.1:${portOf(store)}/store/${name}/${file}` }).end();
      return;
    }
    sendFile(request, response, overrides.get(file) ?? content);
  });
  return {
    endpoint: `http://127.0.0.1:${portOf(hub)}`,
    requests,
    overrides,
    close: async () => {
      for (const server of [hub, store]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

export async function listen(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

export function send(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}

function byCommit(repositories: Readonly<Record<string, FakeRepository>>, name: string, commit: string): FakeRepository | undefined {
  return Object.entries(repositories).find(([key, { commit: own }]) => key.split('@')[0] === name && own === commit)?.[1];
}

function isLarge(path: string): boolean {
  return /\.(safetensors|gguf|bin)$/.test(path);
}

function listing(repository: FakeRepository | undefined): readonly object[] {
  return Object.entries(repository?.files ?? {}).map(([path, content]) => {
    const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
    const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 130 };
    return { type: 'file', path, size: content.length, oid, ...(isLarge(path) ? { lfs } : {}) };
  });
}

function sendFile(request: IncomingMessage, response: ServerResponse, content: number | Uint8Array | undefined): void {
  if (typeof content === 'number') return send(response, content, { error: 'no' });
  if (content === undefined) return send(response, 404, {});
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const headers = { etag: '"x"', 'content-type': 'application/octet-stream' };
  if (range === null) {
    response.writeHead(200, { ...headers, 'content-length': content.length }).end(content);
    return;
  }
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]), content.length - 1)];
  response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end}/${content.length}` }).end(content.subarray(start, end + 1));
}
