/** Finds the files and models of a recipe on this machine, and owns the one way to open a model on the device. */
import { isAbsolute, join } from 'node:path';
import { ConfigError } from '../base/errors.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import { type LanguageModel, type NewValueHead, openLanguageModel } from '../engine/models/languageModel.js';
import type { Device } from '../engine/runtime/device.js';

export interface ModelSourceOptions {
  /** Folder that relative paths of the recipe start from. */
  readonly folder: string;
  /** Folder for fetched models; null for the standard places. */
  readonly cacheDir: string | null;
  readonly offline: boolean;
  readonly onFetch?: Parameters<typeof resolveModel>[1]['onProgress'];
  /** Aborting it breaks off a fetch. */
  readonly signal?: AbortSignal;
  /** Model folders that the calling program supplies, by the name that the recipe uses for them. */
  readonly models?: Readonly<Record<string, string>>;
}

export interface ModelSource {
  readonly device: () => Promise<Device>;
  /** Returns a path of the recipe as a path of this machine. */
  readonly locate: (path: string) => string;
  /** Returns the file or folder of a model on this machine, fetched where it is not here. */
  readonly modelPath: (modelId: string) => Promise<string>;
  /** Opens a model, which the caller closes. */
  readonly openModel: (
    modelId: string,
    options: {
      readonly trainable: boolean;
      readonly name: string;
      readonly valueHead?: NewValueHead | null;
    },
  ) => Promise<LanguageModel>;
}

export function createModelSource(options: ModelSourceOptions, device: () => Promise<Device>): ModelSource {
  const { folder, cacheDir, offline, onFetch, signal, models = {} } = options;
  const locate = (path: string): string => (isAbsolute(path) ? path : join(folder, path));
  const modelPath = async (modelId: string): Promise<string> => {
    const given = models[modelId];
    if (given !== undefined) return given;
    const resolved = await resolveModel(modelId.startsWith('.') ? locate(modelId) : modelId, {
      cacheDir,
      offline,
      signal,
      ...(onFetch === undefined ? {} : { onProgress: onFetch }),
    });
    if (resolved.kind === 'local') return resolved.path;
    throw new ConfigError('a remote model cannot take this part', {
      got: modelId,
      expected: 'a model on this machine',
    });
  };
  return {
    device,
    locate,
    modelPath,
    openModel: async (modelId, own) =>
      openLanguageModel(await device(), await modelPath(modelId), { ...own, resolveBase: modelPath }),
  };
}
