/** Opens a model at rest, whatever its format: a directory in Hugging Face layout, a PEFT adapter with its base, or a
 *  GGUF file. */
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { ConfigError } from '../../../base/errors.js';
import { openAdapterCheckpoint, type ResolveBase } from '../adapters/adapterCheckpoint.js';
import { isPeftFolder } from '../adapters/peftFolder.js';
import type { Checkpoint } from './checkpoint.js';
import { openGguf } from './gguf.js';
import { isPickle, openHuggingFace, pickleError } from './huggingFace.js';
import { fileError } from './randomAccess.js';

/** @param path a model directory, a directory with adapter_config.json, or a .gguf file
 *  @param resolveBase how the base of an adapter is found; default: as the environment says
 *  @throws ConfigError when there is no model, FormatError when a file of it is malformed, EnvironmentError when the
 *    disk refuses */
export async function openCheckpoint(path: string, resolveBase?: ResolveBase): Promise<Checkpoint> {
  const status = await stat(path).catch((cause: unknown) => {
    throw fileError(path, 'cannot be examined', cause);
  });
  if (status.isDirectory() && isPeftFolder(path))
    return openAdapterCheckpoint(path, (base) => openCheckpoint(base, resolveBase), resolveBase);
  if (status.isDirectory()) return openHuggingFace(path);
  if (path.toLowerCase().endsWith('.gguf')) return openGguf(path);
  if (isPickle(path)) throw pickleError(basename(path), dirname(path));
  throw new ConfigError('not a model', {
    where: path,
    expected: 'a directory with config.json and model.safetensors, or a .gguf file',
    remedy: /\.(safetensors|json)$/.test(path) ? 'Give the directory that holds it.' : 'Check the path.',
  });
}
