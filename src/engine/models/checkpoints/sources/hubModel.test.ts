/** Fetching from a hub that cuts connections, lies, runs out of room or keeps its models to itself. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, InterruptedError } from '../../../../base/errors.js';
import { openFakeHub, type FakeHub } from '../testing/fakeHub.js';
import { saveDownload, type FetchProgress } from './download.js';
import { fetchHubModel, findHubModel, type HubModel } from './hubModel.js';

const root = mkdtempSync(join(tmpdir(), 'gadfly-hub-'));
afterAll(() => {
  rmSync(root, { recursive: true });
});

const commit = 'a'.repeat(40);
const weights = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 31 + (i >> 9)) % 251));
const sha256 = createHash('sha256').update(weights).digest('hex');
const text = (content: string): Buffer => Buffer.from(content);
const repositories = {
  'org/big': { commit, files: { 'config.json': text('{}'), 'model.safetensors': weights } },
  'org/sharded': {
    commit,
    files: {
      'config.json': text('{}'),
      'model.safetensors.index.json': text('{"weight_map":{}}'),
      'model-00001-of-00002.safetensors': text('one'),
      'model-00002-of-00002.safetensors': text('two'),
    },
  },
  'org/encoder': {
    commit,
    files: {
      'config.json': text('{}'),
      'model.safetensors': text('body'),
      'vocab.txt': text('[PAD]'),
      'modules.json': text('[]'),
      'special_tokens_map.json': text('{}'),
      'sentence_bert_config.json': text('{}'),
      '1_Pooling/config.json': text('{"pooling_mode_mean_tokens":true}'),
      'onnx/model.onnx': text('twice'),
      'openvino/config.json': text('{}'),
    },
  },
  'org/adapter': {
    commit,
    files: {
      'adapter_config.json': text('{"peft_type":"LORA"}'),
      'adapter_model.safetensors': text('lora'),
      'training_args.bin': text('pickle'),
    },
  },
  'org/pickled-adapter': { commit, files: { 'adapter_config.json': text('{}'), 'adapter_model.bin': text('pickle') } },
};

let hub: FakeHub;
let cacheDir = '';
let count = 0;
beforeEach(() => {
  cacheDir = join(root, `cache${count++}`);
});
afterEach(() => hub.close());

const open = async (token: string | null = null): Promise<void> => {
  hub = await openFakeHub(repositories, token);
};
const model = (repository: string): HubModel => ({ repository, revision: 'main', file: null });
const fetchIt = (
  repository: string,
  {
    token = null,
    progress = [],
    stop,
  }: { token?: string | null; progress?: FetchProgress[]; stop?: AbortController } = {},
): Promise<string> =>
  fetchHubModel(model(repository), {
    cacheDir,
    endpoint: hub.endpoint,
    token,
    answerTimeoutMs: 5000,
    onProgress: (step) => {
      progress.push(step);
      if (step.file === 'model.safetensors') stop?.abort();
    },
    signal: stop?.signal,
  });
const blobs = (repository: string): string => join(cacheDir, `models--${repository.replace('/', '--')}`, 'blobs');
const rangesOf = (): readonly string[] =>
  hub.requests.flatMap(({ atStore, range }) =>
    atStore && range !== undefined && range !== 'bytes=0-0' ? [range] : [],
  );

describe('a cut download', () => {
  it('goes on where it broke off, in the same call', async () => {
    await open();
    hub.overrides.set('model.safetensors', { bytes: 1_200_000, times: 2 });
    const progress: FetchProgress[] = [];
    const path = await fetchIt('org/big', { progress });
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(rangesOf()).toHaveLength(2);
    expect(rangesOf().every((range) => Number(/bytes=(\d+)-/.exec(range)?.[1]) > 0)).toBe(true);
    const received = progress
      .filter(({ file }) => file === 'model.safetensors')
      .map(({ receivedBytes }) => receivedBytes);
    expect(received).toEqual([...received].sort((a, b) => a - b));
    expect(readdirSync(blobs('org/big'))).toContain(sha256);
  });

  it('asked to stop, it breaks off; what came is kept, and the next call goes on with it', async () => {
    await open();
    const stopped = fetchIt('org/big', { stop: new AbortController() });
    await expect(stopped).rejects.toThrow(InterruptedError);
    expect(await findHubModel(model('org/big'), cacheDir)).toBeNull();
    const left = readdirSync(blobs('org/big')).filter((name) => name.endsWith('.incomplete'));
    expect(left).toEqual([`${sha256}.0.incomplete`]);
    const path = await fetchIt('org/big');
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(Number(/bytes=(\d+)-/.exec(rangesOf().at(-1) ?? '')?.[1])).toBeGreaterThan(0);
  });

  it('is kept when the connection stays away, and the next call goes on with it', async () => {
    await open();
    hub.overrides.set('model.safetensors', { bytes: 400_000, times: 3 });
    const failure = fetchIt('org/big');
    await expect(failure).rejects.toThrow(EnvironmentError);
    await expect(failure).rejects.toThrow(/goes on where it broke off/);
    expect(await findHubModel(model('org/big'), cacheDir)).toBeNull();
    const left = readdirSync(blobs('org/big')).filter((name) => name.endsWith('.incomplete'));
    expect(left).toEqual([`${sha256}.0.incomplete`]);
    const { size } = statSync(join(blobs('org/big'), left[0] ?? ''));
    expect(size).toBeGreaterThan(500_000);
    const before = rangesOf().length;
    const path = await fetchIt('org/big');
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
    expect(rangesOf().slice(before)).toEqual([`bytes=${size}-${weights.length - 1}`]);
    expect(readdirSync(blobs('org/big')).filter((name) => name.endsWith('.incomplete'))).toEqual([]);
  });

  it('of a process that was killed is taken over; one of a living process is left alone', async () => {
    await open();
    mkdirSync(blobs('org/big'), { recursive: true });
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(join(blobs('org/big'), `${sha256}.${dead}-0.incomplete`), weights.subarray(0, 1_000_000));
    writeFileSync(join(blobs('org/big'), `${sha256}.${process.ppid}-0.incomplete`), weights.subarray(0, 2_000_000));
    await fetchIt('org/big');
    expect(rangesOf()).toEqual([`bytes=1000000-${weights.length - 1}`]);
    expect(readdirSync(blobs('org/big')).filter((name) => name.endsWith('.incomplete'))).toEqual([
      `${sha256}.${process.ppid}-0.incomplete`,
    ]);
  });

  it('whose beginning is another file is fetched anew, whole', async () => {
    await open();
    mkdirSync(blobs('org/big'), { recursive: true });
    writeFileSync(join(blobs('org/big'), `${sha256}.0.incomplete`), Buffer.alloc(1_000_000, 7));
    const path = await fetchIt('org/big');
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
  });

  it('from a server that knows no ranges is fetched anew, whole', async () => {
    await open();
    hub.overrides.set('model.safetensors', { bytes: 1_200_000, times: 1, ignoresRange: true });
    const path = await fetchIt('org/big');
    expect(readFileSync(join(path, 'model.safetensors')).equals(weights)).toBe(true);
  });
});

describe('what is fetched', () => {
  it('are all shards and their index', async () => {
    await open();
    const path = await fetchIt('org/sharded');
    expect(readdirSync(path).sort()).toEqual(Object.keys(repositories['org/sharded'].files).sort());
    expect(await findHubModel(model('org/sharded'), cacheDir)).toBe(path);
  });

  it('are the files of a sentence encoder, its pooling as well, and no other form of its weights', async () => {
    await open();
    const path = await fetchIt('org/encoder');
    expect(readFileSync(join(path, '1_Pooling/config.json'), 'utf8')).toMatch(/pooling_mode_mean_tokens/);
    const wanted = [
      '1_Pooling',
      'config.json',
      'model.safetensors',
      'modules.json',
      'sentence_bert_config.json',
      'special_tokens_map.json',
      'vocab.txt',
    ];
    expect(readdirSync(path).sort()).toEqual(wanted);
  });

  it('is an adapter, which is found again without the network', async () => {
    await open();
    const path = await fetchIt('org/adapter');
    expect(readdirSync(path).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors']);
    expect(await findHubModel(model('org/adapter'), cacheDir)).toBe(path);
  });

  it('is nothing of a pickled adapter, which is refused by name', async () => {
    await open();
    await expect(fetchIt('org/pickled-adapter')).rejects.toThrow(
      /adapter_model\.bin[\s\S]*pickled ones are not opened/,
    );
  });
});

describe('what the hub or the disk refuses', () => {
  it('a model that needs a token says so, and with a token that may not read it, where to ask', async () => {
    await open('hf_right');
    await expect(fetchIt('org/big')).rejects.toThrow(/set HF_TOKEN/);
    const failure = fetchIt('org/big', { token: 'hf_wrong' });
    await expect(failure).rejects.toThrow(ConfigError);
    await expect(failure).rejects.toThrow(/Ask for access/);
    await expect(failure).rejects.not.toThrow(/hf_wrong/);
  });

  it('a gated file is refused though its repository is listed', async () => {
    await open();
    hub.overrides.set('model.safetensors', 403);
    await expect(fetchIt('org/big')).rejects.toThrow(/no leave to read it/);
    expect(await findHubModel(model('org/big'), cacheDir)).toBeNull();
  });

  it('a file that the disk has no room for is not begun', async () => {
    await open();
    hub.sizes.set('model.safetensors', 1e17);
    await expect(fetchIt('org/big')).rejects.toThrow(/no room for model\.safetensors[\s\S]*--cache/);
    expect(hub.requests.some(({ path }) => path.endsWith('model.safetensors'))).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))('a disk that fills up on the way is an EnvironmentError', async () => {
    await open();
    const body = (): ReadableStream<Uint8Array> => new Blob([new Uint8Array(weights)]).stream();
    const options = {
      label: 'model.safetensors',
      sha256,
      bytes: weights.length,
      maxBytes: weights.length,
      onProgress: null,
      resumes: true,
    };
    await expect(saveDownload(async () => ({ body: body(), bytes: null }), '/dev/full', options)).rejects.toThrow(
      /\/dev\/full[\s\S]*ENOSPC|no space/,
    );
  });
});
