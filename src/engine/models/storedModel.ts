/** Every kind of model does this with its files: read its tokenizer and configuration, write them back beside the
 *  weights. */
import { ConfigError } from '../../base/errors.js';
import type { Device } from '../runtime/device.js';
import type { TensorStore } from '../runtime/tensorStore.js';
import type { TemplateSpecials } from '../text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../text/tokenizer.js';
import { type Adapter, readMerged } from './adapters/adapter.js';
import type { ResolveBase } from './adapters/adapterCheckpoint.js';
import type { Checkpoint } from './checkpoints/checkpoint.js';
import { openCheckpoint } from './checkpoints/openCheckpoint.js';
import { writeCheckpoint } from './checkpoints/writeCheckpoint.js';
import type { RawConfig } from './configReader.js';
import type { ParameterSpec } from './family.js';

/** Opens `source` where it is a path, and closes what it opened. @param resolveBase how the base of an adapter is found
 */
export async function withCheckpoint<T>(
  source: string | Checkpoint,
  use: (checkpoint: Checkpoint) => Promise<T>,
  resolveBase?: ResolveBase,
): Promise<T> {
  if (typeof source !== 'string') return use(source);
  const checkpoint = await openCheckpoint(source, resolveBase);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** @throws ConfigError when the checkpoint has none */
export function tokenizerOf({ source, config, tokenizerFiles }: Checkpoint): Tokenizer {
  if (tokenizerFiles === null) {
    throw new ConfigError('The model has no tokenizer', {
      where: source,
      expected: 'tokenizer.json beside the weights',
      remedy: 'Add the files of its tokenizer.',
    });
  }
  return loadTokenizer({ ...tokenizerFiles, config });
}

export interface StoredParts {
  /** The configuration with which the model was read or created. */
  readonly raw: RawConfig;
  /** Class name for config.json. */
  readonly className: string;
  readonly device: Device;
  readonly weights: TensorStore;
  /** Merged into the weights. */
  readonly adapter?: Adapter | null;
  readonly specs: readonly ParameterSpec[];
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: string | null;
}

/** Writes a model directory in Hugging Face layout, float32. */
export async function storeModel(
  dir: string,
  { raw, className, device, weights, adapter = null, specs, tokenizer, chatTemplate }: StoredParts,
): Promise<void> {
  async function* tensors(): AsyncGenerator<{
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: Float32Array;
  }> {
    for (const { name, shape } of specs) yield { name, shape, data: await readMerged(device, weights, name, adapter) };
  }
  // Whatever the weights were read from, they are plain numbers now. (writeCheckpoint states their element type.)
  const { quantization_config: _quantization, ...rest } = raw;
  const config = { ...rest, architectures: [className] };
  await writeCheckpoint(dir, {
    config,
    tensors: tensors(),
    tokenizerFiles: tokenizer.files,
    chatTemplate,
    dtype: 'f32',
  });
}

/** The special tokens that chat templates name, as tokenizer_config.json spells them. */
export function specialTexts({ files, bosId, tokenText }: Tokenizer): TemplateSpecials {
  const config = JSON.parse(files.get('tokenizer_config.json') ?? '{}') as Readonly<Record<string, unknown>>;
  const text = (key: string): string | undefined => {
    const token = config[key];
    const content = typeof token === 'object' && token !== null && 'content' in token ? token.content : token;
    return typeof content === 'string' ? content : undefined;
  };
  const named = {
    bosToken: text('bos_token') ?? (bosId === null ? undefined : tokenText(bosId)),
    eosToken: text('eos_token'),
    padToken: text('pad_token'),
    unkToken: text('unk_token'),
  };
  return Object.fromEntries(Object.entries(named).filter(([, content]) => content !== undefined));
}
