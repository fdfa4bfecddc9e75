/** A batch that rows join and leave between its steps: what a server generates with. The sampling loop of `decode.ts`,
 *  driven from outside, one call per step. A step gives active rows their next token, then reads prompts of rows that
 *  wait: whole ones together, a long one in pieces, so that no prompt holds the others up for long. What a row gives
 *  depends on its logits and its stream alone, as in `decode.ts`.
 *
 *  Owns the key/value cache of its rows, which grows with what they hold and is given up when no row is left. */
import { present } from '../../base/invariant.js';
import {
  beginGeneration,
  removeDone,
  step as stepRows,
  takeToken,
  type Generation,
  type SamplingSession,
} from './decode.js';
import { checkRows } from './decodePlan.js';
import type { CacheShape, DecodeRow } from './decodeRow.js';
import { recordError, type ErrorRecord } from './errorTransfer.js';
import type { HostTensor } from './hostTensor.js';
import { beginInference, knownIds, type PassContext, vocabularySizeOf } from './inferenceSession.js';
import { createKeyValueCache, type KeyValueCache } from './keyValueCache.js';
import type { LiveChange, LiveEvent } from './liveRow.js';
import { planPrompts, readPrompts } from './readPrompts.js';
import type { ResidentProgram } from './residentProgram.js';
import { createSampler } from './sampler.js';
import type { TokenAlternatives } from './topTokens.js';

export interface LiveBatch {
  /** @returns at most one event per row, none for rows that still wait */
  readonly step: (change: LiveChange, context: PassContext) => Promise<readonly LiveEvent[]>;
}

/** Prompt tokens that one step reads, and tokens that a cache grows by at least. */
const promptTokens = 512;
const growth = 128;

interface Member {
  readonly key: number;
  readonly generation: Generation;
  /** Number of the prompt's tokens that were read so far. */
  read: number;
  readonly scored: number[];
  readonly scoredAlternatives: TokenAlternatives[];
  /** Keys and values of what was read, of a prompt that is read in pieces. */
  partial: KeyValueCache | null;
}

/** @param soft rows of the soft tokens of all its prompts, for a program that reads them */
export function createLiveBatch(program: ResidentProgram, shape: CacheShape, soft: HostTensor | null): LiveBatch {
  const sampler = createSampler(vocabularySizeOf(program));
  const waiting: Member[] = [];
  const active: Generation[] = [];
  const memberOf = new Map<Generation, Member>();
  const failures = new Map<Generation, ErrorRecord>();
  let rows: { readonly cache: KeyValueCache; readonly count: number; readonly tokens: number } | null = null;

  const holds = ({ row, ids }: Generation): number => row.ids.length + Math.max(0, ids.length - 1);

  /** The cache, with room for `more` rows beside the active ones and for `tokens` in each. */
  const roomFor = (more: number, tokens: number): KeyValueCache => {
    const [count, longest] = [
      active.length + more,
      Math.max(tokens, ...active.map((generation) => holds(generation) + 1)),
    ];
    if (rows !== null && rows.count >= count && rows.tokens >= longest) return rows.cache;
    const size = {
      count: Math.max(count, Math.min(2 * (rows?.count ?? 0), 4 + count)),
      tokens:
        rows !== null && rows.tokens >= longest
          ? rows.tokens
          : Math.max(longest + growth, Math.ceil(1.25 * (rows?.tokens ?? 0))),
    };
    const cache = createKeyValueCache(shape, { name: 'live', rows: size.count, capacity: size.tokens }, new Map());
    const before = rows?.cache;
    if (before !== undefined)
      active.forEach((generation, row) => {
        cache.copyTokens(before, { row, token: 0 }, { row, token: 0 }, holds(generation));
      });
    rows = { cache, ...size };
    return cache;
  };

  const settle = (): void => {
    if (rows !== null) removeDone(rows.cache, active, null);
    if (active.length === 0) rows = null;
  };

  const drop = (keys: ReadonlySet<number>): void => {
    if (keys.size === 0) return;
    for (const [generation, { key }] of [...memberOf]) {
      if (!keys.has(key)) continue;
      generation.done = true;
      memberOf.delete(generation);
    }
    for (let i = waiting.length - 1; i >= 0; i--) if (waiting[i]?.generation.done === true) waiting.splice(i, 1);
    settle();
  };

  const take: typeof takeToken = (session, generation, logits) => {
    try {
      takeToken(session, generation, logits);
    } catch (error) {
      generation.done = true;
      failures.set(generation, recordError(error));
    }
  };

  const eventOf = (generation: Generation, scored: LiveEvent['scored']): LiveEvent => {
    const { key } = present(memberOf.get(generation), 'a member for each row');
    const error = failures.get(generation) ?? null;
    failures.delete(generation);
    if (generation.done) memberOf.delete(generation);
    const [id, logProb] = [generation.ids.at(-1), generation.logProbs.at(-1)];
    return {
      key,
      scored,
      error,
      token:
        error !== null || id === undefined || logProb === undefined
          ? null
          : { id, logProb, alternatives: generation.alternatives.at(-1) ?? null },
      finishReason: !generation.done || error !== null ? null : generation.stopped ? 'stop' : 'length',
    };
  };

  const failed = ({ key, generation }: Member, error: unknown): LiveEvent => {
    generation.done = true;
    memberOf.delete(generation);
    return { key, token: null, scored: null, finishReason: null, error: recordError(error) };
  };

  const stepActive = async (session: SamplingSession): Promise<readonly LiveEvent[]> => {
    if (active.length === 0) return [];
    const cache = roomFor(0, 0);
    try {
      await stepRows(session, cache, active, take);
      return active.map((generation) => eventOf(generation, null));
    } catch (error) {
      return active.map((generation) => failed(present(memberOf.get(generation), 'a member for each row'), error));
    } finally {
      settle();
    }
  };

  /** Rows whose prompts fit one step together, or the first piece of a longer one. */
  const nextToRead = (): readonly Member[] => {
    const chosen: Member[] = [];
    let tokens = 0;
    for (const member of waiting) {
      const rest = member.generation.row.ids.length - member.read;
      if (chosen.length > 0 && (tokens + rest > promptTokens || member.partial !== null)) break;
      chosen.push(member);
      tokens += rest;
      if (tokens >= promptTokens) break;
    }
    return chosen;
  };

  const readWaiting = async (session: SamplingSession): Promise<readonly LiveEvent[]> => {
    const members = nextToRead();
    const [first] = members;
    if (first === undefined) return [];
    try {
      const rest = first.generation.row.ids.length - first.read;
      if (rest > promptTokens) {
        await readPiece(session, first);
        return [];
      }
      waiting.splice(0, members.length);
      return await readWhole(session, members);
    } catch (error) {
      for (const member of members) if (waiting.includes(member)) waiting.splice(waiting.indexOf(member), 1);
      return members.map((member) => failed(member, error));
    } finally {
      settle();
    }
  };

  const readPiece = async (session: SamplingSession, member: Member): Promise<void> => {
    const {
      generation: { row, where },
      read,
    } = member;
    const end = read + promptTokens;
    const partial = (member.partial ??= createKeyValueCache(
      shape,
      { name: 'piece', rows: 1, capacity: row.ids.length },
      new Map(),
    ));
    const piece = { ...pieceOf(member, end), where, alternativesWanted: member.generation.alternativesWanted };
    await readPrompts(session, [piece], planPrompts([piece], keptOf(member)), {
      cache: partial,
      onStrip: (_strip, reading, at) => {
        partial.copyTokens(reading, { row: at, token: read }, { row: 0, token: read }, end - read);
      },
      onAlternatives: (_index, alternatives) => {
        member.scoredAlternatives.push(...alternatives);
      },
      onRow: (_index, scored) => {
        member.scored.push(...(scored ?? []));
      },
    });
    member.read = end;
  };

  const readWhole = async (session: SamplingSession, members: readonly Member[]): Promise<readonly LiveEvent[]> => {
    const generating = members.filter(({ generation }) => generation.row.sampling.maxNewTokens > 0);
    const ordered = [...generating, ...members.filter((member) => !generating.includes(member))];
    const cache = roomFor(
      generating.length,
      Math.max(1, ...generating.map(({ generation }) => generation.row.ids.length + 1)),
    );
    const start = active.length;
    const pieces = ordered.map((member) => ({
      ...pieceOf(member, member.generation.row.ids.length),
      where: member.generation.where,
      alternativesWanted: member.generation.alternativesWanted,
    }));
    await readPrompts(session, pieces, planPrompts(pieces, ordered.flatMap(keptOf)), {
      cache: {
        ...cache,
        copyTokens: (from, source, target, tokens) => {
          cache.copyTokens(from, source, { ...target, row: start + target.row }, tokens);
        },
      },
      onStrip: () => undefined,
      onAlternatives: (index, alternatives) => {
        ordered[index]?.scoredAlternatives.push(...alternatives);
      },
      onRow: (index, scored, end) => {
        const { generation, scored: all } = present(ordered[index], 'the reader gives row indices');
        all.push(...(scored ?? []));
        if (end === null) generation.done = true;
        else take(session, generation, end);
      },
    });
    active.push(...generating.map(({ generation }) => generation));
    return ordered.map(({ generation, scored, scoredAlternatives }) =>
      eventOf(
        generation,
        generation.row.scoreFrom === null ? null : { logProbs: scored, alternatives: scoredAlternatives },
      ),
    );
  };

  return {
    async step({ admit, drop: dropped }, context) {
      const session = { ...beginInference(program, shape, soft, context), sampler };
      const refused: LiveEvent[] = [];
      drop(new Set(dropped));
      for (const row of admit) {
        try {
          checkRows([row], knownIds(session));
          const generation = beginGeneration(row, session, {
            where: `row ${row.key}`,
            alternatives: row.alternatives,
          });
          const member = { key: row.key, generation, read: 0, scored: [], scoredAlternatives: [], partial: null };
          memberOf.set(generation, member);
          waiting.push(member);
        } catch (error) {
          refused.push({ key: row.key, token: null, scored: null, finishReason: null, error: recordError(error) });
        }
      }
      return [...refused, ...(await stepActive(session)), ...(await readWaiting(session))];
    },
  };
}

/** The prompt up to `end`, with what of it is not yet read. */
function pieceOf({ generation: { row }, read }: Member, end: number): { readonly row: DecodeRow } {
  const isLast = end === row.ids.length;
  return {
    row: {
      ...row,
      ids: isLast ? row.ids : row.ids.slice(0, end),
      scoreFrom: row.scoreFrom === null ? null : Math.min(end, Math.max(row.scoreFrom, read)),
      sampling: isLast ? row.sampling : { ...row.sampling, maxNewTokens: 0 },
      continues: read > 0,
    },
  };
}

function keptOf({ generation: { row }, read, partial }: Member) {
  return partial === null ? [] : [{ ids: row.ids.slice(0, read), cache: partial, spans: [{ at: 0, length: read }] }];
}
