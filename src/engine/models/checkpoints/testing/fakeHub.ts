/** A model hub on the loopback, as far as Gadfly asks one: revision, list of files, contents; large files redirect to
 *  another origin. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeRepository {
  readonly commit: string;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** The next `times` answers end after `bytes` of their body. */
export interface Cut {
  readonly bytes: number;
  times: number;
  /** Whole answers where a part was asked for. */
  readonly ignoresRange?: boolean;
}

export interface FakeRequest {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly atStore: boolean;
}

export interface FakeHub {
  readonly endpoint: string;
  /** Requests to the hub and to the store. */
  readonly requests: readonly FakeRequest[];
  /** Answers with a status, or content, instead of the file, or cuts the connection; by path in the repository. */
  readonly overrides: Map<string, number | Uint8Array | Cut>;
  /** Sizes that the listing claims. */
  readonly sizes: Map<string, number>;
  readonly close: () => Promise<void>;
}

/** @param repositories by 'org/name', or 'org/name@revision' */
export async function openFakeHub(
  repositories: Readonly<Record<string, FakeRepository>>,
  token: string | null = null,
): Promise<FakeHub> {
  const requests: FakeRequest[] = [];
  const overrides = new Map<string, number | Uint8Array | Cut>();
  const sizes = new Map<string, number>();
  const contentOf = (name: string, path: string): number | Uint8Array | undefined => {
    const override = overrides.get(path);
    return override === undefined || isCut(override) ? repositories[name]?.files[path] : override;
  };
  const cutOf = (path: string): Cut | null => {
    const override = overrides.get(path);
    return override !== undefined && isCut(override) ? override : null;
  };
  const note = (request: IncomingMessage, atStore: boolean): string => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    requests.push({ path, authorization: request.headers.authorization, range: request.headers.range, atStore });
    return path;
  };
  const store = await listen((request, response) => {
    const [, name = '', path = ''] = /^\/store\/([^/]+\/[^/]+)\/(.*)$/.exec(note(request, true)) ?? [];
    sendFile(request, response, contentOf(name, path), cutOf(path));
  });
  const hub = await listen((request, response) => {
    const path = note(request, false);
    if (token !== null && request.headers.authorization !== `Bearer ${token}`) return send(response, 401, {});
    const info = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.*)$/.exec(path);
    if (info !== null) {
      const [, name = '', revision = ''] = info;
      const found =
        revision === 'main'
          ? repositories[name]
          : (repositories[`${name}@${revision}`] ?? byCommit(repositories, name, revision));
      return found === undefined
        ? send(response, 404, { error: 'Not found' })
        : send(response, 200, { _id: '1', id: name, sha: found.commit });
    }
    const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([0-9a-f]{40})$/.exec(path);
    if (tree !== null) return send(response, 200, listing(byCommit(repositories, tree[1] ?? '', tree[2] ?? ''), sizes));
    const [, name = '', commit = '', file = ''] = /^\/([^/]+\/[^/]+)\/resolve\/([0-9a-f]{40})\/(.*)$/.exec(path) ?? [];
    const content = byCommit(repositories, name, commit)?.files[file];
    if (content !== undefined && isLarge(file) && typeof overrides.get(file) !== 'number') {
      response.writeHead(302, { location: `http://127.0.0.1:${portOf(store)}/store/${name}/${file}` }).end();
      return;
    }
    const override = overrides.get(file);
    sendFile(request, response, override === undefined || isCut(override) ? content : override, cutOf(file));
  });
  return {
    endpoint: `http://127.0.0.1:${portOf(hub)}`,
    requests,
    overrides,
    sizes,
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

function byCommit(
  repositories: Readonly<Record<string, FakeRepository>>,
  name: string,
  commit: string,
): FakeRepository | undefined {
  return Object.entries(repositories).find(
    ([key, { commit: own }]) => key.split('@')[0] === name && own === commit,
  )?.[1];
}

function isLarge(path: string): boolean {
  return /\.(safetensors|gguf|bin)$/.test(path);
}

function isCut(override: number | Uint8Array | Cut): override is Cut {
  return typeof override === 'object' && 'times' in override;
}

function listing(repository: FakeRepository | undefined, sizes: ReadonlyMap<string, number>): readonly object[] {
  return Object.entries(repository?.files ?? {}).map(([path, content]) => {
    const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
    const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length, pointerSize: 130 };
    return { type: 'file', path, size: sizes.get(path) ?? content.length, oid, ...(isLarge(path) ? { lfs } : {}) };
  });
}

function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: number | Uint8Array | undefined,
  cut: Cut | null,
): void {
  if (typeof content === 'number') return send(response, content, { error: 'no' });
  if (content === undefined) return send(response, 404, {});
  const range =
    cut?.ignoresRange === true && request.headers.range !== 'bytes=0-0'
      ? null
      : /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  const headers = { etag: '"x"', 'content-type': 'application/octet-stream' };
  if (cut !== null && cut.times > 0 && request.headers.range !== 'bytes=0-0') {
    cut.times -= 1;
    const from = Number(range?.[1] ?? 0);
    const status = range === null ? 200 : 206;
    const place = range === null ? {} : { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(status, { ...headers, ...place, 'content-length': content.length - from });
    response.write(content.subarray(from, from + cut.bytes), () => {
      setTimeout(() => {
        response.destroy();
      }, 20);
    });
    return;
  }
  if (range === null) {
    response.writeHead(200, { ...headers, 'content-length': content.length }).end(content);
    return;
  }
  const [start, end] = [Number(range[1]), Math.min(Number(range[2]), content.length - 1)];
  response
    .writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end}/${content.length}` })
    .end(content.subarray(start, end + 1));
}
