/** The inputs that every loss of completions has, and the rows that completions are laid into. */
import { packSequences, type PackedSequences, type Sequence } from '../../engine/models/packSequences.js';
import type { TokenLogProbInputs } from '../../engine/models/tokenLogProbs.js';
import type { HostTensor } from '../../engine/runtime/hostTensor.js';
import type { Trace } from '../../engine/tensor/value.js';
import { packSharedRows } from './sharedRows.js';

/** Rows in which a token sees itself and its ancestors alone, or ordinary rows. */
export type RowKind = 'masked' | 'causal';

/** inputs  ids, positions i64 [B, T] · mask bool [B, T, T] (masked rows only) · rows, targets i64 [N] */
export function tokenInputs(trace: Trace, kind: RowKind): TokenLogProbInputs {
  return {
    ids_BT: trace.input('ids', 'i64', ['B', 'T']),
    positions_BT: trace.input('positions', 'i64', ['B', 'T']),
    attention:
      kind === 'masked' ? { kind: 'mask', mask: trace.input('mask', 'bool', ['B', 'T', 'T']) } : { kind: 'causal' },
    rows_N: trace.input('rows', 'i64', ['N']),
    targets_N: trace.input('targets', 'i64', ['N']),
  };
}

export interface PackedRows {
  /** The inputs that `tokenInputs` lists. */
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** The sequence that each completion token belongs to, in the order of the rows. */
  readonly segment_N: Int32Array;
}

/** @param rows the sequences of each row */
export function packRows(rows: readonly (readonly Sequence[])[], kind: RowKind): PackedRows {
  const packed: PackedSequences & { readonly mask_BTT?: HostTensor } =
    kind === 'masked' ? packSharedRows(rows) : packSequences(rows.flat());
  return {
    feeds: {
      ids: packed.ids_BT,
      positions: packed.positions_BT,
      ...(packed.mask_BTT === undefined ? {} : { mask: packed.mask_BTT }),
      rows: packed.rows_N,
      targets: packed.targets_N,
    },
    segment_N: packed.segment_N,
  };
}
