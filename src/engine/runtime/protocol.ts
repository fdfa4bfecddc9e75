/** Messages between the main thread and the worker. Every call has an entry in `Calls`: its arguments and its
 *  answer. */
import type { DType } from '../tensor/dtype.js';
import type { Shape } from '../tensor/dimension.js';
import type { StoredWeight } from '../tensor/onnx.js';
import type { AdamwStep, AdamwStores } from './adamwStep.js';
import type { CacheShape, DecodeJob, DecodeProgress, DecodeResult } from './decodeRow.js';
import type { ErrorRecord } from './errorTransfer.js';
import type { HostTensor } from './hostTensor.js';
import type { LiveChange, LiveEvent } from './liveRow.js';
import type { StoreEntry } from './tensorStore.js';

export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A graph as the worker needs it: ONNX bytes, and what they expect. */
export interface ProgramSource {
  readonly onnx: Uint8Array;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Stores of the parameters; a name is looked up in order. */
  readonly storeIds: readonly number[];
  /** Parameters that are external initializers, with their files; the others are inputs. */
  readonly initializers: readonly StoredWeight[];
}

export type Provider = 'cpu' | 'webgpu' | 'cuda';
export type HostTensors = Readonly<Record<string, HostTensor>>;

export interface Calls {
  open: { readonly args: { readonly threads: number; readonly provider: Provider }; readonly answer: null };
  createStore: {
    readonly args: { readonly id: number; readonly entries: readonly StoreEntry[]; readonly besideId: number | null };
    readonly answer: null;
  };
  write: {
    readonly args: { readonly storeId: number; readonly name: string; readonly data: Float32Array };
    readonly answer: null;
  };
  read: { readonly args: { readonly storeId: number; readonly name: string }; readonly answer: Float32Array };
  writeAll: { readonly args: { readonly storeId: number; readonly data: Float32Array }; readonly answer: null };
  readAll: { readonly args: { readonly storeId: number }; readonly answer: Float32Array };
  copy: { readonly args: { readonly fromId: number; readonly toId: number }; readonly answer: null };
  fill: { readonly args: { readonly storeId: number; readonly value: number }; readonly answer: null };
  hash: { readonly args: { readonly storeId: number }; readonly answer: string };
  compile: { readonly args: { readonly id: number; readonly source: ProgramSource }; readonly answer: null };
  run: {
    readonly args: {
      readonly programId: number;
      readonly feeds: HostTensors;
      readonly fetches: readonly string[] | null;
    };
    readonly answer: HostTensors;
  };
  accumulate: {
    readonly args: { readonly programId: number; readonly feeds: HostTensors; readonly gradientsId: number };
    readonly answer: HostTensors;
  };
  adamw: {
    readonly args: { readonly stores: AdamwStores<number>; readonly step: AdamwStep };
    readonly answer: { readonly gradientNorm: number };
  };
  average: {
    readonly args: { readonly fromId: number; readonly toId: number; readonly share: number };
    readonly answer: null;
  };
  registerVocabulary: {
    readonly args: { readonly programId: number; readonly tokenBytes: readonly Uint8Array[] };
    readonly answer: null;
  };
  decode: {
    readonly args: { readonly programId: number } & DecodeJob;
    readonly answer: readonly DecodeResult[];
  };
  openLive: {
    readonly args: {
      readonly id: number;
      readonly programId: number;
      readonly shape: CacheShape;
      readonly soft: HostTensor | null;
    };
    readonly answer: null;
  };
  stepLive: { readonly args: { readonly id: number } & LiveChange; readonly answer: readonly LiveEvent[] };
  closeLive: { readonly args: { readonly id: number }; readonly answer: null };
  release: { readonly args: { readonly kind: 'store' | 'program'; readonly id: number }; readonly answer: null };
  close: { readonly args: Record<string, never>; readonly answer: null };
}

/** The worker is started with these. */
export interface WorkerSettings {
  /** One shared element; other than 0 once nothing more shall be computed. A message would wait for the call that runs. */
  readonly stop: Int32Array<SharedArrayBuffer>;
}

export type CallKind = keyof Calls;

export type Request = {
  readonly [K in CallKind]: { readonly kind: K; readonly call: number; readonly args: Calls[K]['args'] };
}[CallKind];

export type Response =
  | { readonly kind: 'done'; readonly call: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly call: number; readonly error: ErrorRecord }
  | { readonly kind: 'progress'; readonly call: number; readonly progress: DecodeProgress };
