/** Reading a directory in Hugging Face layout: config.json, model.safetensors (one file, or shards with an index),
 *  tokenizer.json, tokenizer_config.json, generation_config.json and the chat template (its own file, or inside
 *  tokenizer_config.json). Pickled weights are refused: opening one runs whatever code it holds. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ConfigError, FormatError } from '../../../base/errors.js';
import type { Checkpoint, CheckpointTensor, TokenizerFiles } from './checkpoint.js';
import { isRecord, readJsonIfPresent, readTextIfPresent } from './jsonFile.js';
import { readPlainVocabulary } from './plainVocabulary.js';
import { fileError } from './randomAccess.js';
import { refuseQuantised } from './quantised.js';
import { openSafetensors, type SafetensorsFile } from './safetensors.js';

export const shardIndexName = 'model.safetensors.index.json';

/** @throws ConfigError when the directory lacks a needed file, FormatError when a file is not what it claims to be */
export async function openHuggingFace(directory: string): Promise<Checkpoint> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw fileError(directory, 'cannot be listed', cause);
  });
  const config = await readJsonIfPresent(join(directory, 'config.json'));
  if (config === undefined) {
    throw new ConfigError('no config.json: this is not a model directory', {
      where: directory,
      expected: 'config.json, model.safetensors and tokenizer.json',
      got: names.length === 0 ? 'an empty directory' : names.slice(0, 8).join(', '),
      remedy: 'Give the directory that holds the model, or a .gguf file.',
    });
  }
  if (!isRecord(config)) throw new FormatError('not a JSON object', { where: join(directory, 'config.json') });
  const tokenizerFiles = await readTokenizerFiles(directory);
  const chatTemplate = await readChatTemplate(directory, tokenizerFiles?.tokenizerConfig);
  const weights = await openWeights(directory, names);
  try {
    refuseQuantised(weights.tensors, config, directory);
  } catch (error) {
    await weights.close();
    throw error;
  }
  return { source: directory, config, tensors: weights.tensors, tokenizerFiles, chatTemplate, close: weights.close };
}

/** The tokenizer alone of a model directory, for what needs no weights: tokenizer.json, or what plain vocabulary files
 *  make; null when there is neither. */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles | null> {
  const tokenizerConfig = (await readJsonIfPresent(join(directory, 'tokenizer_config.json'))) ?? {};
  const tokenizerJson =
    (await readJsonIfPresent(join(directory, 'tokenizer.json'))) ??
    (await readPlainVocabulary(directory, tokenizerConfig));
  if (tokenizerJson === null) return null;
  const generationConfig = await readJsonIfPresent(join(directory, 'generation_config.json'));
  return { tokenizerJson, tokenizerConfig, ...(generationConfig === undefined ? {} : { generationConfig }) };
}

export async function readChatTemplate(directory: string, tokenizerConfig: unknown): Promise<string | null> {
  const own = await readTextIfPresent(join(directory, 'chat_template.jinja'));
  if (own !== null) return own;
  const embedded = isRecord(tokenizerConfig) ? tokenizerConfig['chat_template'] : undefined;
  if (typeof embedded === 'string') return embedded;
  if (Array.isArray(embedded)) {
    const named: unknown = embedded.find((item: unknown) => isRecord(item) && item['name'] === 'default');
    if (isRecord(named) && typeof named['template'] === 'string') return named['template'];
  }
  return null;
}

async function openWeights(directory: string, names: readonly string[]): Promise<SafetensorsFile> {
  const single = 'model.safetensors';
  if (names.includes(single)) return openSafetensors(join(directory, single));
  if (names.includes(shardIndexName)) return openShards(directory);
  const pickled = names.find(isPickle);
  if (pickled !== undefined) throw pickleError(pickled, directory);
  throw new ConfigError('no weights', {
    where: directory,
    expected: `${single}, or shards with ${shardIndexName}`,
    got: names.slice(0, 12).join(', '),
  });
}

export function isPickle(name: string): boolean {
  return /\.(bin|pt|pth|pkl|ckpt)$/i.test(name);
}

export function pickleError(name: string, directory: string): ConfigError {
  return new ConfigError(`weights only as a pickle (${name}), which runs the code inside it when opened`, {
    where: directory,
    expected: `model.safetensors, or shards with ${shardIndexName}`,
    remedy:
      'Convert it once, if you trust its source: python -c "from transformers import AutoModelForCausalLM as M; ' +
      `M.from_pretrained('${directory}').save_pretrained('${directory}-safetensors')", then copy the tokenizer files.`,
  });
}

async function openShards(directory: string): Promise<SafetensorsFile> {
  const indexPath = join(directory, shardIndexName);
  const placement = parseShardIndex(await readJsonIfPresent(indexPath), indexPath);
  const shards = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => {
    for (const shard of shards.values()) await shard.close();
  };
  try {
    const tensors = new Map<string, CheckpointTensor>();
    for (const [name, shardName] of placement) {
      let shard = shards.get(shardName);
      if (shard === undefined) {
        shard = await openSafetensors(join(directory, shardName));
        shards.set(shardName, shard);
      }
      const tensor = shard.tensors.get(name);
      if (tensor === undefined) {
        throw new FormatError(`tensor "${name}" is not in the shard that the index names`, {
          where: indexPath,
          expected: `in ${shardName}`,
        });
      }
      tensors.set(name, tensor);
    }
    for (const [shardName, shard] of shards) {
      for (const name of shard.tensors.keys()) {
        if (placement.get(name) !== shardName) {
          throw new FormatError(
            `tensor "${name}" of ${shardName} is not in the index, or is there under another shard`,
            { where: indexPath },
          );
        }
      }
    }
    return { tensors, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Tensor name → file name. A shard lies beside its index: a path that leads elsewhere is refused. */
function parseShardIndex(index: unknown, where: string): ReadonlyMap<string, string> {
  const map = isRecord(index) ? index['weight_map'] : undefined;
  if (!isRecord(map)) throw new FormatError('no weight_map', { where });
  return new Map(
    Object.entries(map).map(([name, shardName]): [string, string] => {
      if (typeof shardName !== 'string' || basename(shardName) !== shardName || !shardName.endsWith('.safetensors')) {
        throw new FormatError(`tensor "${name}" has no proper shard name`, {
          where,
          expected: 'the name of a .safetensors file in the same directory',
          got: JSON.stringify(shardName),
        });
      }
      return [name, shardName];
    }),
  );
}
