/** Completions that a policy has drawn, cut for its graphs: which of them share a row, which rows a microbatch. Those of one
 *  prompt, or of one dialogue, have their common history computed once. */
import { present } from '../../base/invariant.js';
import type { Sequence } from '../../engine/models/packSequences.js';
import { f32Tensor, type HostTensor } from '../../engine/runtime/hostTensor.js';
import { planMicrobatches } from './microbatches.js';
import { assignRows } from './sharedRows.js';
import { packRows, type RowKind } from './tokenInputs.js';

export interface DrawnPacking {
  /** `separate` computes every completion in a row of its own and is what `shared` is tested against. */
  readonly rows: 'shared' | 'separate';
  /** Tokens, padding included, computed at once. */
  readonly microbatchTokens: number;
}

export function rowKindOf({ rows }: Pick<DrawnPacking, 'rows'>): RowKind {
  return rows === 'shared' ? 'masked' : 'causal';
}

/** A microbatch: what `tokenInputs` lists, and its sequences in the order of its rows. */
export interface DrawnMicrobatch {
  readonly feeds: Readonly<Record<string, HostTensor>>;
  /** Index of each sequence in the batch. */
  readonly items: readonly number[];
  /** By token of the graph: the index in the batch, and the token's place in its completion. */
  readonly tokens: readonly { readonly item: number; readonly place: number }[];
}

export function cutDrawn(sequences: readonly Sequence[], packing: DrawnPacking): readonly DrawnMicrobatch[] {
  const { rows: kind, microbatchTokens } = packing;
  const rows: readonly { readonly groups: readonly number[]; readonly tokens: number }[] =
    kind === 'shared'
      ? assignRows(
          sequences.map((sequence) => [sequence]),
          microbatchTokens,
        )
      : sequences.map(({ prefix, completion }, i) => ({ groups: [i], tokens: prefix.length + completion.length }));
  const plan = planMicrobatches(
    rows.map(({ tokens }) => tokens),
    microbatchTokens,
  );
  return plan.map((members) => {
    const byRow = members.map((row) => present(rows[row], 'a row').groups);
    const items = byRow.flat();
    const packed = packRows(
      byRow.map((row) => row.map((i) => present(sequences[i], 'a sequence'))),
      rowKindOf(packing),
    );
    let [segment, place] = [-1, 0];
    const tokens = Array.from(packed.segment_N, (each) => {
      place = each === segment ? place + 1 : 0;
      segment = each;
      return { item: present(items[each], 'an item for each segment'), place };
    });
    return { feeds: packed.feeds, items, tokens };
  });
}

/** A number for each token of a microbatch. */
export function perToken(
  { tokens }: Pick<DrawnMicrobatch, 'tokens'>,
  value: (item: number, place: number) => number,
): HostTensor {
  return f32Tensor(
    [tokens.length],
    Float32Array.from(tokens, ({ item, place }) => value(item, place)),
  );
}

/** Puts an output of each token into one list per sequence. */
export function bySequence(
  count: number,
  microbatches: readonly Pick<DrawnMicrobatch, 'tokens'>[],
  outputs: readonly Readonly<Record<string, HostTensor>>[],
  name: string,
): readonly (readonly number[])[] {
  const lists: number[][] = Array.from({ length: count }, () => []);
  microbatches.forEach(({ tokens }, m) => {
    const data = present(outputs[m]?.[name], `the graph gives ${name}`).data;
    tokens.forEach(({ item, place }, n) => (present(lists[item], 'a list for each sequence')[place] = Number(data[n])));
  });
  return lists;
}
