/** Sequences packed so that what they begin with in common is computed once: [prefix | y+ | y−] of a preference pair in
 *  one row, y− blind to y+, pairs of one rollout tree (whose prefixes extend each other) in one row as well, examples
 *  to imitate side by side.
 *
 *  A row is a trie of token ids, parents before children; a token sees itself and its ancestors, and its position is
 *  its depth, so every completion is computed exactly as if it stood alone. */
import { ConfigError } from '../../base/errors.js';
import { invariant, present } from '../../base/invariant.js';
import type { PackedSequences, Sequence } from '../../engine/models/packSequences.js';
import { boolTensor, type HostTensor, i64Tensor } from '../../engine/runtime/hostTensor.js';

export interface SharedRows extends PackedSequences {
  /** bool [B, T, T]: the token of axis 1 sees that of axis 2. */
  readonly mask_BTT: HostTensor;
}

/** Tokens of one row: what each is, how deep it lies and after which token it comes. */
interface Trie {
  readonly ids: number[];
  readonly depths: number[];
  /** Index of the token before, −1 at the beginning. */
  readonly parents: number[];
  readonly children: Map<number, number>[];
  readonly first: Map<number, number>;
}

/** Sequences that should share a row, for instance the two of a pair. */
export type SequenceGroup = readonly Sequence[];

/** At rows of about this length attention costs as much as all the rest (3,000 for SmolLM2-135M, more for wider
 *  models). */
const costlyAttention = 2048;

/** Assigns groups to rows. A group joins the row with which it has most tokens in common, if computing those once saves
 *  more than attention between strangers costs, and if that row stays within `maxRowTokens`.
 *  @returns for each row the indices of its groups */
export function assignRows(
  groups: readonly SequenceGroup[],
  maxRowTokens: number,
): readonly { readonly groups: readonly number[]; readonly tokens: number }[] {
  const rows: { groups: number[]; trie: Trie }[] = [];
  groups.forEach((group, index) => {
    const alone = emptyTrie();
    for (const sequence of group) insert(alone, sequence);
    const size = alone.ids.length;
    let host: { readonly row: (typeof rows)[number]; readonly shared: number } | null = null;
    for (const row of rows) {
      const shared = sharedTokens(row.trie, group);
      const length = row.trie.ids.length;
      const saves = shared * costlyAttention > 2 * (size - shared) * length;
      if (saves && length + size - shared <= maxRowTokens && shared > (host?.shared ?? 0)) host = { row, shared };
    }
    if (host === null) {
      rows.push({ groups: [index], trie: alone });
    } else {
      for (const sequence of group) insert(host.row.trie, sequence);
      host.row.groups.push(index);
    }
  });
  return rows.map(({ groups: members, trie }) => ({ groups: members, tokens: trie.ids.length }));
}

/** @param rows the sequences of each row; the result lists completions row by row, sequence by sequence
 *  @throws ConfigError when a sequence with a completion has no prefix */
export function packSharedRows(rows: readonly (readonly Sequence[])[]): SharedRows {
  for (const { prefix, completion } of rows.flat()) {
    if (prefix.length === 0 && completion.length > 0) {
      throw new ConfigError('the probability of a first token is not defined', {
        expected: 'a prefix of at least one token',
        remedy: 'Give a prompt, or begin with a begin token.',
      });
    }
  }
  const tries = rows.map((sequences) => {
    const trie = emptyTrie();
    return { trie, paths: sequences.map((sequence) => insert(trie, sequence)) };
  });
  const tokens = Math.max(0, ...tries.map(({ trie }) => trie.ids.length));
  invariant(rows.length > 0 && tokens > 0, 'a batch has at least one token');
  const ids = new BigInt64Array(rows.length * tokens);
  const positions = new BigInt64Array(rows.length * tokens);
  const mask = new Uint8Array(rows.length * tokens * tokens);
  const predicting: number[] = [];
  const targets: number[] = [];
  const segments: number[] = [];
  let segment = 0;
  tries.forEach(({ trie, paths }, row) => {
    const start = row * tokens;
    for (let t = 0; t < tokens; t++) {
      ids[start + t] = BigInt(trie.ids[t] ?? 0);
      positions[start + t] = BigInt(trie.depths[t] ?? 0);
      const sees = (start + t) * tokens;
      const parent = trie.parents[t] ?? -1;
      if (parent >= 0) mask.copyWithin(sees, (start + parent) * tokens, (start + parent + 1) * tokens);
      mask[sees + t] = 1;
    }
    paths.forEach((path, s) => {
      const { prefix, completion } = present(rows[row]?.[s], 'a sequence for each path');
      completion.forEach((id, t) => {
        predicting.push(start + present(path[prefix.length + t - 1], 'every token has one before it'));
        targets.push(id);
        segments.push(segment);
      });
      segment++;
    });
  });
  const dims = [rows.length, tokens];
  return {
    ids_BT: i64Tensor(dims, ids),
    positions_BT: i64Tensor(dims, positions),
    mask_BTT: boolTensor([...dims, tokens], mask),
    rows_N: i64Tensor([predicting.length], predicting),
    targets_N: i64Tensor([targets.length], targets),
    segment_N: Int32Array.from(segments),
  };
}

function emptyTrie(): Trie {
  return { ids: [], depths: [], parents: [], children: [], first: new Map() };
}

/** Adds a sequence and returns the index of each of its tokens. The last token of a completion is predicted but
 *  predicts nothing, so it needs no place of its own. */
function insert(trie: Trie, { prefix, completion }: Sequence): readonly number[] {
  const path: number[] = [];
  let node = -1;
  for (const id of readTokens(prefix, completion)) {
    const siblings = childrenOf(trie, node);
    let next = siblings.get(id);
    if (next === undefined) {
      next = trie.ids.length;
      siblings.set(id, next);
      trie.ids.push(id);
      trie.depths.push(path.length);
      trie.parents.push(node);
      trie.children.push(new Map());
    }
    path.push(next);
    node = next;
  }
  return path;
}

function sharedTokens(trie: Trie, group: SequenceGroup): number {
  const shared = new Set<number>();
  for (const { prefix, completion } of group) {
    let node: number | undefined = -1;
    for (const id of readTokens(prefix, completion)) {
      node = childrenOf(trie, node).get(id);
      if (node === undefined) break;
      shared.add(node);
    }
  }
  return shared.size;
}

function* readTokens(prefix: readonly number[], completion: readonly number[]): Generator<number> {
  yield* prefix;
  for (let t = 0; t < completion.length - 1; t++) yield completion[t] as number;
}

function childrenOf(trie: Trie, node: number): Map<number, number> {
  return node === -1 ? trie.first : present(trie.children[node], 'a token’s children');
}
