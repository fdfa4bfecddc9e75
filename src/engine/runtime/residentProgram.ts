/** A program as the worker holds it: an ONNX Runtime session, the tensors its parameters are bound to, and how it is
 *  run. */
import * as ort from 'onnxruntime-node';
import { ConfigError, EnvironmentError, GadflyError, ShapeError } from '../../base/errors.js';
import { evaluateDim } from '../tensor/dimension.js';
import { checkHostTensor, zeroData, type HostTensor } from './hostTensor.js';
import type { HostTensors, ProgramSource, Provider, TensorSpec } from './protocol.js';
import type { StoredWeight } from '../tensor/onnx.js';
import type { KeptContexts } from './keptContexts.js';
import { quantizeColumns, type QuantizedMatrix } from './quantize.js';
import { ortTensor } from './ortTensor.js';
import { viewOf, type ResidentStore, type ResidentTensor } from './residentStore.js';
import { elementCount } from './tensorStore.js';
import { runInPlace, withUnreturnedOutputs, type Tensors } from './unreturnedOutputs.js';

export interface ResidentProgram {
  readonly id: number;
  readonly session: ort.InferenceSession;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Parameters that are fed at every run: those that were not frozen. */
  readonly parameters: readonly ResidentTensor[];
  /** Stores that the program reads at every run. */
  readonly storeIds: readonly number[];
  /** Bytes of each token, once registered. */
  tokenBytes: readonly Uint8Array[] | null;
  /** Contexts that the last decode call has kept. */
  kept: KeptContexts;
}

export interface SessionSettings {
  readonly threads: number;
  readonly provider: Provider;
}

/** @throws ConfigError when a parameter has no tensor in the stores, ShapeError when its shape is another,
 *    EnvironmentError when ONNX Runtime refuses */
export async function compileProgram(
  id: number,
  source: ProgramSource,
  stores: readonly ResidentStore[],
  settings: SessionSettings,
): Promise<ResidentProgram> {
  const bound = new Map(source.parameters.map(({ name, shape }) => [name, bindParameter(name, shape, stores)]));
  const externalData = externalFiles(source.initializers, bound);
  const session = await refusing(
    'compile',
    () =>
      ort.InferenceSession.create(withUnreturnedOutputs(source.onnx), {
        executionProviders: settings.provider === 'cpu' ? ['cpu'] : [settings.provider, 'cpu'],
        intraOpNumThreads: settings.threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        // Plans whole-graph buffers for each new shape: slower for dynamic shapes and a third more memory.
        enableMemPattern: false,
        logSeverityLevel: 4, // what fails is thrown: no second report on stderr
        ...(externalData.length > 0 ? { externalData: [...externalData] } : {}),
      }),
    settings.provider === 'cpu'
      ? undefined
      : `This machine may have no ${settings.provider} that ONNX Runtime can use: try --device cpu.`,
  );
  const frozen = new Set(source.initializers.map(({ parameter }) => parameter));
  const parameters = [...bound.values()].filter(({ name }) => !frozen.has(name));
  const read = stores.filter(({ tensors }) => parameters.some((tensor) => tensors.get(tensor.name) === tensor));
  return {
    id,
    session,
    inputs: source.inputs,
    outputs: source.outputs,
    parameters,
    storeIds: read.map((store) => store.id),
    tokenBytes: null,
    kept: [],
  };
}

/** The bytes behind each initializer: the tensor itself, or what it is in int8. */
function externalFiles(
  weights: readonly StoredWeight[],
  bound: ReadonlyMap<string, ResidentTensor>,
): readonly ort.ExternalDataFileDescription[] {
  const quantized = new Map<string, QuantizedMatrix>();
  return weights.map(({ parameter, form, location, isTransposed }) => {
    const tensor = bound.get(parameter);
    if (tensor === undefined)
      throw new ConfigError('an initializer is no parameter of the graph', { where: parameter });
    if (form === 'f32') return { path: location, data: bytesOf(viewOf(tensor)) };
    const [rows = 0, columns = 0] = isTransposed ? tensor.shape.toReversed() : tensor.shape;
    const matrix = quantized.get(parameter) ?? quantizeColumns(viewOf(tensor), [rows, columns], isTransposed);
    quantized.set(parameter, matrix);
    return { path: location, data: bytesOf(form === 'int8' ? matrix.data : matrix.steps) };
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function bindParameter(name: string, shape: readonly number[], stores: readonly ResidentStore[]): ResidentTensor {
  const tensor = stores.map((store) => store.tensors.get(name)).find((found) => found !== undefined);
  if (tensor === undefined) {
    throw new ConfigError('a parameter of the graph is in none of the stores', {
      where: name,
      remedy: 'Pass the store that holds it to compile.',
    });
  }
  if (tensor.shape.join() !== shape.join()) {
    throw new ShapeError('parameter and stored tensor disagree', {
      where: name,
      expected: `[${shape.join(', ')}]`,
      got: `[${tensor.shape.join(', ')}]`,
    });
  }
  return tensor;
}

/** Runs and returns outputs: all, or those named. */
export async function runProgram(
  program: ResidentProgram,
  feeds: HostTensors,
  fetches: readonly string[] | null,
): Promise<Record<string, HostTensor>> {
  const names = fetches ?? program.outputs.map(({ name }) => name);
  const tensors = bindFeeds(program, feeds);
  const wanted = names.map((name) => outputSpec(program, name));
  const results = await refusing('run', () => program.session.run(tensors, names));
  return Object.fromEntries(
    wanted.map(({ name, dtype }) => {
      const tensor = results[name];
      if (tensor === undefined) throw new EnvironmentError('ONNX Runtime left an output out', { where: name });
      return [name, { dtype, dims: [...tensor.dims], data: tensor.data as HostTensor['data'] }];
    }),
  );
}

/** Runs and writes outputs into the given tensors, without a copy. */
export async function runProgramInPlace(program: ResidentProgram, feeds: Tensors, outputs: Tensors): Promise<void> {
  await refusing('run', () => runInPlace(program.session, feeds, outputs));
}

/** Feeds and parameters as ONNX Runtime takes them. Feeds that the graph does not read are left out.
 *  @throws ShapeError naming the input that is missing, of another type or of another shape */
export function bindFeeds(program: ResidentProgram, feeds: HostTensors): Tensors {
  const sizes: Record<string, number> = {};
  const bound: Record<string, ort.Tensor> = {};
  for (const spec of program.inputs) {
    const feed = feeds[spec.name];
    if (feed === undefined) {
      throw new ShapeError('an input is missing', {
        where: spec.name,
        expected: `${spec.dtype} [${spec.shape.join(', ')}]`,
        got: `inputs ${Object.keys(feeds).join(', ')}`,
      });
    }
    checkFeed(spec, feed, sizes);
    bound[spec.name] = ortTensor(spec.dtype, feed.data, feed.dims);
  }
  return { ...bound, ...bindParameters(program) };
}

/** Views of the weights. Take them anew after stores were created: growing a memory detaches views. */
export function bindParameters(program: ResidentProgram): Record<string, ort.Tensor> {
  return Object.fromEntries(
    program.parameters.map((tensor) => [tensor.name, ortTensor('f32', viewOf(tensor), tensor.shape)]),
  );
}

/** Checks a feed against its declaration; plain symbols must have one size over all inputs, which is noted in `sizes`.
 */
export function checkFeed(spec: TensorSpec, feed: HostTensor, sizes: Record<string, number>): void {
  const expected = `${spec.dtype} [${spec.shape.join(', ')}]`;
  const got = `${feed.dtype} [${feed.dims.join(', ')}]`;
  if (feed.dtype !== spec.dtype || feed.dims.length !== spec.shape.length)
    throw new ShapeError('an input does not fit', { where: spec.name, expected, got });
  checkHostTensor(spec.name, feed);
  spec.shape.forEach((dim, axis) => {
    const size = feed.dims[axis] ?? 0;
    const declared = typeof dim === 'number' ? dim : sizes[dim];
    if (declared !== undefined && declared !== size) {
      throw new ShapeError('an input does not fit', {
        where: spec.name,
        expected: typeof dim === 'number' ? expected : `${expected} with ${dim} = ${declared}`,
        got,
      });
    }
    if (typeof dim === 'string') sizes[dim] = size;
  });
}

/** Sizes of the plain symbols of the inputs. */
export function symbolSizes(program: ResidentProgram, feeds: HostTensors): Record<string, number> {
  const sizes: Record<string, number> = {};
  for (const spec of program.inputs) {
    spec.shape.forEach((dim, axis) => {
      const size = feeds[spec.name]?.dims[axis];
      if (typeof dim === 'string' && size !== undefined) sizes[dim] = size;
    });
  }
  return sizes;
}

/** A tensor for an output to be written to. */
export function allocateOutput(
  spec: TensorSpec,
  sizes: Readonly<Record<string, number>>,
): { readonly tensor: ort.Tensor; readonly host: HostTensor } {
  const dims = spec.shape.map((dim) => evaluateDim(dim, sizes));
  const data = zeroData(spec.dtype, elementCount(spec.name, dims));
  return { tensor: ortTensor(spec.dtype, data, dims), host: { dtype: spec.dtype, dims, data } };
}

export function outputSpec(program: ResidentProgram, name: string): TensorSpec {
  const spec = program.outputs.find((output) => output.name === name);
  if (spec === undefined) {
    throw new ConfigError('the program has no such output', {
      where: name,
      expected: `one of ${program.outputs.map((output) => output.name).join(', ')}`,
    });
  }
  return spec;
}

async function refusing<T>(what: string, action: () => Promise<T>, remedy?: string): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof GadflyError) throw cause;
    throw new EnvironmentError(`ONNX Runtime could not ${what} the program`, {
      got: (cause instanceof Error ? cause.message : String(cause)).trim(),
      cause,
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}
