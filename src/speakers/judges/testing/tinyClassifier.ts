/** For tests: a classifier of a few hundred weights over bytes, drawn at random, and its files. */
import {
  createSequenceClassifier,
  saveSequenceClassifier,
  type SequenceClassifier,
} from '../../../engine/models/sequenceClassifier.js';
import type { Device } from '../../../engine/runtime/device.js';
import { loadTokenizer, type Tokenizer } from '../../../engine/text/tokenizer.js';

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
    1,
  );
}

export async function saveTinyClassifier(device: Device, folder: string): Promise<void> {
  const model = await createTinyClassifier(device);
  await saveSequenceClassifier(model, folder);
  await model.close();
}
