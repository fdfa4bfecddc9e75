/** A live batch takes these data and its steps give them. Plain data: it crosses to the worker. */
import type { DecodeRow } from './decodeRow.js';
import type { ErrorRecord } from './errorTransfer.js';
import type { TokenAlternatives } from './topTokens.js';

/** A row of a live batch. `continues` is of no meaning here. */
export interface LiveRow extends DecodeRow {
  /** The caller's name for it, unique among the rows of the batch. */
  readonly key: number;
  /** The most probable tokens to give at every new and every scored position; 0 = none. */
  readonly alternatives: number;
}

/** A change between two steps. */
export interface LiveChange {
  readonly admit: readonly LiveRow[];
  /** Keys of rows to give up; unknown ones are passed over. */
  readonly drop: readonly number[];
}

/** The effect of a step on one row. */
export interface LiveEvent {
  readonly key: number;
  readonly token: LiveToken | null;
  /** Once, when the prompt is read, for rows that asked: log p of ids[scoreFrom …], nats, with alternatives where
   *  wanted. */
  readonly scored: { readonly logProbs: readonly number[]; readonly alternatives: readonly TokenAlternatives[] } | null;
  /** Set in the row's last event. */
  readonly finishReason: 'stop' | 'length' | null;
  /** The row failed and has left the batch. */
  readonly error: ErrorRecord | null;
}

export interface LiveToken {
  readonly id: number;
  /** Under the model itself, nats. */
  readonly logProb: number;
  readonly alternatives: TokenAlternatives | null;
}
