/** The models that are measured, as files that every side reads: made once, kept in the cache. */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ConfigError } from '../src/base/errors.js';
import { makeFolder } from '../src/base/makeFolder.js';
import { convertModel } from '../src/cli/convertModel.js';
import { silentProgress } from '../src/cli/progress.js';
import { openCheckpoint } from '../src/engine/models/checkpoints/openCheckpoint.js';
import { resolveModel, resolveSmollm2Wheel } from '../src/engine/models/checkpoints/resolveModel.js';
import { createLanguageModel, saveLanguageModel } from '../src/engine/models/languageModel.js';
import { tokenizerOf, withCheckpoint } from '../src/engine/models/storedModel.js';
import { openDevice } from '../src/engine/runtime/device.js';

type Say = (text: string) => void;

/** GADFLY_CACHE, else gadfly in XDG_CACHE_HOME or ~/.cache. */
export function benchCache(environment: Readonly<Record<string, string | undefined>> = process.env): string {
  const set = (name: string): string | null => (environment[name] === '' ? null : (environment[name] ?? null));
  return set('GADFLY_CACHE') ?? join(set('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'gadfly');
}

/** A folder in Hugging Face layout, float32: peers read no GGUF and compute in the type that is stored, so anything
 *  else is rewritten. */
export async function modelFolder(modelId: string, cacheDir: string, say: Say): Promise<string> {
  const resolved = await resolveModel(modelId, { cacheDir: null, offline: false, onNotice: say });
  if (resolved.kind !== 'local') throw new ConfigError('a remote model cannot be measured', { got: modelId });
  const path = resolve(resolved.path);
  if (!path.toLowerCase().endsWith('.gguf') && (await isFloat32(path))) return path;
  const folder = join(modelsFolder(cacheDir), `${basename(path)}-${fingerprint(path)}`);
  if (existsSync(join(folder, 'config.json'))) return folder;
  say(`The weights are written as float32 to ${folder}, once …`);
  await convertModel(await openCheckpoint(path), folder, 'f32', silentProgress);
  return folder;
}

/** Random weights in GPT-2 small's shape: 12 layers, 768 channels, a vocabulary of 50,257. The tokenizer is
 *  `tokenizerFrom`'s, which speed does not depend on. */
export async function gpt2SmallFolder(tokenizerFrom: string, cacheDir: string, say: Say): Promise<string> {
  const folder = join(modelsFolder(cacheDir), 'gpt2-small-random');
  if (existsSync(join(folder, 'config.json'))) return folder;
  say(`Random weights in GPT-2 small's shape are written to ${folder}, once …`);
  const tokenizer = await withCheckpoint(tokenizerFrom, async (checkpoint) => tokenizerOf(checkpoint));
  const device = await openDevice();
  try {
    const config = { model_type: 'gpt2', n_layer: 12, n_head: 12, n_embd: 768, n_positions: 1024, vocab_size: 50257 };
    await saveLanguageModel(await createLanguageModel(device, config, tokenizer, 0), folder);
  } finally {
    await device.close();
  }
  return folder;
}

/** SmolLM2's GGUF file. */
export function smollm2Gguf(say: Say): Promise<string> {
  return resolveSmollm2Wheel({ cacheDir: null, offline: false, onNotice: say });
}

function modelsFolder(cacheDir: string): string {
  const folder = join(cacheDir, 'bench', 'models');
  makeFolder(folder);
  return folder;
}

/** Another file under the same name is another model. */
function fingerprint(path: string): string {
  const { size, mtimeMs } = statSync(path);
  return createHash('sha256')
    .update(JSON.stringify([path, size, mtimeMs]))
    .digest('hex')
    .slice(0, 12);
}

function isFloat32(path: string): Promise<boolean> {
  return withCheckpoint(path, async ({ tensors }) => [...tensors.values()].every(({ dtype }) => dtype === 'F32'));
}
