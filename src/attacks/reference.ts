/** The frozen reference of a preference loss, as numbers. When the reference is the target itself, what the target
 *  thought of an utterance was already known when it answered; only what it could not know (another context, an end
 *  token) is computed. */
import { ConfigError } from '../base/errors.js';
import { invariant, present } from '../base/invariant.js';
import type { Reading, Utterance } from '../dialogue/types.js';
import { type LanguageModel, shareWeights } from '../engine/models/languageModel.js';
import type { Sequence } from '../engine/models/packSequences.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import type { LocalTarget } from '../speakers/targets/local.js';

export interface ReferenceQuery {
  readonly prefix: readonly number[];
  readonly completion: readonly number[];
  /** The utterance that the completion is of. */
  readonly utterance: Utterance;
}

export interface Reference {
  /** log p of each completion token, nats, one list a query. */
  readonly logProbs: (queries: readonly ReferenceQuery[]) => Promise<readonly (readonly number[])[]>;
  /** Completions whose log-probabilities were known from the rollout, and computed. */
  readonly counts: () => { readonly known: number; readonly computed: number };
  /** The target's rounded readings beside what was computed, since the beginning: tokens compared and Σ |Δ log p|,
   *  nats. */
  readonly rounding: () => Rounding;
}

export interface Rounding {
  readonly tokens: number;
  readonly sum: number;
}

/** Mean |Δ log p| a token between two moments, nats; null when nothing rounded was compared. */
export function roundingError(after: Rounding, before: Rounding = { tokens: 0, sum: 0 }): number | null {
  const tokens = after.tokens - before.tokens;
  return tokens === 0 ? null : (after.sum - before.sum) / tokens;
}

/** @param model frozen; never what the adversary is trained to, but it may be the adversary's base with the adapter off
 *  @param target answered the utterances, with the same weights, so that its readings can be used; null for a reference
 *    with weights of its own
 *  @param onComputed called with the number of sequences that had to be scored */
export function createReference(
  model: LanguageModel,
  target: LocalTarget | null,
  liveAdversary: LanguageModel,
  onComputed: (sequences: number) => void = () => undefined,
): Reference {
  if (shareWeights(model, liveAdversary)) {
    throw new ConfigError('the reference is the live adversary: a loss against it is always at its start', {
      where: 'reference',
      expected: 'a frozen copy',
      remedy: 'Open the checkpoint a second time.',
    });
  }
  invariant(target === null || shareWeights(target.model, model), 'readings come from the reference’s own weights');
  const counts = { known: 0, computed: 0 };
  const rounding = { tokens: 0, sum: 0 };
  return {
    counts: () => ({ ...counts }),
    rounding: () => ({ ...rounding }),
    logProbs: async (queries) => {
      const out = queries.map((query) => knownLogProbs(query, target));
      const missing = queries.flatMap((query, i) => (out[i] === null ? [{ query, i }] : []));
      counts.known += queries.length - missing.length;
      counts.computed += missing.length;
      if (missing.length > 0) onComputed(missing.length);
      const computed =
        missing.length === 0
          ? []
          : await scoreCompletions(
              model,
              missing.map(({ query }) => query),
            );
      missing.forEach(({ query, i }, n) => {
        const exact = Array.from(computed[n] ?? []);
        out[i] = exact;
        usableReading(query, target)?.logProbs.forEach((logProb, t) => {
          rounding.tokens++;
          rounding.sum += Math.abs(logProb - (exact[t] ?? NaN));
        });
      });
      return out.map((logProbs, i) => {
        invariant(
          logProbs !== null && logProbs.length === queries[i]?.completion.length,
          'one log-probability a completion token',
        );
        return logProbs;
      });
    },
  };
}

/** A reference that is read where the adversary is trained. @param onComputed called with the number of sequences */
export function createRemoteReference(
  logProbs: (sequences: readonly Sequence[]) => Promise<readonly (readonly number[])[]>,
  onComputed: (sequences: number) => void,
): Reference {
  let computed = 0;
  return {
    counts: () => ({ known: 0, computed }),
    rounding: () => ({ tokens: 0, sum: 0 }),
    logProbs: async (queries) => {
      const asked = queries.filter(({ completion }) => completion.length > 0);
      computed += asked.length;
      if (asked.length > 0) onComputed(asked.length);
      const lists = asked.length === 0 ? [] : await logProbs(asked);
      const read = new Map(asked.map((query, i) => [query, present(lists[i], 'log-probabilities for each query')]));
      return queries.map((query) => read.get(query) ?? []);
    },
  };
}

/** A rounded reading is good enough for a reward, not for a loss. */
function knownLogProbs(query: ReferenceQuery, target: LocalTarget | null): readonly number[] | null {
  return target?.precision === 'f32' ? (usableReading(query, target)?.logProbs ?? null) : null;
}

/** Returns what the target read, when it read exactly these ids after exactly this prefix. */
function usableReading(
  { utterance: { reading }, completion, prefix }: ReferenceQuery,
  target: LocalTarget | null,
): Reading | null {
  const read = target === null ? null : (reading?.tokens ?? null);
  return reading !== undefined && read !== null && sameIds(read.ids, completion) && sameIds(read.prefixIds, prefix)
    ? reading
    : null;
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
