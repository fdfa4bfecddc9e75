/** Models of the Hugging Face hub, kept in the cache that the Python library shares (blobs, snapshots/COMMIT, refs).
 *  Asking the hub is @huggingface/hub; owned here are the choice of files (no pickle, nothing that is not read), the
 *  checksums, and that a snapshot is only named by its reference once all its files are there. */
import { createHash } from 'node:crypto';
import { access, copyFile, open, readFile, rename, rm, statfs, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ListFileEntry } from '@huggingface/hub';
import { ConfigError, EnvironmentError, FormatError, GadflyError } from '../../../../base/errors.js';
import { makeFolder } from '../../../../base/makeFolder.js';
import { shardIndexName } from '../huggingFace.js';
import { errorCode, fileError } from '../randomAccess.js';
import { fetchWithin, reasonOf, saveDownload, type OnProgress } from './download.js';
import { claimPartialFile } from './partialFile.js';

export interface HubModel {
  /** org/name */
  readonly repository: string;
  /** A branch, tag or commit. */
  readonly revision: string;
  /** A GGUF file of the repository, or null for the Hugging Face layout. */
  readonly file: string | null;
}

export interface HubOptions {
  /** The hub cache: the directory of `models--org--name`. */
  readonly cacheDir: string;
  /** Default https://huggingface.co. */
  readonly endpoint: string;
  readonly token: string | null;
  readonly answerTimeoutMs: number;
  readonly onProgress: OnProgress | null;
  /** Aborting it breaks off the fetch; what came is kept. */
  readonly signal?: AbortSignal | undefined;
}

/** Whether a revision is a whole commit hash, and so cannot move. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Everything but weights: configurations, vocabularies, templates. */
const maxSmallFileBytes = 200_000_000;

/** A snapshot that an earlier fetch completed, without asking the network; null when there is none. */
export async function findHubModel(model: HubModel, cacheDir: string): Promise<string | null> {
  const storage = storageOf(model, cacheDir);
  const commit = isCommit(model.revision)
    ? model.revision
    : await readFile(join(storage, 'refs', model.revision), 'utf8').then(
        (text) => text.trim(),
        () => null,
      );
  if (commit === null || !isCommit(commit)) return null;
  const snapshot = join(storage, 'snapshots', commit);
  if (model.file !== null) return (await exists(join(snapshot, model.file))) ? join(snapshot, model.file) : null;
  const has = (name: string): Promise<boolean> => exists(join(snapshot, name));
  const isModel = (await has('config.json')) && ((await has('model.safetensors')) || (await has(shardIndexName)));
  const isAdapter = (await has('adapter_config.json')) && (await has('adapter_model.safetensors'));
  return (isModel || isAdapter) && !(await has(incompleteMark)) ? snapshot : null;
}

/** Lies in a snapshot while its files are being fetched. */
const incompleteMark = '.incomplete';

/** Fetches the files that are missing.
 *  @returns the path of the snapshot, or of the GGUF file in it
 *  @throws ConfigError when there is no such model or no leave to read it; EnvironmentError when the hub cannot be
 *    reached */
export async function fetchHubModel(model: HubModel, options: HubOptions): Promise<string> {
  const { repository, revision } = model;
  const ask = authorisedFetch(options);
  const shared = { fetch: ask, hubUrl: options.endpoint };
  // Loaded when asked for: most runs never ask the hub.
  const { downloadFile, listFiles, modelInfo } = await import('@huggingface/hub');
  try {
    const { sha } = await modelInfo({ ...shared, name: repository, revision, additionalFields: ['sha'] });
    if (typeof sha !== 'string' || !isCommit(sha))
      throw new FormatError('the hub names no commit', { where: `hf:${repository}` });
    const entries: ListFileEntry[] = [];
    for await (const entry of listFiles({ ...shared, repo: repository, revision: sha, recursive: true }))
      entries.push(entry);
    const wanted = chooseFiles(model, entries);
    const storage = storageOf(model, options.cacheDir);
    const snapshot = join(storage, 'snapshots', sha);
    makeFolder(snapshot);
    const mark = join(snapshot, incompleteMark);
    if (model.file === null && (await findHubModel({ ...model, revision: sha }, options.cacheDir)) === null)
      await writeFile(mark, '');
    for (const entry of wanted) {
      await fetchEntry(entry, { ...options, storage, snapshot }, async (from) => {
        const blob = await downloadFile({ ...shared, repo: repository, path: entry.path, revision: sha });
        if (blob === null)
          throw new EnvironmentError(`the hub lists ${entry.path} but does not have it`, { where: `hf:${repository}` });
        return { body: (from === 0 ? blob : blob.slice(from, entry.size)).stream(), bytes: entry.size };
      });
    }
    await rm(mark, { force: true });
    if (revision !== sha) await writeReference(join(storage, 'refs', revision), sha);
    return model.file === null ? snapshot : join(snapshot, model.file);
  } catch (cause) {
    throw explain(cause, model, options);
  }
}

function storageOf({ repository }: HubModel, cacheDir: string): string {
  return join(cacheDir, `models--${repository.replace('/', '--')}`);
}

/** Weights as they are read: a model's, whole or in shards, and an adapter's. */
const weightFile = /^(model(-\d+-of-\d+)?|adapter_model)\.safetensors$/;
/** Configurations, vocabularies, templates, also those of a sentence encoder's modules ('1_Pooling/config.json'). */
const smallFile = /^([^/]+\.(json|txt|jinja)|\d+_[A-Za-z]+\/config\.json)$/;

/** Only files that are read, and weights only as safetensors or GGUF. */
function chooseFiles({ repository, file }: HubModel, entries: readonly ListFileEntry[]): readonly ListFileEntry[] {
  const files = entries.filter(({ type }) => type === 'file');
  const paths = files.map(({ path }) => path);
  if (file !== null) {
    const entry = files.find(({ path }) => path === file);
    if (entry !== undefined) return [entry];
    throw new ConfigError(`the repository has no ${file}`, {
      where: `hf:${repository}`,
      expected: paths.filter((path) => path.endsWith('.gguf')).join(', ') || 'a GGUF file',
    });
  }
  if (!paths.some((path) => weightFile.test(path))) {
    const ggufs = paths.filter((path) => path.endsWith('.gguf'));
    throw new ConfigError('the repository has no model.safetensors', {
      where: `hf:${repository}`,
      got:
        paths
          .filter((path) => /\.(bin|pt|pth|ckpt|h5|msgpack|onnx|gguf|safetensors)$/.test(path))
          .slice(0, 8)
          .join(', ') || paths.slice(0, 8).join(', '),
      remedy:
        ggufs.length > 0
          ? `Name one of its GGUF files: hf:${repository}/${ggufs[0]}`
          : 'Take a model whose weights are safetensors or GGUF; pickled ones are not opened.',
    });
  }
  return files.filter(({ path, size }) => weightFile.test(path) || (smallFile.test(path) && size <= maxSmallFileBytes));
}

interface Place extends Pick<HubOptions, 'onProgress' | 'signal'> {
  readonly storage: string;
  readonly snapshot: string;
}

async function fetchEntry(
  entry: ListFileEntry,
  { storage, snapshot, onProgress, signal }: Place,
  openBody: Parameters<typeof saveDownload>[0],
): Promise<void> {
  const pointer = join(snapshot, entry.path);
  if (await exists(pointer)) return;
  const etag = entry.lfs?.oid ?? entry.oid;
  if (etag === undefined || !/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(etag))
    throw new FormatError('the hub gives no checksum', { where: entry.path });
  const blob = join(storage, 'blobs', etag);
  if (!(await exists(blob))) {
    makeFolder(dirname(blob));
    await requireSpace(dirname(blob), entry);
    const partial = await claimPartialFile(blob);
    try {
      const { path: label, size: bytes } = entry;
      await saveDownload(openBody, partial.path, {
        label,
        sha256: entry.lfs?.oid ?? null,
        bytes,
        maxBytes: bytes,
        onProgress,
        resumes: true,
        signal,
      });
      if (entry.lfs === undefined) await checkGitHash(partial.path, etag, label);
      await rename(partial.path, blob);
      partial.finish();
    } catch (error) {
      await partial.leave();
      throw error;
    }
  }
  makeFolder(dirname(pointer));
  // Where links are not allowed (Windows without the privilege) the file is copied, as the Python library does.
  await symlink(relative(dirname(pointer), blob), pointer).catch(() => copyFile(blob, pointer));
}

/** Small files are named by git: sha1 of "blob LENGTH\0" and the content. */
async function checkGitHash(path: string, oid: string, label: string): Promise<void> {
  const content = await readFile(path);
  const digest = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  if (digest === oid) return;
  await rm(path);
  throw new EnvironmentError(`${label} is not the expected file`, {
    expected: `git object ${oid}`,
    got: digest,
    remedy: 'Try again.',
  });
}

/** Better said before an hour of fetching than after. */
async function requireSpace(folder: string, { path, size }: ListFileEntry): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= size) return;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
  throw new EnvironmentError(`the disk has no room for ${path}`, {
    where: folder,
    expected: `${gigabytes(size)} free`,
    got: gigabytes(bavail * bsize),
    remedy: 'Make room, or name another place with --cache.',
  });
}

async function writeReference(path: string, commit: string): Promise<void> {
  makeFolder(dirname(path));
  const temporary = `${path}.${commit.slice(0, 8)}.partial`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(commit);
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

/** The token goes to the hub alone, never to the stores that it redirects to. */
function authorisedFetch({ endpoint, token, answerTimeoutMs, signal }: HubOptions): typeof fetch {
  const plain = fetchWithin(answerTimeoutMs, signal);
  const hub = new URL(endpoint).origin;
  return (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (token === null || url.origin !== hub) return plain(input, init);
    const headers = new Headers(init?.headers);
    headers.set('Authorization', `Bearer ${token}`);
    return plain(input, { ...init, headers });
  };
}

function explain(cause: unknown, { repository, revision }: HubModel, { endpoint, token }: HubOptions): Error {
  if (cause instanceof GadflyError) return cause;
  const where = `hf:${repository}${revision === 'main' ? '' : `@${revision}`}`;
  // A HubApiError of the library.
  if (cause instanceof Error && 'statusCode' in cause) {
    const { statusCode } = cause;
    const got = `status ${String(statusCode)} from ${new URL(endpoint).host}`;
    if (statusCode === 404)
      return new ConfigError('no such model or revision', { where, got, remedy: 'Check the name.', cause });
    if (statusCode === 401 || statusCode === 403) {
      const remedy =
        token === null
          ? 'Check the name; for a private or gated model set HF_TOKEN.'
          : 'Ask for access on the page of the model.';
      return new ConfigError('no such model, or no leave to read it', { where, got, remedy, cause });
    }
    return new EnvironmentError('the hub does not answer as it should', {
      where,
      got,
      remedy: 'Try again later.',
      cause,
    });
  }
  if (errorCode(cause) !== null) return fileError(where, 'cannot be kept in the cache', cause);
  return new EnvironmentError('the hub does not answer as it should', {
    where,
    got: reasonOf(cause),
    remedy: 'Check HF_ENDPOINT.',
    cause,
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
