/** Opens a model by its id, for commands that use a single model. */
import { availableParallelism } from 'node:os';
import { ConfigError } from '../base/errors.js';
import type { Checkpoint } from '../engine/models/checkpoints/checkpoint.js';
import type { ResolveBase } from '../engine/models/adapters/adapterCheckpoint.js';
import { openCheckpoint } from '../engine/models/checkpoints/openCheckpoint.js';
import { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import { openLanguageModel } from '../engine/models/languageModel.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { openDevice } from '../engine/runtime/device.js';
import type { Device } from '../engine/runtime/device.js';
import type { CommandContext } from './command.js';
import { fetchProgress } from './fetchProgress.js';
import { cacheFolder, isOffline } from './modelCache.js';

export function openCommandDevice({ globals }: Pick<CommandContext, 'globals'>): Promise<Device> {
  return openDevice({ threads: globals.threads ?? availableParallelism(), provider: globals.device });
}

/** The path of a local model; fetches it when it is not there yet. @throws ConfigError for remote models */
export async function localModelPath(modelId: string, context: CommandContext, task: string): Promise<string> {
  const { globals, terminal, progress, signal } = context;
  const resolved = await resolveModel(modelId, {
    cacheDir: cacheFolder(globals, terminal.environment),
    offline: isOffline(terminal.environment),
    onProgress: fetchProgress(progress),
    signal,
    onNotice: context.log,
    environment: terminal.environment,
  });
  progress.stop();
  if (resolved.kind === 'local') return resolved.path;
  throw new ConfigError(`${task} needs a model on this machine`, {
    got: modelId,
    remedy: 'Name a folder of a model or an adapter, a .gguf file, hf:org/name, smollm2 or organism.',
  });
}

/** Finds the base of an adapter: the model of `--base`, else the one that the adapter names. */
function baseFinder(context: CommandContext, task: string, base: string | undefined): ResolveBase {
  return (named) => localModelPath(base ?? named, context, task);
}

/** Opens the checkpoint of a model by its id; the base of an adapter is found as other models are.
 *  @param base the model that an adapter goes on, in place of the one that it names */
export async function openLocalCheckpoint(
  modelId: string,
  context: CommandContext,
  task: string,
  base?: string,
): Promise<Checkpoint> {
  return openCheckpoint(await localModelPath(modelId, context, task), baseFinder(context, task, base));
}

/** Opens a model, hands it over, and closes the device whatever happens.
 *  @param base the model that an adapter goes on, in place of the one that it names */
export async function withModel<T>(
  { modelId, base }: ModelChoice,
  context: CommandContext,
  task: string,
  use: (model: LanguageModel) => Promise<T>,
): Promise<T> {
  const path = await localModelPath(modelId, context, task);
  const device = await openCommandDevice(context);
  try {
    return await use(await openLanguageModel(device, path, { resolveBase: baseFinder(context, task, base) }));
  } finally {
    await device.close();
  }
}

/** A model as a command line names it. */
export interface ModelChoice {
  readonly modelId: string;
  readonly base: string | undefined;
}
