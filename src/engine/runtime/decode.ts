/** The sampling loop: one pass over the prompts, then one token a row and step, with a key/value cache, inside the worker.
 *
 *  The graph (the same for prompts and steps; V vocabulary, P cache capacity):
 *   inputs   ids, positions i64 [B, T] · lastIndex i32 [B] (tokens of the row so far − 1) · total i32 [1] (most tokens of a row)
 *            logitRows i64 [N], scoreRows i64 [M] (flat indices into [B·T]) · scoreIds i64 [M] · pastK.i, pastV.i f32 [B, KV, P, D]
 *   outputs  logits f32 [N, V] · scored f32 [M] (log p of scoreIds, nats) · presentK.i, presentV.i f32 [B, KV, P, D], over pastK.i, pastV.i
 *  Rows are right-padded. Equal prompts of a batch are computed once. A row that ends leaves the batch at once: the last row takes its
 *  place. What a row gives depends on its logits and its stream alone, not on its neighbours. */
import type * as ort from 'onnxruntime-node';
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, type RandomStream } from '../../base/random.js';
import { capacityOf, checkRows, planBatches, sharePrompts, type DecodeLimits } from './decodePlan.js';
import type { CacheShape, DecodeProgress, DecodeResult, DecodeRow } from './decodeRow.js';
import { cacheElementsPerToken, createKeyValueCache, type KeyValueCache } from './keyValueCache.js';
import { bindParameters, ortTensor, outputSpec, runProgramInPlace, type ResidentProgram } from './residentProgram.js';
import { createSampler, type Sampler } from './sampler.js';
import { createStopCondition, type StopCondition } from './stopCondition.js';

/** Bytes that the cache of one batch may take, and the logits of scored tokens. */
const cacheBytes = 768 * 2 ** 20;
const scoredLogitBytes = 256 * 2 ** 20;

export async function decode(
  program: ResidentProgram,
  shape: CacheShape,
  rows: readonly DecodeRow[],
  onProgress: (progress: DecodeProgress) => void,
): Promise<readonly DecodeResult[]> {
  const vocabularySize = Number(outputSpec(program, 'logits').shape[1]);
  if (!Number.isInteger(vocabularySize)) throw new ConfigError('logits need a fixed vocabulary', { where: 'logits', expected: '[N, number]' });
  checkRows(rows, vocabularySize);
  const session: Session = {
    program, shape, vocabularySize, sampler: createSampler(vocabularySize), parameters: bindParameters(program), buffers: new Map(),
    inputs: new Set(program.inputs.map(({ name }) => name)), outputs: new Set(program.outputs.map(({ name }) => name)),
  };
  const generations = rows.map((row, index) => beginGeneration(row, index, program.tokenBytes));
  const report = (): void => {
    onProgress({
      rows: rows.length,
      rowsDone: generations.filter(({ done }) => done).length,
      tokens: generations.reduce((sum, { ids }) => sum + ids.length, 0),
    });
  };
  for (const batch of planBatches(rows, limitsFor(shape, vocabularySize))) {
    await decodeBatch(session, batch.map((index) => present(generations[index], 'batches hold row indices')), report);
  }
  return generations.map(({ ids, logProbs, samplingLogProbs, scored, stopped }) => ({
    ids, logProbs, samplingLogProbs, scored, finishReason: stopped ? 'stop' : 'length',
  }));
}

function limitsFor(shape: CacheShape, vocabularySize: number): DecodeLimits {
  return {
    rows: 128,
    promptTokens: 8192,
    cachedTokens: Math.floor(cacheBytes / (4 * cacheElementsPerToken(shape))),
    scoredTokens: Math.floor(scoredLogitBytes / (4 * vocabularySize)),
  };
}

/** What stays the same over the batches of one call. */
interface Session {
  readonly program: ResidentProgram;
  readonly shape: CacheShape;
  readonly vocabularySize: number;
  readonly sampler: Sampler;
  readonly parameters: Readonly<Record<string, ort.Tensor>>;
  /** Memory that batches take over from each other. */
  readonly buffers: Map<string, Float32Array>;
  readonly inputs: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
}

/** A row on its way. */
interface Generation {
  readonly row: DecodeRow;
  readonly where: string;
  readonly stream: RandomStream;
  readonly stop: StopCondition;
  /** Distinct ids so far; kept only for a repetition penalty. */
  readonly seen: Set<number>;
  readonly ids: number[];
  readonly logProbs: number[];
  readonly samplingLogProbs: number[];
  scored: readonly number[] | null;
  stopped: boolean;
  done: boolean;
}

function beginGeneration(row: DecodeRow, index: number, tokenBytes: readonly Uint8Array[] | null): Generation {
  return {
    row,
    where: `row ${index}`,
    stream: openStream(row.stream),
    stop: createStopCondition(row.sampling, tokenBytes),
    seen: new Set(row.sampling.repetitionPenalty === 1 ? [] : row.ids),
    ids: [], logProbs: [], samplingLogProbs: [],
    scored: null,
    stopped: false,
    done: false,
  };
}

async function decodeBatch(session: Session, batch: readonly Generation[], report: () => void): Promise<void> {
  const { order, sourceOf } = sharePrompts(batch.map(({ row }) => row));
  const active = order.map((index) => present(batch[index], 'order permutes the batch'));
  const capacity = Math.max(...active.map(({ row }) => capacityOf(row)));
  const cache = createKeyValueCache(session.shape, active.length, capacity, session.buffers);
  await readPrompts(session, cache, active, sourceOf);
  // From the last row down: a row's source is never behind it.
  for (let row = active.length - 1; row >= 0; row--) {
    const source = sourceOf[row] ?? row;
    if (source !== row) cache.copyRow(source, row, present(active[row], 'an active row').row.ids.length);
  }
  removeDone(cache, active);
  report();
  while (active.length > 0) {
    await step(session, cache, active);
    removeDone(cache, active);
    report();
  }
}

/** One pass over the distinct prompts: fills the cache, scores what is asked for, chooses each row's first token. */
async function readPrompts(session: Session, cache: KeyValueCache, active: readonly Generation[], sourceOf: readonly number[]): Promise<void> {
  const prompts = active.filter((_, index) => sourceOf[index] !== sourceOf[index - 1]).map(({ row }) => row.ids);
  const [B, T] = [prompts.length, Math.max(...prompts.map(({ length }) => length))];
  const ids_BT = new BigInt64Array(B * T);
  const positions_BT = new BigInt64Array(B * T);
  prompts.forEach((ids, b) => {
    ids.forEach((id, t) => { ids_BT[b * T + t] = BigInt(id); });
    for (let t = 0; t < T; t++) positions_BT[b * T + t] = BigInt(t);
  });
  const scoring = active.map(({ row: { ids, scoreFrom } }, index) =>
    scoreFrom === null ? null : ids.slice(scoreFrom).map((id, offset) => ({ id, row: (sourceOf[index] ?? 0) * T + scoreFrom + offset - 1 })));
  const scoredTokens = scoring.flatMap((tokens) => tokens ?? []);
  const { logits_NV, scored_M } = await forward(session, cache, {
    B, T, ids_BT, positions_BT,
    lastIndex_B: Int32Array.from(prompts, ({ length }) => length - 1),
    logitRows_N: prompts.map((ids, b) => b * T + ids.length - 1),
    scoreRows_M: scoredTokens.map(({ row }) => row),
    scoreIds_M: scoredTokens.map(({ id }) => id),
  });
  let at = 0;
  scoring.forEach((tokens, index) => {
    if (tokens === null) return;
    present(active[index], 'an active row').scored = Array.from(scored_M.subarray(at, at + tokens.length));
    at += tokens.length;
  });
  active.forEach((generation, index) => {
    if (generation.row.sampling.maxNewTokens === 0) generation.done = true;
    else takeToken(session, generation, logitsOf(session, logits_NV, sourceOf[index] ?? 0));
  });
}

/** Feeds each active row's last token and chooses the next. */
async function step(session: Session, cache: KeyValueCache, active: readonly Generation[]): Promise<void> {
  const B = active.length;
  const last = Int32Array.from(active, ({ row, ids }) => row.ids.length + ids.length - 1);
  const { logits_NV } = await forward(session, cache, {
    B, T: 1,
    ids_BT: BigInt64Array.from(active, ({ ids }) => BigInt(present(ids.at(-1), 'an active row has a new token'))),
    positions_BT: BigInt64Array.from(last, BigInt),
    lastIndex_B: last,
    logitRows_N: active.map((_, index) => index),
    scoreRows_M: [],
    scoreIds_M: [],
  });
  active.forEach((generation, index) => { takeToken(session, generation, logitsOf(session, logits_NV, index)); });
}

interface ForwardInputs {
  readonly B: number;
  readonly T: number;
  readonly ids_BT: BigInt64Array;
  readonly positions_BT: BigInt64Array;
  readonly lastIndex_B: Int32Array;
  readonly logitRows_N: readonly number[];
  readonly scoreRows_M: readonly number[];
  readonly scoreIds_M: readonly number[];
}

interface ForwardOutputs {
  readonly logits_NV: Float32Array;
  readonly scored_M: Float32Array;
}

async function forward(session: Session, cache: KeyValueCache, inputs: ForwardInputs): Promise<ForwardOutputs> {
  const { B, T, lastIndex_B, logitRows_N, scoreRows_M, scoreIds_M } = inputs;
  const [N, M, V] = [logitRows_N.length, scoreRows_M.length, session.vocabularySize];
  const { past, present: presentTensors } = cache.tensors(B);
  const logits_NV = reuse(session.buffers, 'logits', N * V);
  const scored_M = new Float32Array(M);
  const feeds: Record<string, ort.Tensor> = {
    ids: ortTensor('i64', inputs.ids_BT, [B, T]),
    positions: ortTensor('i64', inputs.positions_BT, [B, T]),
    lastIndex: ortTensor('i32', lastIndex_B, [B]),
    total: ortTensor('i32', Int32Array.of(Math.max(...lastIndex_B) + 1), [1]),
    logitRows: ortTensor('i64', BigInt64Array.from(logitRows_N, BigInt), [N]),
    scoreRows: ortTensor('i64', BigInt64Array.from(scoreRows_M, BigInt), [M]),
    scoreIds: ortTensor('i64', BigInt64Array.from(scoreIds_M, BigInt), [M]),
    ...past,
  };
  const outputs: Record<string, ort.Tensor> = { logits: ortTensor('f32', logits_NV, [N, V]), scored: ortTensor('f32', scored_M, [M]), ...presentTensors };
  await runProgramInPlace(session.program, { ...only(feeds, session.inputs), ...session.parameters }, only(outputs, session.outputs));
  return { logits_NV, scored_M };
}

function only<T>(tensors: Readonly<Record<string, T>>, names: ReadonlySet<string>): Record<string, T> {
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => names.has(name)));
}

function reuse(buffers: Map<string, Float32Array>, name: string, length: number): Float32Array {
  let buffer = buffers.get(name);
  if (buffer === undefined || buffer.length < length) {
    buffer = new Float32Array(length);
    buffers.set(name, buffer);
  }
  return buffer.subarray(0, length);
}

function logitsOf({ vocabularySize }: Session, logits_NV: Float32Array, row: number): Float32Array {
  return logits_NV.subarray(row * vocabularySize, (row + 1) * vocabularySize);
}

function takeToken({ sampler }: Session, generation: Generation, logits_V: Float32Array): void {
  const { row: { sampling }, ids, logProbs, samplingLogProbs, seen, stream, where } = generation;
  const { id, logProb, samplingLogProb } = sampler.choose(logits_V, {
    options: sampling, seen, banStops: ids.length < sampling.minNewTokens, uniform: stream.uniform, where: `${where}, new token ${ids.length}`,
  });
  ids.push(id);
  logProbs.push(logProb);
  samplingLogProbs.push(samplingLogProb);
  if (sampling.repetitionPenalty !== 1) seen.add(id);
  generation.stopped = generation.stop.push(id);
  generation.done = generation.stopped || ids.length === sampling.maxNewTokens;
}

/** Takes finished rows out of the batch; the last row moves into the gap. */
function removeDone(cache: KeyValueCache, active: Generation[]): void {
  for (let index = active.length - 1; index >= 0; index--) {
    if (active[index]?.done !== true) continue;
    const last = present(active.pop(), 'the batch is not empty');
    if (index === active.length) continue;
    active[index] = last;
    cache.copyRow(active.length, index, last.row.ids.length + last.ids.length - 1);
  }
}
