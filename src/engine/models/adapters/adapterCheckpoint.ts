/** An adapter folder as a checkpoint: the base that it names, with the adapter merged into each tensor as it is read.
 */
import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { ConfigError, FormatError } from '../../../base/errors.js';
import { present } from '../../../base/invariant.js';
import { architectureOf } from '../all.js';
import type { Checkpoint, CheckpointTensor } from '../checkpoints/checkpoint.js';
import { readChatTemplate, readTokenizerFiles } from '../checkpoints/huggingFace.js';
import { resolveModel } from '../checkpoints/resolveModel.js';
import type { LinearSizes } from '../family.js';
import { highName, linearMaps, lowName, mergedWeight, planOn } from './lora.js';
import { isRecord } from '../checkpoints/jsonFile.js';
import { textBodyOf } from '../textBodyOf.js';
import { openPeft, type PeftFile, peftMaps, wholeTensors, readPeftConfig, peftTensor } from './peftFolder.js';

/** Returns the folder of a base model by its id. */
export type ResolveBase = (modelId: string) => Promise<string>;

/** Asks as the environment says. */
const resolveByEnvironment: ResolveBase = async (modelId) => {
  const resolved = await resolveModel(modelId, { cacheDir: null, offline: false });
  if (resolved.kind === 'local') return resolved.path;
  throw new ConfigError('an adapter goes on a model of this machine', { got: modelId });
};

/** @param openBase opens what the adapter names
 *  @throws ConfigError when the adapter names no base, or one that is not there; FormatError when it is of another
 *    model */
export async function openAdapterCheckpoint(
  folder: string,
  openBase: (path: string) => Promise<Checkpoint>,
  resolveBase: ResolveBase = resolveByEnvironment,
): Promise<Checkpoint> {
  const base = await openBase(await findBase(folder, resolveBase));
  let file: PeftFile | null = null;
  try {
    file = await openPeft(folder);
    const opened = file;
    const tensors = mergedTensors(base, opened);
    const config = configWith(base, opened);
    const tokenizerFiles = (await readTokenizerFiles(folder)) ?? base.tokenizerFiles;
    const chatTemplate = (await readChatTemplate(folder, tokenizerFiles?.tokenizerConfig)) ?? base.chatTemplate;
    const { rank, alpha, rsLora, targetModules } = opened.config;
    return {
      source: folder,
      config,
      tensors,
      tokenizerFiles,
      chatTemplate,
      adapter: { base: base.source, rank, alpha, rsLora, targetModules },
      close: async () => {
        await opened.close();
        await base.close();
      },
    };
  } catch (error) {
    await file?.close();
    await base.close();
    throw error;
  }
}

/** @throws ConfigError naming adapter_config.json when its base is not to be had */
async function findBase(folder: string, resolveBase: ResolveBase): Promise<string> {
  const modelId = await baseModelId(folder);
  try {
    return await resolveBase(modelId);
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new ConfigError('the base of the adapter is not there', {
      where: `${join(folder, 'adapter_config.json')}: base_model_name_or_path`,
      expected: 'a model on this machine, or hf:org/name',
      got: modelId,
      remedy:
        'Say where it is with --base MODEL (score, generate, serve, models), or write the right path or name into adapter_config.json.',
      cause,
    });
  }
}

/** Returns the id of the base: one of our model ids, a path from the adapter or from where we are, or a name of the hub as
 *  PEFT writes it. */
async function baseModelId(folder: string): Promise<string> {
  const { base } = await readPeftConfig(folder);
  if (base === null)
    throw new ConfigError('the adapter names no base', {
      where: join(folder, 'adapter_config.json'),
      expected: 'base_model_name_or_path',
    });
  if (isAbsolute(base) || /^(smollm2$|organism$|\w+:)/.test(base)) return base;
  for (const path of [resolve(folder, base), resolve(base)]) if (existsSync(path)) return path;
  return /^[\w-][\w.-]*\/[\w.-]+$/.test(base) ? `hf:${base}` : base;
}

/** A classifier's adapter brings a head of its own, whose labels the base may not name. */
function configWith({ config, source }: Checkpoint, { config: peft, tensors }: PeftFile): Checkpoint['config'] {
  if (peft.taskType !== 'SEQ_CLS') return config;
  const { className, parameters } = textBodyOf(config, 'body', source).classifier;
  const output = parameters(1).find(({ name, shape }) => shape[0] === 1 && name.endsWith('.weight'));
  const rows = output === undefined ? undefined : tensors.get(output.name)?.shape[0];
  const named = isRecord(config['id2label']) ? Object.keys(config['id2label']).length : null;
  if (rows === undefined || rows === named) return { ...config, architectures: [className] };
  const { id2label: _names, label2id: _indices, ...rest } = config;
  return { ...rest, architectures: [className], num_labels: rows };
}

function mergedTensors(base: Checkpoint, file: PeftFile): ReadonlyMap<string, CheckpointTensor> {
  const isClassifier = file.config.taskType === 'SEQ_CLS';
  const body = isClassifier
    ? textBodyOf(base.config, 'body', base.source)
    : architectureOf(base.config, 'language', base.source);
  const known = linearMaps(body);
  const { maps, scale } = planOn(peftMaps(file, known), known, file.config);
  const tensors = new Map(base.tensors);
  for (const [map, sizes] of maps) {
    const name = [`${map}.weight`, `${map}.weight`.slice(body.prefix.length)].find((candidate) =>
      tensors.has(candidate),
    );
    if (name === undefined)
      throw new FormatError('the base has no weight for the adapter', {
        where: base.source,
        expected: `${map}.weight`,
      });
    const weight = present(tensors.get(name), 'it was found');
    tensors.set(name, { ...weight, read: () => readTensor(weight, file, { map, scale, sizes }) });
  }
  for (const [name, tensor] of wholeTensors(file)) tensors.set(name, tensor);
  return tensors;
}

async function readTensor(
  weight: CheckpointTensor,
  file: PeftFile,
  { map, scale, sizes }: { readonly map: string; readonly scale: number; readonly sizes: LinearSizes },
): Promise<Float32Array> {
  const [low, high] = [await peftTensor(file, lowName(map)).read(), await peftTensor(file, highName(map)).read()];
  return mergedWeight(await weight.read(), { low, high, scale }, sizes);
}
