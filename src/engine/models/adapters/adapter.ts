/** An adapter with its numbers on a device. */
import type { Device } from '../../runtime/device.js';
import type { TensorStore } from '../../runtime/tensorStore.js';
import { initialiseWeights, type NewParameters, writeTensors } from '../weights.js';
import {
  type AdaptedBody,
  type AdapterPlan,
  highName,
  type LoraConfig,
  lowName,
  mergedWeight,
  planAdapter,
  planOn,
  linearMaps,
} from './lora.js';
import { openPeft, peftMaps, writePeft } from './peftFolder.js';

export interface Adapter extends AdapterPlan {
  /** lora_A and lora_B of every map, and what else is trained in place of the base's own: a classifier's head. */
  readonly weights: TensorStore;
  /** The base that it changes, as a reader of the adapter alone would find it: a path or a model id. */
  readonly base: string;
}

/** A new adapter, with which the model is what it was: B is zero. The same for the same seed.
 *  @param options.fresh further parameters that are trained with it, in its store but no part of it
 *  @throws ConfigError for a pattern that meets no linear map */
export async function createAdapter(
  device: Device,
  body: AdaptedBody,
  config: LoraConfig,
  { seed, base, fresh = null }: { readonly seed: number; readonly base: string; readonly fresh?: NewParameters | null },
): Promise<Adapter> {
  const plan = planAdapter(body, config, 'targetModules');
  return { ...plan, base, weights: await initialiseWeights(device, plan.parameters, seed, fresh) };
}

/** An adapter of a PEFT folder, for a model that is open.
 *  @throws ConfigError for what PEFT can do and we cannot, FormatError when it is of another model */
export async function openAdapter(device: Device, body: AdaptedBody, folder: string): Promise<Adapter> {
  const file = await openPeft(folder);
  try {
    const known = linearMaps(body);
    const plan = planOn(peftMaps(file, known), known, file.config);
    const weights = await device.createStore(plan.parameters);
    await writeTensors(device, weights, file.tensors);
    return { ...plan, base: file.config.base ?? '', weights };
  } finally {
    await file.close();
  }
}

/** Writes a PEFT folder, float32. */
export async function saveAdapter(
  device: Device,
  { config, maps, parameters, weights, base }: Adapter,
  folder: string,
): Promise<void> {
  await writePeft(folder, {
    config,
    base,
    whole: parameters.map(({ name }) => name).filter((name) => !/\.lora_[AB]\.weight$/.test(name)),
    maps: [...maps.keys()],
    hasInOut: [...maps.values()].some(({ layout }) => layout === 'inOut'),
    tensors: (async function* () {
      for (const { name, shape } of parameters) yield { name, shape, data: await device.read(weights, name) };
    })(),
  });
}

/** A parameter of the base with the adapter merged into it, or the adapter's own of that name. */
export async function readMerged(
  device: Device,
  base: TensorStore,
  name: string,
  adapter: Adapter | null,
): Promise<Float32Array> {
  if (adapter?.weights.entries.has(name) === true) return device.read(adapter.weights, name);
  const weight = await device.read(base, name);
  const map = name.replace(/\.weight$/, '');
  const sizes = adapter?.maps.get(map);
  if (adapter === null || sizes === undefined || map === name) return weight;
  const [low, high] = [
    await device.read(adapter.weights, lowName(map)),
    await device.read(adapter.weights, highName(map)),
  ];
  return mergedWeight(weight, { low, high, scale: adapter.scale }, sizes);
}
