/** The device: where weights live and programs run. Everything heavy happens in one worker thread, so that progress,
 *  signals and servers on the main thread stay alive; the main thread holds handles. Calls are served in the order in
 *  which they are made. An open device does not keep the process alive when idle. */
import { ConfigError } from '../../base/errors.js';
import type { Graph } from '../tensor/graph.js';
import type { AdamwStep, AdamwStores } from './adamwStep.js';
import type { CacheShape, DecodeOptions, DecodeResult, DecodeRow } from './decodeRow.js';
import type { HostTensor } from './hostTensor.js';
import type { LiveChange, LiveEvent } from './liveRow.js';
import { requireProvider } from './probeProvider.js';
import { programSource } from './programSource.js';
import type { HostTensors, Provider, TensorSpec } from './protocol.js';
import { layOutEntries, type StoreEntry, type TensorStore } from './tensorStore.js';
import { WorkerThread } from './workerThread.js';

export type { AdamwStep, AdamwStores } from './adamwStep.js';
export type { CacheShape, DecodeOptions, DecodeProgress, DecodeResult, DecodeRow } from './decodeRow.js';
export { reviveError, type ErrorRecord } from './errorTransfer.js';
export type { HostTensor } from './hostTensor.js';
export type { LiveChange, LiveEvent, LiveRow, LiveToken } from './liveRow.js';
export type { Provider, TensorSpec } from './protocol.js';
export { plainSampling, type SamplingOptions } from './samplingOptions.js';
export type { StoreEntry, StoredTensor, TensorStore } from './tensorStore.js';
export type { TokenAlternatives } from './topTokens.js';

export interface DeviceOptions {
  /** Threads inside one operation; default 1. */
  readonly threads?: number;
  /** Default 'cpu'. Others are tried in a process of their own first (see probeProvider). One device on webgpu may be
   *  open at a time. */
  readonly provider?: Provider;
  /** Once it is aborted, nothing more is computed: a call that computes ends after its forward or backward pass, and it
   *  and later ones are rejected with InterruptedError. Weights can still be read and written. */
  readonly signal?: AbortSignal | undefined;
}

/** A compiled graph. A handle: the session stays in the worker. */
export interface Program {
  readonly kind: 'program';
  readonly id: number;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** A batch that rows join and leave between its steps (`liveBatch.ts`). */
export interface OpenLiveBatch {
  /** Admits and drops rows, gives every active row its next token, reads some of the prompts that wait. One step at a
   *  time.
   *  @returns at most one event per row */
  readonly step: (change: LiveChange) => Promise<readonly LiveEvent[]>;
  readonly close: () => Promise<void>;
}

export interface CompileOptions {
  /** The store of the graph's parameters; of several, the first that has the name. */
  readonly store?: TensorStore | readonly TensorStore[];
  /** Weights become constants of the program, rearranged for speed; later writes to the store are not seen, and it may
   *  be released. */
  readonly frozen?: boolean;
  /** Names of parameters that a frozen program is fed all the same: their changes are seen, and their store must stay.
   */
  readonly live?: ReadonlySet<string>;
  /** Names of parameters that a frozen program holds in 8 bits where they are matrices of a product; rows of the other
   *  operand are quantized as they come. CPU only. */
  readonly int8?: ReadonlySet<string>;
}

export interface StoreOptions {
  /** A store that will be stepped together with this one (parameters, gradients, moments): they are kept in one memory
   *  while it lasts. */
  readonly beside?: TensorStore;
}

export interface WriteOptions {
  /** Moves the array's buffer to the worker instead of copying it: faster, but the caller's array is empty afterwards.
   */
  readonly transfer?: boolean;
}

export interface Device {
  readonly threads: number;
  readonly provider: Provider;
  /** A store of zeros. @throws EnvironmentError when there is no memory left */
  createStore(entries: readonly StoreEntry[], options?: StoreOptions): Promise<TensorStore>;
  write(store: TensorStore, name: string, data: Float32Array, options?: WriteOptions): Promise<void>;
  read(store: TensorStore, name: string): Promise<Float32Array>;
  /** All tensors at once, in the order and at the offsets of `store.entries`. */
  writeAll(store: TensorStore, data: Float32Array, options?: WriteOptions): Promise<void>;
  readAll(store: TensorStore): Promise<Float32Array>;
  /** @throws ShapeError unless both hold the same names and shapes */
  copy(from: TensorStore, to: TensorStore): Promise<void>;
  fill(store: TensorStore, value: number): Promise<void>;
  /** SHA-256 of all values, hexadecimal. */
  hash(store: TensorStore): Promise<string>;
  /** How often the store's values have changed since it was made. */
  version(store: TensorStore): number;
  /** @throws ConfigError when a parameter is in none of the stores, ShapeError when its shape is another */
  compile(graph: Graph, options?: CompileOptions): Promise<Program>;
  /** @param fetches names of the outputs to return; default all
   *  @throws ShapeError naming an input that is missing or does not fit */
  run(program: Program, feeds: HostTensors, fetches?: readonly string[]): Promise<Record<string, HostTensor>>;
  /** Runs a training program. Outputs `grad:NAME` are added to `gradients`; `rows:NAME:i:ids` with `rows:NAME:i:rows`
   *  are added at rows of NAME; the others are returned. A failed run leaves the gradients undefined. */
  accumulate(program: Program, feeds: HostTensors, gradients: TensorStore): Promise<Record<string, HostTensor>>;
  /** One AdamW step from accumulated gradients, as torch.optim.AdamW after clip_grad_norm_; zeroes the gradients.
   *  @throws EnvironmentError when a gradient is not finite; nothing has changed then */
  adamw(step: AdamwStores<TensorStore> & AdamwStep): Promise<{ readonly gradientNorm: number }>;
  /** Polyak's average: to ← (1 − share) · to + share · from, on the device.
   *  @throws ShapeError unless `to` holds the names and shapes of `from`, ConfigError when `share` is outside [0, 1] */
  average(from: TensorStore, to: TensorStore, share: number): Promise<void>;
  /** The bytes of every token, for stop texts. */
  registerVocabulary(program: Program, tokenBytes: readonly Uint8Array[]): Promise<void>;
  /** Generates for all rows, with a key/value cache; results in the order of the rows. The graph has the inputs and
   *  outputs of decode.ts.
   *  @throws EnvironmentError naming the row whose logits are not finite */
  decode(
    program: Program,
    shape: CacheShape,
    rows: readonly DecodeRow[],
    options?: DecodeOptions,
  ): Promise<readonly DecodeResult[]>;
  /** An empty batch on an inference program.
   *  @param options.soft rows of the soft tokens of all its prompts, for a program that reads them */
  openLiveBatch(program: Program, shape: CacheShape, options?: Pick<DecodeOptions, 'soft'>): Promise<OpenLiveBatch>;
  /** Frees a store (not while a program still reads it) or a program. */
  release(resource: TensorStore | Program): Promise<void>;
  /** Lets pending calls finish and ends the thread. */
  close(): Promise<void>;
  /** Ends the thread at once; pending calls are rejected. */
  terminate(): Promise<void>;
}

/** @throws EnvironmentError with reason and remedy when the provider cannot be used on this machine */
export async function openDevice({ threads = 1, provider = 'cpu', signal }: DeviceOptions = {}): Promise<Device> {
  if (!Number.isInteger(threads) || threads < 1)
    throw new ConfigError('not a number of threads', { expected: 'an integer ≥ 1', got: String(threads) });
  if (provider !== 'cpu') await requireProvider(provider);
  const worker = provider === 'webgpu' ? onlyWebgpuWorker(signal) : new WorkerThread(signal);
  await worker.call('open', { threads, provider });
  return deviceOver(worker, { threads, provider });
}

/** The thread that has sessions on WebGPU. ONNX Runtime has one WebGPU context a process: two threads that use it end
 *  the process. */
let webgpuWorker: WorkerThread | null = null;

function onlyWebgpuWorker(signal: AbortSignal | undefined): WorkerThread {
  if (webgpuWorker?.isOpen === true) {
    throw new ConfigError('a device on webgpu is open already, and a process can have one', {
      remedy: 'Share it, or close it first.',
    });
  }
  webgpuWorker = new WorkerThread(signal);
  return webgpuWorker;
}

function deviceOver(worker: WorkerThread, { threads, provider }: Pick<Device, 'threads' | 'provider'>): Device {
  let nextId = 0;
  const newId = (): number => {
    nextId += 1;
    return nextId;
  };
  const own = new WeakSet<TensorStore | Program>();
  const versions = new WeakMap<TensorStore, number>();
  const changes = (store: TensorStore): void => {
    versions.set(store, (versions.get(store) ?? 0) + 1);
  };
  const idOf = (resource: TensorStore | Program): number => {
    if (!own.has(resource)) throw new ConfigError(`the ${resource.kind} was released, or belongs to another device`);
    return resource.id;
  };
  return {
    threads,
    provider,
    async createStore(entries, { beside } = {}) {
      const store: TensorStore = { kind: 'store', id: newId(), ...layOutEntries(entries) };
      const plain = entries.map(({ name, shape }) => ({ name, shape }));
      await worker.call('createStore', {
        id: store.id,
        entries: plain,
        besideId: beside === undefined ? null : idOf(beside),
      });
      own.add(store);
      return store;
    },
    async write(store, name, data, { transfer = false } = {}) {
      const sent = transfer ? whole(data) : data.slice();
      changes(store);
      await worker.call('write', { storeId: idOf(store), name, data: sent }, { transfer: [sent.buffer] });
    },
    read: async (store, name) => worker.call('read', { storeId: idOf(store), name }),
    async writeAll(store, data, { transfer = false } = {}) {
      const sent = transfer ? whole(data) : data.slice();
      changes(store);
      await worker.call('writeAll', { storeId: idOf(store), data: sent }, { transfer: [sent.buffer] });
    },
    readAll: async (store) => worker.call('readAll', { storeId: idOf(store) }),
    async copy(from, to) {
      changes(to);
      await worker.call('copy', { fromId: idOf(from), toId: idOf(to) });
    },
    async fill(store, value) {
      changes(store);
      await worker.call('fill', { storeId: idOf(store), value });
    },
    version: (store) => versions.get(store) ?? 0,
    hash: async (store) => worker.call('hash', { storeId: idOf(store) }),
    async compile(graph, { store = [], frozen = false, live = new Set<string>(), int8 = new Set<string>() } = {}) {
      if (int8.size > 0 && (!frozen || provider !== 'cpu')) {
        throw new ConfigError('int8 is for frozen programs on the CPU', {
          got: frozen ? `device ${provider}` : 'weights that are fed',
        });
      }
      const stores = 'kind' in store ? [store] : store;
      const source = programSource(graph, stores.map(idOf), { frozen, live, provider, int8 });
      const program: Program = { kind: 'program', id: newId(), inputs: source.inputs, outputs: source.outputs };
      await worker.call('compile', { id: program.id, source }, { transfer: [source.onnx.buffer as ArrayBuffer] });
      own.add(program);
      return program;
    },
    run: async (program, feeds, fetches) =>
      worker.call('run', { programId: idOf(program), feeds: compact(feeds), fetches: fetches ?? null }),
    accumulate: async (program, feeds, gradients) =>
      worker.call('accumulate', { programId: idOf(program), feeds: compact(feeds), gradientsId: idOf(gradients) }),
    async adamw({ parameters, gradients, firstMoment, secondMoment, ...step }) {
      changes(parameters);
      const stores = {
        parameters: idOf(parameters),
        gradients: idOf(gradients),
        firstMoment: idOf(firstMoment),
        secondMoment: idOf(secondMoment),
      };
      return worker.call('adamw', { stores, step });
    },
    async average(from, to, share) {
      changes(to);
      await worker.call('average', { fromId: idOf(from), toId: idOf(to), share });
    },
    async registerVocabulary(program, tokenBytes) {
      await worker.call('registerVocabulary', { programId: idOf(program), tokenBytes });
    },
    decode: async (program, shape, rows, { keep = false, soft, onProgress } = {}) =>
      worker.call(
        'decode',
        { programId: idOf(program), shape, rows, keep, soft: soft === undefined ? null : compactTensor(soft) },
        onProgress === undefined ? {} : { onProgress },
      ),
    async openLiveBatch(program, shape, { soft } = {}) {
      const id = newId();
      await worker.call('openLive', {
        id,
        programId: idOf(program),
        shape,
        soft: soft === undefined ? null : compactTensor(soft),
      });
      return {
        step: (change) => worker.call('stepLive', { id, ...change }),
        close: async () => void (await worker.call('closeLive', { id })),
      };
    },
    async release(resource) {
      await worker.call('release', { kind: resource.kind, id: idOf(resource) });
      own.delete(resource);
    },
    close: () => worker.close(),
    terminate: () => worker.terminate(),
  };
}

/** The array itself when its buffer holds nothing else, else a copy: moving a buffer moves all of it. */
function whole(data: Float32Array): Float32Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
    ? (data as Float32Array<ArrayBuffer>)
    : data.slice();
}

/** Structured clone copies the whole buffer under a view; parts of larger buffers are cut out first. */
function compact(feeds: HostTensors): HostTensors {
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, compactTensor(feed)]));
}

function compactTensor(tensor: HostTensor): HostTensor {
  const { data } = tensor;
  return data.byteLength === data.buffer.byteLength ? tensor : { ...tensor, data: data.slice() };
}
