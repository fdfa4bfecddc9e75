/** Weights between a checkpoint and a store: which tensor of the file is which parameter, and the refusal of any that does not fit. */
import { FormatError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import type { Device, TensorStore } from '../runtime/device.js';
import { initialValues } from '../nn/init.js';
import type { CheckpointTensor } from './checkpoints/checkpoint.js';
import type { ParameterSpec } from './family.js';

/** Buffers that old checkpoints carry and no model reads. */
const buffers = [/(^|\.)attn\.(masked_)?bias$/, /(^|\.)rotary_emb\.inv_freq$/];

export interface MatchOptions {
  /** 'model.': the body's prefix, which a checkpoint of the bare body leaves out. */
  readonly prefix: string;
  /** Tensors that may be present but are not read: the copy of a tied head. */
  readonly redundant: readonly string[];
  /** The checkpoint, for messages. */
  readonly where: string;
}

/** The tensor of each parameter.
 *  @throws FormatError with the missing, unexpected and misshaped names, unless names and shapes agree exactly */
export function matchWeights(
  specs: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, CheckpointTensor>,
  { prefix, redundant, where }: MatchOptions,
): ReadonlyMap<string, CheckpointTensor> {
  const expected = new Map(specs.map((spec) => [spec.name, spec]));
  const found = new Map<string, CheckpointTensor>();
  const unexpected: string[] = [];
  const misshaped: string[] = [];
  for (const [name, tensor] of tensors) {
    const target = [name, prefix + name].find((candidate) => expected.has(candidate));
    const spec = target === undefined ? undefined : expected.get(target);
    if (spec === undefined) {
      if (!buffers.some((pattern) => pattern.test(name)) && !redundant.includes(name)) unexpected.push(name);
    } else if (spec.shape.join() !== tensor.shape.join()) {
      misshaped.push(`${name} [${tensor.shape.join(', ')}], not [${spec.shape.join(', ')}]`);
    } else {
      found.set(spec.name, tensor);
    }
  }
  const missing = specs.filter(({ name }) => !found.has(name) && !misshaped.some((text) => isAbout(text, name, prefix))).map(({ name }) => name);
  if (missing.length + unexpected.length + misshaped.length > 0) {
    const parts = [['missing', missing], ['unexpected', unexpected], ['misshaped', misshaped]] as const;
    throw new FormatError('The weights are not those of the configuration', {
      where,
      expected: `the ${String(specs.length)} tensors that config.json asks for`,
      got: parts.filter(([, names]) => names.length > 0).map(([kind, names]) => `${kind}: ${listed(names)}`).join('; '),
      remedy: 'Check that config.json and the weights belong to the same model.',
    });
  }
  return found;
}

/** A wrong configuration misses every tensor there is: the first few tell enough. */
function listed(names: readonly string[]): string {
  const most = 6;
  return names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${String(names.length - most)} more`;
}

function isAbout(text: string, name: string, prefix: string): boolean {
  return text.startsWith(`${name} `) || prefix + text.slice(0, text.indexOf(' ')) === name;
}

/** A new store with the weights of a checkpoint, read one tensor at a time. */
export async function loadWeights(
  device: Device,
  specs: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, CheckpointTensor>,
  options: MatchOptions,
): Promise<TensorStore> {
  const matched = matchWeights(specs, tensors, options);
  const store = await device.createStore(specs);
  for (const { name } of specs) {
    await device.write(store, name, await present(matched.get(name), `${name} was matched`).read(), { transfer: true });
  }
  return store;
}

/** A new store with random weights, the same for the same seed. */
export async function initialiseWeights(device: Device, specs: readonly ParameterSpec[], seed: number): Promise<TensorStore> {
  const store = await device.createStore(specs);
  for (const { name, shape, initial } of specs) {
    const length = shape.reduce((product, size) => product * size, 1);
    await device.write(store, name, initialValues(initial, length, { seed, name }), { transfer: true });
  }
  return store;
}
