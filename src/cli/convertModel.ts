/** Rewrites a checkpoint in Hugging Face layout, tensor by tensor: never more than one in memory. An adapter is merged
 *  into its base. */
import type { Checkpoint } from '../engine/models/checkpoints/checkpoint.js';
import { writeCheckpoint } from '../engine/models/checkpoints/writeCheckpoint.js';
import type { Progress } from './progress.js';

/** Closes the checkpoint. @throws ConfigError, FormatError, EnvironmentError as reading and writing do */
export async function convertModel(
  checkpoint: Checkpoint,
  to: string,
  dtype: 'f32' | 'f16' | 'bf16',
  progress: Progress,
): Promise<{ readonly tensors: number }> {
  try {
    const { tensors, config, tokenizerFiles, chatTemplate } = checkpoint;
    const all = [...tensors.values()];
    const files = new Map<string, string>();
    if (tokenizerFiles !== null) {
      files.set('tokenizer.json', JSON.stringify(tokenizerFiles.tokenizerJson));
      files.set('tokenizer_config.json', JSON.stringify(tokenizerFiles.tokenizerConfig, null, 2));
      if (tokenizerFiles.generationConfig !== undefined)
        files.set('generation_config.json', JSON.stringify(tokenizerFiles.generationConfig, null, 2));
    }
    async function* read() {
      for (const [i, { name, shape, read: readTensor }] of all.entries()) {
        yield { name, shape, data: await readTensor() };
        progress.update({ task: 'convert', done: i + 1, total: all.length, unit: 'tensors' });
      }
    }
    await writeCheckpoint(to, {
      config: withoutQuantisation(config, dtype),
      tensors: read(),
      tokenizerFiles: files,
      chatTemplate,
      dtype,
    });
    return { tensors: all.length };
  } finally {
    await checkpoint.close();
  }
}

function withoutQuantisation(
  config: Readonly<Record<string, unknown>>,
  dtype: 'f32' | 'f16' | 'bf16',
): Record<string, unknown> {
  const { quantization_config: _quantisation, torch_dtype: _torchDtype, ...rest } = config;
  return { ...rest, dtype: { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }[dtype] };
}
