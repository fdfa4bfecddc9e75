/** Writes a model directory in Hugging Face layout, as transformers and Gadfly read it, whole or not at all. */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { invariant } from '../../../base/invariant.js';
import { writeDirectoryAtomically } from './atomicDirectory.js';
import { writeSafetensors, type WrittenTensor, type WrittenType } from './safetensorsWriter.js';

export interface CheckpointContent {
  readonly config: Readonly<Record<string, unknown>>;
  /** Hugging Face names and layouts; taken one at a time. */
  readonly tensors: AsyncIterable<WrittenTensor>;
  /** File name → content: a tokenizer's `files`. */
  readonly tokenizerFiles: ReadonlyMap<string, string>;
  readonly chatTemplate: string | null;
  /** Element type on disk; default f32, which loses nothing. */
  readonly dtype?: WrittenType;
  /** Default 5 GB, as transformers. */
  readonly maxShardBytes?: number;
}

const torchTypes: Readonly<Record<WrittenType, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' };
const defaultShardBytes = 5_000_000_000;

/** Replaces an earlier model in `directory`, nothing else.
 *  @throws ConfigError when `directory` holds something else; ShapeError when a tensor does not fit its shape;
 *    EnvironmentError when the disk is full or refuses. After an error `directory` is as it was. */
export async function writeCheckpoint(directory: string, content: CheckpointContent): Promise<void> {
  const { config, tensors, tokenizerFiles, chatTemplate, dtype = 'f32', maxShardBytes = defaultShardBytes } = content;
  await writeDirectoryAtomically(directory, {
    mayReplace: (names) => names.includes('config.json') && names.every(isModelFile),
    fill: async (temporary) => {
      const writeText = (name: string, text: string): Promise<void> =>
        writeFile(join(temporary, name), text, { flag: 'wx', flush: true });
      const { dtype: _dtype, torch_dtype: _torchType, ...rest } = config;
      await writeText('config.json', configText({ ...rest, torch_dtype: torchTypes[dtype] }));
      for (const [name, text] of tokenizerFiles) {
        invariant(basename(name) === name && isModelFile(name), `${name} is a file of a tokenizer`);
        await writeText(name, text);
      }
      if (chatTemplate !== null) await writeText('chat_template.jinja', chatTemplate);
      await writeSafetensors(temporary, tensors, { dtype, maxShardBytes });
    },
  });
}

/** Fields that transformers refuses to read from an integer. JSON.stringify writes 30.0 as 30. */
const floatField =
  /^( *"(?:(?:attn|final)_logit_softcapping|initializer_range|init_std|(?:rms|layer)_norm_eps(?:ilon)?)": -?\d+)(,?)$/gm;

function configText(config: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(config, null, 2).replace(floatField, '$1.0$2')}\n`;
}

/** The files that make a model directory, by which an earlier model is told from anything else. */
function isModelFile(name: string): boolean {
  return (
    /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$/.test(name) ||
    /^(merges\.txt|vocab\.txt|tokenizer\.model|chat_template\.(jinja|json))$/.test(name) ||
    /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(name)
  );
}
