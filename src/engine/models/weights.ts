/** Weights between a checkpoint and a store: which tensor of the file is which parameter, and the refusal of any that
 *  does not fit. */
import { FormatError } from '../../base/errors.js';
import type { Device, TensorStore } from '../runtime/device.js';
import { initialValues } from '../nn/init.js';
import type { CheckpointTensor } from './checkpoints/checkpoint.js';
import type { ParameterSpec } from './family.js';

/** Buffers that old checkpoints carry and no model reads. */
const buffers = [
  /(^|\.)(attn|attention)\.(masked_)?bias$/,
  /(^|\.)rotary_emb\.inv_freq$/,
  /(^|\.)embeddings\.(position|token_type)_ids$/,
];

export interface MatchOptions {
  /** 'model.': the body's prefix, which a checkpoint of the bare body leaves out. */
  readonly prefix: string;
  /** The checkpoint, for messages. */
  readonly where: string;
}

/** The tensor of each parameter.
 *  @throws FormatError with the missing, unexpected and misshaped names, unless names and shapes agree exactly */
export function matchWeights(
  specs: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, CheckpointTensor>,
  { prefix, where }: MatchOptions,
): ReadonlyMap<string, CheckpointTensor> {
  const expected = new Map(
    specs.flatMap((spec) =>
      [spec.name, ...(spec.otherName === undefined ? [] : [spec.otherName])].map((name) => [name, spec]),
    ),
  );
  const found = new Map<string, CheckpointTensor>();
  const unexpected: string[] = [];
  const misshaped: string[] = [];
  for (const [name, tensor] of tensors) {
    const target = [name, prefix + name].map(newNormName).find((candidate) => expected.has(candidate));
    const spec = target === undefined ? undefined : expected.get(target);
    if (spec === undefined) {
      if (!buffers.some((pattern) => pattern.test(name))) unexpected.push(name);
    } else if (spec.shape.join() !== tensor.shape.join()) {
      misshaped.push(`${name} [${tensor.shape.join(', ')}], not [${spec.shape.join(', ')}]`);
    } else {
      found.set(spec.name, tensor);
    }
  }
  const missing = specs
    .filter(({ name }) => !found.has(name) && !misshaped.some((text) => isAbout(text, name, prefix)))
    .map(({ name }) => name);
  if (missing.length + unexpected.length + misshaped.length > 0) {
    const parts = [
      ['missing', missing],
      ['unexpected', unexpected],
      ['misshaped', misshaped],
    ] as const;
    throw new FormatError('The weights are not those of the configuration', {
      where,
      expected: `the ${String(specs.length)} tensors that config.json asks for`,
      got: parts
        .filter(([, names]) => names.length > 0)
        .map(([kind, names]) => `${kind}: ${listed(names)}`)
        .join('; '),
      remedy: 'Check that config.json and the weights belong to the same model.',
    });
  }
  return found;
}

/** Checkpoints converted from TensorFlow call the gain of a norm gamma and its bias beta. */
function newNormName(name: string): string {
  return name.replace(/\bLayerNorm\.gamma$/, 'LayerNorm.weight').replace(/\bLayerNorm\.beta$/, 'LayerNorm.bias');
}

/** A wrong configuration misses every tensor there is: the first few tell enough. */
function listed(names: readonly string[]): string {
  const most = 6;
  return names.length <= most
    ? names.join(', ')
    : `${names.slice(0, most).join(', ')} and ${String(names.length - most)} more`;
}

function isAbout(text: string, name: string, prefix: string): boolean {
  return text.startsWith(`${name} `) || prefix + text.slice(0, text.indexOf(' ')) === name;
}

/** Parameters that no checkpoint holds, drawn from a seed. */
export interface NewParameters {
  readonly parameters: readonly ParameterSpec[];
  readonly seed: number;
}

/** A new store with the weights of a checkpoint, read one tensor at a time. */
export async function loadWeights(
  device: Device,
  specs: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, CheckpointTensor>,
  { fresh = null, ...options }: MatchOptions & { readonly fresh?: NewParameters | null },
): Promise<TensorStore> {
  const matched = matchWeights(specs, tensors, options);
  const store = await createWithFresh(device, specs, fresh);
  await writeTensors(device, store, matched);
  return store;
}

/** A new store of zeros, but for the fresh parameters, which are drawn. */
export async function createWithFresh(
  device: Device,
  specs: readonly ParameterSpec[],
  fresh: NewParameters | null,
): Promise<TensorStore> {
  const store = await device.createStore([...specs, ...(fresh?.parameters ?? [])]);
  if (fresh !== null) await drawWeights(device, store, fresh.parameters, fresh.seed);
  return store;
}

/** Tensors of a file to those of the same names in a store; the next is read while the device takes the one before. */
export async function writeTensors(
  device: Device,
  store: TensorStore,
  tensors: ReadonlyMap<string, CheckpointTensor>,
): Promise<void> {
  let written = Promise.resolve();
  for (const [name, tensor] of tensors) {
    const [data] = await Promise.all([tensor.read(), written]);
    written = device.write(store, name, data, { transfer: true });
  }
  await written;
}

/** A new store for a body under a new head: the body from a checkpoint, whatever head that has left out, the rest at
 *  random.
 *  @param head parameters above the body; those whose names begin with the prefix are the checkpoint's where it has
 *    them (BERT's pooler) */
export async function loadBody(
  device: Device,
  { body, head }: { readonly body: readonly ParameterSpec[]; readonly head: readonly ParameterSpec[] },
  tensors: ReadonlyMap<string, CheckpointTensor>,
  { prefix, where, seed }: { readonly prefix: string; readonly where: string; readonly seed: number },
): Promise<TensorStore> {
  const has = ({ name }: ParameterSpec): boolean =>
    name.startsWith(prefix) && (tensors.has(name) || tensors.has(name.slice(prefix.length)));
  const kept = [...body, ...head.filter(has)];
  const names = new Set(kept.map(({ name }) => name));
  const ofBody = [...tensors].filter(([name]) =>
    [name, prefix + name].map(newNormName).some((candidate) => names.has(candidate)),
  );
  const matched = matchWeights(kept, new Map(ofBody), { prefix, where });
  const store = await device.createStore([...body, ...head]);
  await writeTensors(device, store, matched);
  await drawWeights(
    device,
    store,
    head.filter(({ name }) => !names.has(name)),
    seed,
  );
  return store;
}

/** A new store with random weights, the same for the same seed. */
export async function initialiseWeights(
  device: Device,
  specs: readonly ParameterSpec[],
  seed: number,
  fresh: NewParameters | null = null,
): Promise<TensorStore> {
  const store = await createWithFresh(device, specs, fresh);
  await drawWeights(device, store, specs, seed);
  return store;
}

async function drawWeights(
  device: Device,
  store: TensorStore,
  specs: readonly ParameterSpec[],
  seed: number,
): Promise<void> {
  for (const { name, shape, initial } of specs) {
    const length = shape.reduce((product, size) => product * size, 1);
    await device.write(store, name, initialValues(initial, length, { seed, name }), { transfer: true });
  }
}
