/** For tests: a classifier of a few hundred weights over bytes, drawn at random, and its files. */
import { join } from 'node:path';
import {
  createSequenceClassifier,
  saveSequenceClassifier,
  type SequenceClassifier,
} from '../../../engine/models/sequenceClassifier.js';
import { makeFolder } from '../../../base/makeFolder.js';
import type { Device } from '../../../engine/runtime/device.js';
import { loadTokenizer, type Tokenizer } from '../../../engine/text/tokenizer.js';
import { writeTrainedJudge } from '../trained.js';

/** Every byte a token. */
export function byteTokenizer(): Tokenizer {
  let next = 0x100;
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const vocab = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : next++), byte]),
  );
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return loadTokenizer({
    tokenizerJson: {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      model: { type: 'BPE', vocab, merges: [] },
    },
    tokenizerConfig: {},
  });
}

export function createTinyClassifier(
  device: Device,
  config: Readonly<Record<string, unknown>> = {},
  seed = 1,
): Promise<SequenceClassifier> {
  return createSequenceClassifier(
    device,
    {
      model_type: 'llama',
      vocab_size: 256,
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      max_position_embeddings: 64,
      initializer_range: 0.5,
      id2label: { 0: 'polite', 1: 'rude', 2: 'odd' },
      ...config,
    },
    byteTokenizer(),
    seed,
  );
}

export async function saveTinyClassifier(device: Device, folder: string): Promise<void> {
  const model = await createTinyClassifier(device);
  await saveSequenceClassifier(model, folder);
  await model.close();
}

/** Saves a trained judge of two members that differ by their seeds; harm is `rude` or `odd`. */
export async function saveTinyEnsemble(device: Device, folder: string): Promise<void> {
  const members = ['member-1', 'member-2'];
  for (const [i, member] of members.entries()) {
    makeFolder(join(folder, member));
    const model = await createTinyClassifier(device, {}, i + 1);
    await saveSequenceClassifier(model, join(folder, member));
    await model.close();
  }
  const labels = ['polite', 'rude', 'odd'].map((name) => ({ name, description: name, harmful: name !== 'polite' }));
  writeTrainedJudge(folder, { labels, members, threshold: 0.5 });
}
