/** The sampling loop: prompts are read in packed passes (`promptStrips`), then one token a row and step, with a key/value cache, inside the worker.
 *
 *  The graph (the same for prompts and steps; V vocabulary, P cache capacity):
 *   inputs   ids, positions i64 [B, T] · lastIndex i32 [B] (tokens of the row so far − 1) · total i32 [1] (most tokens of a row)
 *            attentionBias f32 [S, 1, T, W], S = B or 1, W = total · logitRows i64 [N], scoreRows i64 [M] (flat indices into [B·T])
 *            scoreIds i64 [M] · pastK.i, pastV.i f32 [B, KV, P, D]
 *   outputs  logits f32 [N, V] · scored f32 [M] (log p of scoreIds, nats) · presentK.i, presentV.i f32 [B, KV, P, D], over pastK.i, pastV.i
 *  What prompts of a batch have in common at their beginning is computed once. A row that ends leaves the batch at once: the last row
 *  takes its place. What a row gives depends on its logits and its stream alone, not on its neighbours. */
import type * as ort from 'onnxruntime-node';
import { ConfigError, EnvironmentError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { openStream, type RandomStream } from '../../base/random.js';
import { capacityOf, checkRows, planBatches, scoredCount } from './decodePlan.js';
import type { CacheShape, DecodeProgress, DecodeResult, DecodeRow } from './decodeRow.js';
import { cacheElementsPerToken, createKeyValueCache, reuse, type KeyValueCache } from './keyValueCache.js';
import { packPrompts, planPasses, tokenIndex, writeStripBias, type PackedPrompt, type Strip } from './promptStrips.js';
import { bindParameters, ortTensor, outputSpec, runProgramInPlace, type ResidentProgram } from './residentProgram.js';
import { createSampler, type Sampler } from './sampler.js';
import { createStopCondition, type StopCondition } from './stopCondition.js';

/** Bytes that the cache of one batch may take, and the logits of scored tokens. */
const cacheBytes = 768 * 2 ** 20;
const scoredLogitBytes = 256 * 2 ** 20;
/** Tokens of one reading pass, which bound its activations, and of a strip: attention costs grow with its square, padding shrinks. */
const readingLimits = { tokens: 2048, stripLength: 384 } as const;

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
  for (const batch of planBatches(rows, { rows: 128, cachedTokens: Math.floor(cacheBytes / (4 * cacheElementsPerToken(shape))) })) {
    await decodeBatch(session, batch.map((index) => present(generations[index], 'batches hold row indices')), report);
  }
  return generations.map(({ ids, logProbs, samplingLogProbs, scored, stopped }) => ({
    ids, logProbs, samplingLogProbs, scored, finishReason: stopped ? 'stop' : 'length',
  }));
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
  const active = [...batch];
  const capacity = Math.max(...active.map(({ row }) => capacityOf(row)));
  const cache = createKeyValueCache(session.shape, { name: 'rows', rows: active.length, capacity }, session.buffers);
  await readPrompts(session, cache, active);
  removeDone(cache, active);
  report();
  while (active.length > 0) {
    await step(session, cache, active);
    removeDone(cache, active);
    report();
  }
}

/** Reads the prompts in packed passes: fills the cache, scores what is asked for, chooses each row's first token. */
async function readPrompts(session: Session, cache: KeyValueCache, active: readonly Generation[]): Promise<void> {
  const packed = packPrompts(active.map(({ row }) => row.ids), readingLimits.stripLength);
  const rows = active.map((generation, index) => ({ generation, index, prompt: present(packed.prompts[index], 'a packed prompt for every row') }));
  const rowsOfStrip = packed.strips.map((_, strip) => rows.filter(({ prompt }) => prompt.strip === strip));
  const scoredOfStrip = rowsOfStrip.map((own) => own.reduce((sum, { generation }) => sum + scoredCount(generation.row), 0));
  const limits = { tokens: readingLimits.tokens, scoredTokens: Math.floor(scoredLogitBytes / (4 * session.vocabularySize)) };
  for (const pass of planPasses(packed.strips, scoredOfStrip, limits)) {
    const strips = pass.map((strip) => present(packed.strips[strip], 'passes hold strip indices'));
    const own = pass.flatMap((strip, place) => present(rowsOfStrip[strip], 'passes hold strip indices').map((row) => ({ ...row, place })));
    await readStrips(session, cache, strips, own);
  }
}

/** A row whose prompt is in the strip at `place` of a pass. */
interface StripRow {
  readonly generation: Generation;
  /** Row of the cache. */
  readonly index: number;
  readonly prompt: PackedPrompt;
  readonly place: number;
}

async function readStrips(session: Session, cache: KeyValueCache, strips: readonly Strip[], rows: readonly StripRow[]): Promise<void> {
  const [B, T] = [strips.length, Math.max(...strips.map(({ ids }) => ids.length))];
  const reading = createKeyValueCache(session.shape, { name: 'reading', rows: B, capacity: T }, session.buffers);
  const [ids_BT, positions_BT] = [new BigInt64Array(B * T), new BigInt64Array(B * T)];
  strips.forEach(({ ids, positions }, b) => {
    ids.forEach((id, t) => { ids_BT[b * T + t] = BigInt(id); });
    positions.forEach((position, t) => { positions_BT[b * T + t] = BigInt(position); });
  });
  const bias_B1TT = reuse(session.buffers, 'bias', B * T * T);
  writeStripBias(strips, T, bias_B1TT);
  const at = ({ place, prompt }: StripRow, position: number): number => place * T + tokenIndex(prompt, position);
  const continued = rows.filter(({ generation }) => generation.row.sampling.maxNewTokens > 0);
  const distinctEnds = [...new Set(continued.map((row) => at(row, row.generation.row.ids.length - 1)))];
  const scored = rows.map((row) => {
    const { ids, scoreFrom } = row.generation.row;
    return scoreFrom === null ? null : ids.slice(scoreFrom).map((id, offset) => ({ id, row: at(row, scoreFrom + offset - 1) }));
  });
  const scoredTokens = scored.flatMap((tokens) => tokens ?? []);
  const { logits_NV, scored_M } = await forward(session, reading, {
    B, T, ids_BT, positions_BT,
    lastIndex_B: Int32Array.from(strips, ({ ids }) => ids.length - 1),
    bias: ortTensor('f32', bias_B1TT, [B, 1, T, T]),
    logitRows_N: distinctEnds,
    scoreRows_M: scoredTokens.map(({ row }) => row),
    scoreIds_M: scoredTokens.map(({ id }) => id),
  });
  let read = 0;
  rows.forEach(({ generation }, index) => {
    const tokens = scored[index]?.length;
    if (tokens === undefined) return;
    generation.scored = finiteScores(scored_M.subarray(read, read + tokens), generation);
    read += tokens;
  });
  for (const row of rows) row.generation.done = row.generation.row.sampling.maxNewTokens === 0;
  for (const row of continued) {
    const { generation, index, prompt, place } = row;
    takeToken(session, generation, logitsOf(session, logits_NV, distinctEnds.indexOf(at(row, generation.row.ids.length - 1))));
    let token = 0;
    for (const { at: from, length } of prompt.spans) {
      cache.copyTokens(reading, { row: place, token: from }, { row: index, token }, length);
      token += length;
    }
  }
}

function finiteScores(logProbs_M: Float32Array, { where, row: { scoreFrom } }: Generation): readonly number[] {
  const broken = logProbs_M.findIndex((logProb) => !Number.isFinite(logProb));
  if (broken === -1) return Array.from(logProbs_M);
  throw new EnvironmentError('The model gave a log-probability that is not a finite number', {
    where: `${where}, token ${(scoreFrom ?? 0) + broken}`, got: String(logProbs_M[broken]),
    remedy: 'The weights may be damaged or training may have diverged: check them, or go back to an earlier checkpoint.',
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
    bias: ortTensor('f32', noBias(session, Math.max(...last) + 1), [1, 1, 1, Math.max(...last) + 1]),
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
  /** f32 [B or 1, 1, T, most tokens of a row] */
  readonly bias: ort.Tensor;
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
    attentionBias: inputs.bias,
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

/** A row of the step sees all its tokens. */
function noBias({ buffers }: Session, tokens: number): Float32Array {
  return reuse(buffers, 'no bias', tokens).fill(0);
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
    cache.copyTokens(cache, { row: active.length, token: 0 }, { row: index, token: 0 }, last.row.ids.length + last.ids.length - 1);
  }
}
