/** Reads the prompts of a batch in packed passes (`promptStrips`): fills the rows' cache, scores what is asked for,
 *  gives each row the logits that its first new token is chosen from. What an earlier call has kept of a prompt's
 *  beginning is taken, not read. */
import { EnvironmentError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { scoredCount } from './decodePlan.js';
import type { DecodeRow } from './decodeRow.js';
import { forward, logitsOf, type InferenceSession, type TokenLogits } from './inferenceSession.js';
import { knownBeginning, type KeptContexts, type KnownBeginning } from './keptContexts.js';
import { createKeyValueCache, reuse, type KeyValueCache } from './keyValueCache.js';
import { ortTensor } from './ortTensor.js';
import {
  packPrompts,
  planPasses,
  sliceSpans,
  tokenIndex,
  writeStripBias,
  type PackedPrompt,
  type PackedPrompts,
  type Strip,
  type StripSpan,
} from './promptStrips.js';
import { topTokens, type TokenAlternatives } from './topTokens.js';

/** Bytes that the logits of scored tokens may take. */
const scoredLogitBytes = 256 * 2 ** 20;
/** Tokens of one reading pass, which bound its activations, and of a strip: attention costs grow with its square,
 *  padding shrinks. */
const limits = { tokens: 2048, stripLength: 384 } as const;

/** A row to read. */
export interface PromptRow {
  readonly row: DecodeRow;
  /** Its name in errors. */
  readonly where: string;
  /** The most probable tokens to give at every scored position; 0 = none. */
  readonly alternativesWanted: number;
}

/** The rows' prompts in strips, with what is known of them. */
export interface PromptPlan {
  readonly packed: PackedPrompts;
  readonly known: readonly (KnownBeginning | null)[];
}

export function planPrompts(rows: readonly PromptRow[], kept: KeptContexts): PromptPlan {
  const known = rows.map(({ row: { ids, scoreFrom, continues = false } }) =>
    continues ? knownBeginning(kept, ids, Math.min(ids.length, scoreFrom ?? Infinity) - 1) : null,
  );
  const prompts = rows.map(({ row: { ids } }, index) => ({ ids, known: known[index]?.length ?? 0 }));
  return { packed: packPrompts(prompts, limits.stripLength), known };
}

export interface PromptReader {
  /** Keys and values of the rows to continue; row i is that of rows[i]. */
  readonly cache: KeyValueCache;
  /** A strip lies in row `row` of `reading` until the next pass. */
  readonly onStrip: (strip: number, reading: KeyValueCache, row: number) => void;
  /** @param scored log p of the tokens to score, nats; null when not asked for
   *  @param end what its first new token is chosen from; null when the row is only read */
  readonly onRow: (index: number, scored: readonly number[] | null, end: TokenLogits | null) => void;
  /** Called before onRow for rows that want them: the most probable tokens at each scored position. */
  readonly onAlternatives?: (index: number, alternatives: readonly TokenAlternatives[]) => void;
}

export async function readPrompts(
  session: InferenceSession,
  rows: readonly PromptRow[],
  plan: PromptPlan,
  reader: PromptReader,
): Promise<void> {
  const { strips, prompts } = plan.packed;
  const all = rows.map((row, index): StripRow => ({
    ...row,
    index,
    prompt: present(prompts[index], 'a packed prompt for every row'),
    place: 0,
  }));
  const rowsOfStrip = strips.map((_, strip) => all.filter(({ prompt }) => prompt.strip === strip));
  const scoredOfStrip = rowsOfStrip.map((own) => own.reduce((sum, { row }) => sum + scoredCount(row), 0));
  const scoredTokens = Math.floor(scoredLogitBytes / (4 * session.vocabularySize));
  for (const pass of planPasses(strips, scoredOfStrip, { tokens: limits.tokens, scoredTokens })) {
    const read = pass.map((strip) => present(strips[strip], 'passes hold strip indices'));
    const own = pass.flatMap((strip, place) =>
      present(rowsOfStrip[strip], 'passes hold strip indices').map((row) => ({ ...row, place })),
    );
    const reading = await readStrips(session, plan, { strips: read, rows: own }, reader);
    pass.forEach((strip, place) => {
      reader.onStrip(strip, reading, place);
    });
  }
}

/** A row whose prompt is in the strip at `place` of a pass. */
interface StripRow extends PromptRow {
  readonly index: number;
  readonly prompt: PackedPrompt;
  readonly place: number;
}

async function readStrips(
  session: InferenceSession,
  { known: knownOf }: PromptPlan,
  { strips, rows }: { readonly strips: readonly Strip[]; readonly rows: readonly StripRow[] },
  { cache, onRow, onAlternatives }: PromptReader,
): Promise<KeyValueCache> {
  const W = Math.max(...strips.map(({ ids }) => ids.length));
  const known = strips[0]?.known ?? 0; // a strip with known tokens is alone
  const [B, T] = [strips.length, W - known];
  const reading = createKeyValueCache(session.shape, { name: 'reading', rows: B, capacity: W }, session.buffers);
  for (const strip of strips) loadKnown(strip, knownOf, reading);
  const [ids_BT, positions_BT] = [new BigInt64Array(B * T), new BigInt64Array(B * T)];
  strips.forEach(({ ids, positions }, b) => {
    for (let t = 0; known + t < ids.length; t++) {
      ids_BT[b * T + t] = BigInt(ids[known + t] ?? 0);
      positions_BT[b * T + t] = BigInt(positions[known + t] ?? 0);
    }
  });
  const bias_B1TW = reuse(session.buffers, 'bias', B * T * W);
  writeStripBias(strips, { T, W }, bias_B1TW);
  const at = ({ place, prompt }: StripRow, position: number): number =>
    place * T + tokenIndex(prompt, position) - known;
  const ends = new Map<number, number>();
  for (const row of rows) {
    const end = at(row, row.row.ids.length - 1);
    if (generates(row) && !ends.has(end)) ends.set(end, ends.size);
  }
  const scored = rows.map((row) => {
    const { ids, scoreFrom } = row.row;
    return scoreFrom === null
      ? null
      : ids.slice(scoreFrom).map((id, offset) => ({ id, row: at(row, scoreFrom + offset - 1) }));
  });
  const scoredTokens = scored.flatMap((tokens) => tokens ?? []);
  rows.forEach(({ alternativesWanted }, n) => {
    if (alternativesWanted > 0)
      for (const token of scored[n] ?? []) if (!ends.has(token.row)) ends.set(token.row, ends.size);
  });
  const outputs = await forward(session, reading, {
    B,
    T,
    ids_BT,
    positions_BT,
    lastIndex_B: Int32Array.from(strips, ({ ids }) => ids.length - 1),
    bias: ortTensor('f32', bias_B1TW, [B, 1, T, W]),
    keyPositions_BW: positionsOf(strips, W),
    logitRows_N: ends.size === 0 ? [0] : [...ends.keys()], // ReduceMax has no answer for no rows
    scoreRows_M: scoredTokens.map(({ row }) => row),
    scoreIds_M: scoredTokens.map(({ id }) => id),
  });
  let read = 0;
  rows.forEach((row, n) => {
    const tokens = scored[n]?.length ?? 0;
    const own = scored[n] === null ? null : finiteScores(outputs.scored_M.subarray(read, read + tokens), row);
    read += tokens;
    const end = ends.get(at(row, row.row.ids.length - 1));
    const { alternativesWanted } = row;
    if (alternativesWanted > 0 && scored[n] !== null) {
      onAlternatives?.(
        row.index,
        (scored[n] ?? []).map((token) => {
          const { logits_V, logTotal } = logitsOf(
            session,
            outputs,
            present(ends.get(token.row), 'logits of every scored position'),
          );
          return topTokens(logits_V, logTotal, alternativesWanted);
        }),
      );
    }
    onRow(row.index, own, generates(row) && end !== undefined ? logitsOf(session, outputs, end) : null);
    if (generates(row)) copySpans(reading, row.place, row.prompt.spans, cache, row.index);
  });
  return reading;
}

function generates({ row }: PromptRow): boolean {
  return row.sampling.maxNewTokens > 0;
}

/** Place of each token in its prompt, [strips, W]; 0 in the padding, which nothing sees. */
function positionsOf(strips: readonly Strip[], W: number): BigInt64Array {
  const positions_BW = new BigInt64Array(strips.length * W);
  strips.forEach(({ positions }, b) => {
    positions.forEach((position, t) => {
      positions_BW[b * W + t] = BigInt(position);
    });
  });
  return positions_BW;
}

/** Known tokens to the beginning of the strip's row. */
function loadKnown({ sources }: Strip, knownOf: PromptPlan['known'], reading: KeyValueCache): void {
  let token = 0;
  for (const { prompt, position, length } of sources) {
    const { cache, spans } = present(knownOf[prompt], 'known tokens come from a known beginning');
    copySpans(cache, 0, sliceSpans(spans, position, position + length), reading, 0, token);
    token += length;
  }
}

/** Tokens that lie in spans of one row, one after another to another. */
function copySpans(
  from: KeyValueCache,
  row: number,
  spans: readonly StripSpan[],
  to: KeyValueCache,
  targetRow: number,
  targetToken = 0,
): void {
  let token = targetToken;
  for (const { at, length } of spans) {
    to.copyTokens(from, { row, token: at }, { row: targetRow, token }, length);
    token += length;
  }
}

function finiteScores(logProbs_M: Float32Array, { where, row: { scoreFrom } }: PromptRow): readonly number[] {
  const broken = logProbs_M.findIndex((logProb) => !Number.isFinite(logProb));
  if (broken === -1) return Array.from(logProbs_M);
  throw new EnvironmentError('The model gave a log-probability that is not a finite number', {
    where: `${where}, token ${(scoreFrom ?? 0) + broken}`,
    got: String(logProbs_M[broken]),
    remedy:
      'The weights may be damaged or training may have diverged: check them, or go back to an earlier checkpoint.',
  });
}
