/** One forward pass of the inference graph: feeds and fetches over a key/value cache, in place. The graph is described
 *  in `decode.ts`. */
import type * as ort from 'onnxruntime-node';
import { ConfigError } from '../../base/errors.js';
import type { KnownIds } from './decodePlan.js';
import type { CacheShape } from './decodeRow.js';
import type { HostTensor } from './hostTensor.js';
import { reuse, type KeyValueCache } from './keyValueCache.js';
import { ortTensor } from './ortTensor.js';
import { bindParameters, checkFeed, outputSpec, runProgramInPlace, type ResidentProgram } from './residentProgram.js';

/** All passes of a device share these. */
export interface PassContext {
  /** Memory that passes take over from each other: touching it anew costs a page fault every 4 KB. */
  readonly buffers: Map<string, Float32Array>;
  /** Called before each pass. @throws InterruptedError once the device's signal is aborted */
  readonly mayGoOn: () => void;
}

/** This stays the same over the passes of one call. */
export interface InferenceSession extends PassContext {
  readonly program: ResidentProgram;
  readonly shape: CacheShape;
  readonly vocabularySize: number;
  /** The rows of soft tokens; null for a program that reads none. */
  readonly soft: ort.Tensor | null;
  readonly parameters: Readonly<Record<string, ort.Tensor>>;
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
}

/** @param soft f32 [S, C], the rows of soft tokens, for a program that reads them
 *  @throws ConfigError when it does and there are none, or the other way round, ShapeError for rows of another width */
export function beginInference(
  program: ResidentProgram,
  shape: CacheShape,
  soft: HostTensor | null,
  context: PassContext,
): InferenceSession {
  return {
    ...context,
    program,
    shape,
    vocabularySize: vocabularySizeOf(program),
    soft: softRows(program, soft),
    parameters: bindParameters(program),
    inputs: new Set(program.inputs.map(({ name }) => name)),
    outputs: new Set(program.outputs.map(({ name }) => name)),
  };
}

function softRows(program: ResidentProgram, soft: HostTensor | null): ort.Tensor | null {
  const spec = program.inputs.find(({ name }) => name === 'soft');
  if (spec === undefined && soft === null) return null;
  if (spec === undefined || soft === null) {
    throw new ConfigError('the program and the call disagree about soft tokens', {
      where: 'soft',
      expected: spec === undefined ? 'no rows: the program reads none' : 'rows for the program, which reads them',
    });
  }
  checkFeed(spec, soft, {});
  return ortTensor('f32', soft.data, soft.dims);
}

/** Returns the number of tokens that the program's logits tell apart. @throws ConfigError when it is not fixed */
export function vocabularySizeOf(program: ResidentProgram): number {
  const vocabularySize = Number(outputSpec(program, 'logits').shape[1]);
  if (!Number.isInteger(vocabularySize))
    throw new ConfigError('logits need a fixed vocabulary', { where: 'logits', expected: '[N, number]' });
  return vocabularySize;
}

export function knownIds({ vocabularySize, soft }: InferenceSession): KnownIds {
  return { vocabularySize, softRows: soft?.dims[0] ?? 0 };
}

export interface SessionInputs {
  readonly B: number;
  readonly T: number;
  readonly ids_BT: BigInt64Array;
  readonly positions_BT: BigInt64Array;
  readonly lastIndex_B: Int32Array;
  /** f32 [B or 1, 1, T, most tokens of a row] */
  readonly bias: ort.Tensor;
  /** Place in its prompt of each of the W keys, where a row is not one prompt in order; [B, W]. Default: 0, 1, … in
   *  every row. */
  readonly keyPositions_BW?: BigInt64Array;
  readonly logitRows_N: readonly number[];
  readonly scoreRows_M: readonly number[];
  readonly scoreIds_M: readonly number[];
}

export interface ForwardOutputs {
  readonly logits_NV: Float32Array;
  readonly logTotals_N: Float32Array;
  readonly scored_M: Float32Array;
}

export async function forward(
  session: InferenceSession,
  cache: KeyValueCache,
  inputs: SessionInputs,
): Promise<ForwardOutputs> {
  session.mayGoOn();
  const { B, T, lastIndex_B, logitRows_N, scoreRows_M, scoreIds_M } = inputs;
  const [N, M, V] = [logitRows_N.length, scoreRows_M.length, session.vocabularySize];
  const total = Math.max(...lastIndex_B) + 1;
  const { past, present: presentTensors } = cache.tensors(B);
  const logits_NV = reuse(session.buffers, 'logits', N * V);
  const [logTotals_N, scored_M] = [new Float32Array(N), new Float32Array(M)];
  const feeds: Record<string, ort.Tensor> = {
    ids: ortTensor('i64', inputs.ids_BT, [B, T]),
    positions: ortTensor('i64', inputs.positions_BT, [B, T]),
    lastIndex: ortTensor('i32', lastIndex_B, [B]),
    total: ortTensor('i32', Int32Array.of(total), [1]),
    ...(session.inputs.has('keyPositions') ? windowFeeds(session, inputs, total) : { attentionBias: inputs.bias }),
    logitRows: ortTensor('i64', BigInt64Array.from(logitRows_N, BigInt), [N]),
    scoreRows: ortTensor('i64', BigInt64Array.from(scoreRows_M, BigInt), [M]),
    scoreIds: ortTensor('i64', BigInt64Array.from(scoreIds_M, BigInt), [M]),
    ...(session.soft === null ? {} : { soft: session.soft }),
    ...past,
  };
  const outputs: Record<string, ort.Tensor> = {
    logits: ortTensor('f32', logits_NV, [N, V]),
    logTotals: ortTensor('f32', logTotals_N, [N]),
    scored: ortTensor('f32', scored_M, [M]),
    ...presentTensors,
  };
  await runProgramInPlace(
    session.program,
    { ...only(feeds, session.inputs), ...session.parameters },
    only(outputs, session.outputs),
  );
  return { logits_NV, logTotals_N, scored_M };
}

/** For layers with a sliding window, which hide other keys in each row: the position of every key, and a bias of every
 *  row. */
function windowFeeds(
  { buffers }: InferenceSession,
  { B, T, bias, keyPositions_BW }: SessionInputs,
  total: number,
): Record<string, ort.Tensor> {
  const size = T * total;
  const bias_B1TW =
    bias.dims[0] === B ? bias : ortTensor('f32', reuse(buffers, 'bias of every row', B * size), [B, 1, T, total]);
  if (bias_B1TW !== bias)
    for (let b = 0; b < B; b++) (bias_B1TW.data as Float32Array).set(bias.data as Float32Array, b * size);
  const positions_BW = keyPositions_BW ?? BigInt64Array.from({ length: B * total }, (_, i) => BigInt(i % total));
  return { attentionBias: bias_B1TW, keyPositions: ortTensor('i64', positions_BW, [B, total]) };
}

function only<T>(tensors: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.has(name)));
}

/** A row's next token is chosen from these; a view, until the next pass. */
export interface TokenLogits {
  readonly logits_V: Float32Array;
  /** log Σ exp of them */
  readonly logTotal: number;
}

export function logitsOf(
  { vocabularySize }: InferenceSession,
  { logits_NV, logTotals_N }: ForwardOutputs,
  row: number,
): TokenLogits {
  return {
    logits_V: logits_NV.subarray(row * vocabularySize, (row + 1) * vocabularySize),
    logTotal: logTotals_N[row] ?? NaN,
  };
}
