/** An encoder of a few thousand random weights over bytes, as the body of classifiers that learn in seconds. */
import { join } from 'node:path';
import { makeFolder } from '../../src/base/makeFolder.js';
import type { Device } from '../../src/engine/runtime/device.js';
import { createSequenceClassifier, saveSequenceClassifier } from '../../src/engine/models/sequenceClassifier.js';
import { byteTokenizer } from './byteTokenizer.js';
import type { TinyFiles } from './tinyPool.js';

/** Returns the files with the encoder among their models, as `encoder`. */
export async function withTinyEncoder(files: TinyFiles): Promise<TinyFiles> {
  const folder = join(files.folder, 'encoder');
  makeFolder(folder);
  await writeTinyEncoder(files.device, folder);
  return { ...files, models: { ...files.models, encoder: folder } };
}

/** Writes the encoder into a folder. */
export async function writeTinyEncoder(device: Device, folder: string): Promise<void> {
  const config = {
    model_type: 'bert',
    vocab_size: 264,
    hidden_size: 16,
    intermediate_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    initializer_range: 0.2,
  };
  const body = await createSequenceClassifier(device, config, byteTokenizer(), 1);
  await saveSequenceClassifier(body, folder);
  await body.close();
}
