/** The sampling loop: prompts are read in packed passes (`readPrompts.ts`), then one token per row and step, with a key/value cache, inside the worker.
 *
 *  The graph (the same for prompts and steps; V vocabulary, P cache capacity):
 *   inputs   ids, positions i64 [B, T] · lastIndex i32 [B] (tokens of the row so far − 1) · total i32 [1] (most tokens of a row)
 *            attentionBias f32 [S, 1, T, W], S = B or 1, W = total · logitRows i64 [N], scoreRows i64 [M] (flat indices into [B·T])
 *            scoreIds i64 [M] · soft f32 [R, C], in a program that reads soft tokens · pastK.i, pastV.i f32 [B, KV, P, D]
 *   outputs  logits f32 [N, V] · logTotals f32 [N] (log Σ exp of a row) ·
 *            scored f32 [M] (log p of scoreIds, nats) · presentK.i, presentV.i f32 [B, KV, P, D], over pastK.i, pastV.i
 *  What prompts of a batch have in common at their beginning is computed once. A row that ends leaves the batch at once: the last row
 *  takes its place. What a row gives depends on its logits and its stream alone, not on its neighbours. */
import { present } from '../../base/invariant.js';
import { openStream, type RandomStream } from '../../base/random.js';
import { capacityOf, checkRows, planBatches } from './decodePlan.js';
import type { DecodeJob, DecodeProgress, DecodeResult, DecodeRow } from './decodeRow.js';
import {
  beginInference,
  forward,
  knownIds,
  logitsOf,
  type InferenceSession,
  type PassContext,
  type TokenLogits,
} from './inferenceSession.js';
import { createContextKeeper, type ContextKeeper, type KeptContexts } from './keptContexts.js';
import { cacheElementsPerToken, createKeyValueCache, reuse, type KeyValueCache } from './keyValueCache.js';
import type { PackedPrompt } from './promptStrips.js';
import { planPrompts, readPrompts } from './readPrompts.js';
import { createRepeatedNgrams, type RepeatedNgrams } from './repeatedNgrams.js';
import { ortTensor } from './ortTensor.js';
import type { ResidentProgram } from './residentProgram.js';
import { createSampler, type Sampler } from './sampler.js';
import { createStopCondition, type StopCondition } from './stopCondition.js';
import { topTokens, type TokenAlternatives } from './topTokens.js';

/** Bytes that the cache of one batch may take, and what a call may keep for the next. */
const cacheBytes = 768 * 2 ** 20;
const keptBytes = 512 * 2 ** 20;

export async function decode(
  program: ResidentProgram,
  { shape, rows, soft, keep }: DecodeJob,
  context: PassContext,
  onProgress: (progress: DecodeProgress) => void,
): Promise<readonly DecodeResult[]> {
  const session = beginInference(program, shape, soft, context);
  checkRows(rows, knownIds(session));
  const sampler = createSampler(session.vocabularySize);
  const before = program.kept;
  program.kept = [];
  const generations = rows.map((row, index) =>
    beginGeneration(row, session, { where: `row ${index}`, alternatives: 0 }),
  );
  const report = (): void => {
    onProgress({
      rows: rows.length,
      rowsDone: generations.filter(({ done }) => done).length,
      tokens: generations.reduce((sum, { ids }) => sum + ids.length, 0),
    });
  };
  const kept: KeptContexts[] = [];
  const tokenBytes = 4 * cacheElementsPerToken(shape);
  let room = keep ? Math.floor(keptBytes / tokenBytes) : 0;
  for (const batch of planBatches(rows, { rows: 128, cachedTokens: Math.floor(cacheBytes / tokenBytes) })) {
    const members = batch.map((index) => present(generations[index], 'batches hold row indices'));
    const keeper = await decodeBatch({ ...session, sampler, before, room }, members, report);
    if (keeper === null) continue;
    kept.push(keeper.kept());
    room -= keeper.capacity;
  }
  program.kept = kept.flat();
  return generations.map(({ ids, logProbs, samplingLogProbs, scored, stopped }) => ({
    ids,
    logProbs,
    samplingLogProbs,
    scored,
    finishReason: stopped ? 'stop' : 'length',
  }));
}

/** Choosing tokens needs this beside the passes themselves. */
export interface SamplingSession extends InferenceSession {
  readonly sampler: Sampler;
}

interface DecodeSession extends SamplingSession {
  /** Contexts that the call before has kept. */
  readonly before: KeptContexts;
  /** Tokens that may still be kept. */
  readonly room: number;
}

/** A row on its way. */
export interface Generation {
  readonly row: DecodeRow;
  readonly where: string;
  readonly stream: RandomStream;
  readonly stop: StopCondition;
  /** Its prompt holds soft tokens: no later call may go on from it, since their rows are this call's. */
  readonly isSoft: boolean;
  /** Distinct tokens so far, soft ones left out; kept only for a repetition penalty. */
  readonly seen: Set<number>;
  readonly repeated: RepeatedNgrams;
  readonly ids: number[];
  readonly logProbs: number[];
  readonly samplingLogProbs: number[];
  /** The most probable tokens to note at every new token; 0 = none. */
  readonly alternativesWanted: number;
  readonly alternatives: TokenAlternatives[];
  /** Place of its prompt; known once the batch is planned. */
  prompt: PackedPrompt | null;
  scored: readonly number[] | null;
  stopped: boolean;
  done: boolean;
}

export interface GenerationStart {
  /** The row's name in errors. */
  readonly where: string;
  readonly alternatives: number;
}

export function beginGeneration(
  row: DecodeRow,
  {
    program,
    vocabularySize,
  }: { readonly program: Pick<ResidentProgram, 'tokenBytes'>; readonly vocabularySize: number },
  { where, alternatives }: GenerationStart,
): Generation {
  // A rule about tokens that come again reads the prompt as if its soft tokens were not there.
  const tokens = row.ids.filter((id) => id < vocabularySize);
  return {
    row,
    where,
    stream: openStream(row.stream),
    stop: createStopCondition(row.sampling, program.tokenBytes),
    isSoft: tokens.length < row.ids.length,
    seen: new Set(row.sampling.repetitionPenalty === 1 ? [] : tokens),
    repeated: createRepeatedNgrams(row.sampling.noRepeatNgram ?? 0, tokens),
    ids: [],
    logProbs: [],
    samplingLogProbs: [],
    alternativesWanted: alternatives,
    alternatives: [],
    prompt: null,
    scored: null,
    stopped: false,
    done: false,
  };
}

async function decodeBatch(
  session: DecodeSession,
  batch: readonly Generation[],
  report: () => void,
): Promise<ContextKeeper | null> {
  const active = [...batch];
  const capacity = Math.max(...active.map(({ row }) => capacityOf(row)));
  const cache = createKeyValueCache(session.shape, { name: 'rows', rows: active.length, capacity }, session.buffers);
  const plan = planPrompts(active, session.before);
  const { strips, prompts } = plan.packed;
  const newTokens = active.reduce((sum, { row }) => sum + row.sampling.maxNewTokens, 0);
  const keptTokens = strips.reduce((sum, { ids }) => sum + ids.length, newTokens);
  const keepsNone = keptTokens > session.room || active.every(({ isSoft }) => isSoft);
  const keeper = keepsNone ? null : createContextKeeper(session.shape, strips, newTokens);
  active.forEach((generation, index) => {
    generation.prompt = present(prompts[index], 'a packed prompt for every row');
  });
  await readPrompts(session, active, plan, {
    cache,
    onStrip: (strip, reading, row) => {
      keeper?.keepStrip(strip, reading, row);
    },
    onRow: (index, scored, end) => {
      const generation = present(batch[index], 'the reader gives row indices');
      generation.scored = scored;
      if (end === null) generation.done = true;
      else takeToken(session, generation, end);
    },
  });
  removeDone(cache, active, keeper);
  report();
  while (active.length > 0) {
    await step(session, cache, active);
    removeDone(cache, active, keeper);
    report();
  }
  return keeper;
}

/** Feeds each active row's last token and chooses the next. */
export async function step(
  session: SamplingSession,
  cache: KeyValueCache,
  active: readonly Generation[],
  take: typeof takeToken = takeToken,
): Promise<void> {
  const B = active.length;
  const last = Int32Array.from(active, ({ row, ids }) => row.ids.length + ids.length - 1);
  const outputs = await forward(session, cache, {
    B,
    T: 1,
    ids_BT: BigInt64Array.from(active, ({ ids }) => BigInt(present(ids.at(-1), 'an active row has a new token'))),
    positions_BT: BigInt64Array.from(last, BigInt),
    lastIndex_B: last,
    bias: ortTensor('f32', noBias(session, Math.max(...last) + 1), [1, 1, 1, Math.max(...last) + 1]),
    logitRows_N: active.map((_, index) => index),
    scoreRows_M: [],
    scoreIds_M: [],
  });
  active.forEach((generation, index) => {
    take(session, generation, logitsOf(session, outputs, index));
  });
}

/** A row of the step sees all its tokens. */
function noBias({ buffers }: InferenceSession, tokens: number): Float32Array {
  return reuse(buffers, 'no bias', tokens).fill(0);
}

export function takeToken(
  { sampler }: SamplingSession,
  generation: Generation,
  { logits_V, logTotal }: TokenLogits,
): void {
  const { row, ids, logProbs, samplingLogProbs, seen, repeated, stream, where } = generation;
  const { sampling } = row;
  const known = row.given?.[ids.length];
  const { id, logProb, samplingLogProb } = sampler.choose(logits_V, {
    options: sampling,
    logTotal,
    seen,
    banned: [...repeated.next(), ...(ids.length < sampling.minNewTokens ? sampling.stopIds : [])],
    uniform: stream.uniform,
    ...(known === undefined ? {} : { known }),
    where: `${where}, new token ${ids.length}`,
  });
  ids.push(id);
  logProbs.push(logProb);
  samplingLogProbs.push(samplingLogProb);
  if (generation.alternativesWanted > 0)
    generation.alternatives.push(topTokens(logits_V, logTotal, generation.alternativesWanted));
  if (sampling.repetitionPenalty !== 1) seen.add(id);
  repeated.push(id);
  const stops = generation.stop.push(id);
  generation.stopped = stops && (row.given === undefined || ids.length === row.given.length);
  generation.done = generation.stopped || ids.length === (row.given?.length ?? sampling.maxNewTokens);
}

/** Takes finished rows out of the batch; the last row moves into the gap. */
export function removeDone(cache: KeyValueCache, active: Generation[], keeper: ContextKeeper | null): void {
  for (let index = active.length - 1; index >= 0; index--) {
    const generation = active[index];
    if (generation?.done !== true) continue;
    if (generation.prompt !== null && generation.ids.length > 0 && !generation.isSoft)
      keeper?.keepRow(generation.prompt, generation.row.ids, generation.ids, cache, index);
    const last = present(active.pop(), 'the batch is not empty');
    if (index === active.length) continue;
    active[index] = last;
    cache.copyTokens(
      cache,
      { row: active.length, token: 0 },
      { row: index, token: 0 },
      last.row.ids.length + last.ids.length - 1,
    );
  }
}
