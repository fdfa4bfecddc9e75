/** A PEFT adapter on disk: adapter_config.json and adapter_model.safetensors, whose tensors are called
 *  base_model.model.MAP.lora_A.weight [rank, in] and …lora_B.weight [out, rank] whatever the layout of the base. */
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, FormatError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { writeDirectoryAtomically } from '../checkpoints/atomicDirectory.js';
import type { CheckpointTensor } from '../checkpoints/checkpoint.js';
import { readJsonIfPresent } from '../checkpoints/jsonFile.js';
import { openSafetensors } from '../checkpoints/safetensors.js';
import { writeSafetensors, type WrittenTensor } from '../checkpoints/safetensorsWriter.js';
import type { LinearSizes } from '../family.js';
import { highName, type LoraConfig, lowName } from './lora.js';
import { parsePeftConfig, type PeftConfig, peftConfigJson } from './peftConfig.js';

const peftConfigName = 'adapter_config.json';
const weightsName = 'adapter_model.safetensors';
const prefix = 'base_model.model.';

export interface PeftFile {
  readonly folder: string;
  readonly config: PeftConfig;
  /** By name without PEFT's prefix. */
  readonly tensors: ReadonlyMap<string, CheckpointTensor>;
  readonly close: () => Promise<void>;
}

export function isPeftFolder(folder: string): boolean {
  return existsSync(join(folder, peftConfigName));
}

/** adapter_config.json alone. */
export async function readPeftConfig(folder: string): Promise<PeftConfig> {
  const path = join(folder, peftConfigName);
  return parsePeftConfig(await readJsonIfPresent(path), path);
}

/** @throws ConfigError for what PEFT can do and we cannot, or when the weights are a pickle; FormatError when the files
 *    are damaged */
export async function openPeft(folder: string): Promise<PeftFile> {
  const config = await readPeftConfig(folder);
  const path = join(folder, weightsName);
  if (!existsSync(path)) {
    const isPickled = existsSync(join(folder, 'adapter_model.bin'));
    throw new ConfigError(
      isPickled ? 'the adapter is a pickle, which runs the code inside it when opened' : 'the adapter has no weights',
      {
        where: folder,
        expected: weightsName,
        ...(isPickled ? { remedy: 'Save it again with a current PEFT, which writes safetensors.' } : {}),
      },
    );
  }
  return { folder, config, ...(await openPeftTensors(folder)) };
}

/** The weights alone, whatever the settings say: for who wrote them. */
export async function openPeftTensors(folder: string): Promise<Pick<PeftFile, 'tensors' | 'close'>> {
  const { tensors, close } = await openSafetensors(join(folder, weightsName));
  return {
    tensors: new Map(
      [...tensors].map(([name, tensor]) => [name.startsWith(prefix) ? name.slice(prefix.length) : name, tensor]),
    ),
    close,
  };
}

/** The tensors of a classifier's head: PEFT takes every module whose name ends like one of those listed. */
export function wholeTensors({ config: { wholeModules }, tensors }: PeftFile): ReadonlyMap<string, CheckpointTensor> {
  const isOfHead = (name: string): boolean =>
    !name.includes('.lora_') && wholeModules.some((module) => name.includes(`${module}.`));
  return new Map([...tensors].filter(([name]) => isOfHead(name)));
}

/** The linear maps that the file has an A and a B for.
 *  @throws ConfigError naming a map or a tensor of a kind that is not supported, FormatError when a tensor is none of
 *    the model's adapters, or of another shape */
export function peftMaps(file: PeftFile, known: ReadonlyMap<string, LinearSizes>): readonly string[] {
  const {
    folder,
    config: { rank },
    tensors,
  } = file;
  const whole = wholeTensors(file);
  const maps = [...known].filter(([name]) => tensors.has(lowName(name)) || tensors.has(highName(name)));
  const expected = new Map(
    maps.flatMap(
      ([name, { inputs, outputs }]) =>
        [
          [lowName(name), [rank, inputs]],
          [highName(name), [outputs, rank]],
        ] as const,
    ),
  );
  const fail = (name: string, want: string, got: string): never => {
    throw new FormatError('the adapter is of another model', {
      where: `${folder}: ${name}`,
      expected: want,
      got,
      remedy: 'Check base_model_name_or_path.',
    });
  };
  for (const [name, { shape }] of tensors) {
    if (expected.has(name) || whole.has(name)) continue;
    const kind = unsupportedKind(name);
    if (kind !== null) throw unsupported(`${folder}: ${name}`, kind, shape);
    fail(name, 'lora_A and lora_B of linear maps of the base', 'a tensor of something else');
  }
  for (const [name, shape] of expected) {
    const got = tensors.get(name);
    if (got?.shape.join() !== shape.join())
      fail(name, `[${shape.join(', ')}]`, got === undefined ? 'no such tensor' : `[${got.shape.join(', ')}]`);
  }
  if (maps.length === 0) fail(weightsName, 'lora_A and lora_B tensors', 'none');
  return maps.map(([name]) => name);
}

/** Says what a tensor is for that no linear map has, in a file of PEFT; null where nothing is known of it. */
function unsupportedKind(name: string): string | null {
  if (/lora_embedding_[AB]$/.test(name)) return 'an adapter on an embedding table';
  if (/^(lm_head|embed_out|score)\.(lora_|base_layer\.)/.test(name)) return 'an adapter on the vocabulary head';
  if (/base_layer\.(weight|bias)$/.test(name)) return 'an adapter on an embedding table or a head';
  if (/lora_B\.bias$/.test(name)) return 'an adapter with biases of its own (lora_bias)';
  if (/(magnitude_vector|token_adapter)/.test(name)) return 'an adapter of another kind (DoRA, trainable tokens)';
  if (/(^|\.)(lm_head|embed_out|embed_tokens|embed_in|wte)\.weight$/.test(name))
    return 'a whole vocabulary table (new tokens, or a table that was trained)';
  return /^[\w.]+\.(weight|bias)$/.test(name) && !/lora_/.test(name) ? 'a whole tensor of the base' : null;
}

function unsupported(where: string, kind: string, shape: readonly number[]): ConfigError {
  return new ConfigError(`${kind} is not supported`, {
    where,
    expected: 'lora_A and lora_B of the linear maps inside the layers alone',
    got: `a tensor [${shape.join(', ')}]`,
    remedy: 'Merge it with PEFT (merge_and_unload), save the tokenizer beside it, and use the merged model.',
  });
}

export function peftTensor({ tensors }: Pick<PeftFile, 'tensors'>, name: string): CheckpointTensor {
  return present(tensors.get(name), `${name} was found`);
}

export interface PeftContent {
  readonly config: LoraConfig;
  readonly base: string;
  readonly maps: readonly string[];
  /** Parameters of the base that the file has whole: a classifier's head. */
  readonly whole: readonly string[];
  /** Some of the maps are GPT-2's Conv1D. */
  readonly hasInOut: boolean;
  /** Without PEFT's prefix. */
  readonly tensors: AsyncIterable<WrittenTensor>;
}

/** Replaces an earlier adapter in `folder`, nothing else. */
export async function writePeft(folder: string, { config, tensors, ...about }: PeftContent): Promise<void> {
  async function* prefixed(): AsyncGenerator<WrittenTensor> {
    for await (const tensor of tensors) yield { ...tensor, name: `${prefix}${tensor.name}` };
  }
  await writeDirectoryAtomically(folder, {
    mayReplace: (names) => names.every((name) => name === peftConfigName || name === weightsName),
    fill: async (temporary) => {
      await writeFile(join(temporary, peftConfigName), `${JSON.stringify(peftConfigJson(config, about), null, 2)}\n`, {
        flag: 'wx',
        flush: true,
      });
      await writeSafetensors(temporary, prefixed(), { dtype: 'f32', maxShardBytes: Infinity });
      await rename(join(temporary, 'model.safetensors'), join(temporary, weightsName));
    },
  });
}
