/** For tests: a GPT-2 of a few thousand weights over bytes that has the tokens Yes and No and answers with them: its
 *  last bias points where their embeddings do, so that both are likely after every prompt, and which one depends on the
 *  text. */
import { createLanguageModel, saveLanguageModel, type LanguageModel } from '../../../engine/models/languageModel.js';
import type { Device } from '../../../engine/runtime/device.js';
import { loadTokenizer, type Tokenizer } from '../../../engine/text/tokenizer.js';

const width = 16;
export const answerIds = { Yes: 258, No: 259, end: 263 } as const;

/** @param options.mute neither word is a token */
export function yesNoTokenizer(options: { readonly mute?: boolean } = {}): Tokenizer {
  let next = 0x100;
  const isPrintable = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const vocab = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : next++), byte]),
  );
  const merged = ['Ye', 'ĠY', 'Yes', 'No', 'ĠYe', 'ĠYes', 'ĠNo'];
  const merges = ['Y e', 'Ye s', 'N o', 'Ġ Yes', 'Ġ No'];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return loadTokenizer({
    tokenizerJson: {
      version: '1.0',
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: null,
      decoder: byteLevel,
      added_tokens: [
        {
          id: answerIds.end,
          content: '<|end|>',
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
          special: true,
        },
      ],
      model: {
        type: 'BPE',
        vocab:
          options.mute === true ? vocab : { ...vocab, ...Object.fromEntries(merged.map((text, i) => [text, 256 + i])) },
        merges: options.mute === true ? [] : merges,
      },
    },
    tokenizerConfig: { eos_token: '<|end|>' },
  });
}

/** @param options.numbers digits and the minus sign are likely in the place of both words
 *  @param options.inclined how much more likely Yes is than No, in nats, on average
 *  @param options.contextLength default 512 */
export async function createYesNoModel(
  device: Device,
  options: {
    readonly mute?: boolean;
    readonly shy?: boolean;
    readonly inclined?: number;
    readonly numbers?: boolean;
    readonly contextLength?: number;
  } = {},
): Promise<LanguageModel> {
  const { inclined = 0, contextLength = 512, shy = false, numbers = false } = options;
  const config = {
    model_type: 'gpt2',
    vocab_size: 264,
    n_embd: width,
    n_layer: 1,
    n_head: 2,
    n_positions: contextLength,
    initializer_range: 0.4,
  };
  const model = await createLanguageModel(device, config, yesNoTokenizer(options), 3, { name: 'yes-no' });
  if (shy) return model;
  const embeddings = await device.read(model.weights, 'transformer.wte.weight');
  const bias = await device.read(model.weights, 'transformer.ln_f.bias');
  for (let token = 0; token < 264; token++) embeddings[token * width] = 0;
  if (numbers) for (const byte of Buffer.from('-0123456789')) embeddings[byte * width] = 1;
  else {
    embeddings[answerIds.Yes * width] = 1 + inclined / 10;
    embeddings[answerIds.No * width] = 1;
  }
  bias[0] = 10;
  await device.write(model.weights, 'transformer.wte.weight', embeddings);
  await device.write(model.weights, 'transformer.ln_f.bias', bias);
  return model;
}

export async function saveYesNoModel(device: Device, folder: string): Promise<void> {
  const model = await createYesNoModel(device, { contextLength: 4096, inclined: -8 });
  await saveLanguageModel(model, folder);
  await model.close();
}
