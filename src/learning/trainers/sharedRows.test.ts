import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packSequences, type Sequence } from '../../engine/models/packSequences.js';
import { ConfigError } from '../../base/errors.js';
import { assignRows, packSharedRows, type SharedRows } from './sharedRows.js';

const numbers = (data: ArrayLike<unknown>): number[] => Array.from(data, Number);

/** Lists what the token at a flat position can see, in order of position: its history and itself. */
function historyAt({ ids_BT, positions_BT, mask_BTT }: SharedRows, flat: number): number[] {
  const tokens = ids_BT.dims[1] as number;
  const row = Math.floor(flat / tokens);
  const seen = Array.from({ length: tokens }, (_, t) => t).filter((t) => mask_BTT.data[flat * tokens + t] === 1);
  return seen
    .map((t) => ({ id: Number(ids_BT.data[row * tokens + t]), position: Number(positions_BT.data[row * tokens + t]) }))
    .sort((a, b) => a.position - b.position)
    .map(({ id, position }, i) => {
      expect(position).toBe(i);
      return id;
    });
}

const completion = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 });
const sequence: fc.Arbitrary<Sequence> = fc.record({ prefix: completion, completion });

describe('shared rows', () => {
  it('a pair takes one row: prefix once, both completions after it, the second blind to the first', () => {
    const packed = packSharedRows([
      [
        { prefix: [1, 2, 3], completion: [4, 5] },
        { prefix: [1, 2, 3], completion: [6, 7] },
      ],
    ]);
    expect(numbers(packed.ids_BT.data)).toEqual([1, 2, 3, 4, 6]);
    expect(numbers(packed.positions_BT.data)).toEqual([0, 1, 2, 3, 3]);
    expect(historyAt(packed, 4)).toEqual([1, 2, 3, 6]);
    expect(numbers(packed.rows_N.data)).toEqual([2, 3, 2, 4]);
    expect(numbers(packed.targets_N.data)).toEqual([4, 5, 6, 7]);
    expect(numbers(packed.segment_N)).toEqual([0, 0, 1, 1]);
  });

  it('every token is predicted from exactly its own history, whatever shares its row', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(sequence, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 }),
        (rows) => {
          const packed = packSharedRows(rows);
          let n = 0;
          for (const { prefix, completion: ids } of rows.flat()) {
            ids.forEach((id, t) => {
              expect(historyAt(packed, Number(packed.rows_N.data[n]))).toEqual([...prefix, ...ids.slice(0, t)]);
              expect(Number(packed.targets_N.data[n])).toBe(id);
              n++;
            });
          }
          expect(n).toBe(packed.rows_N.data.length);
        },
      ),
    );
  });

  it('lists the same tokens in the same order as separate rows', () => {
    fc.assert(
      fc.property(fc.array(sequence, { minLength: 1, maxLength: 4 }), (row) => {
        const [shared, separate] = [packSharedRows([row]), packSequences(row)];
        expect(numbers(shared.targets_N.data)).toEqual(numbers(separate.targets_N.data));
        expect(numbers(shared.segment_N)).toEqual(numbers(separate.segment_N));
      }),
    );
  });

  it('padding sees itself, so that no softmax is over nothing', () => {
    const packed = packSharedRows([[{ prefix: [1], completion: [2, 3, 4] }], [{ prefix: [1], completion: [2] }]]);
    expect(packed.ids_BT.dims).toEqual([2, 3]);
    for (let flat = 0; flat < 6; flat++) expect(packed.mask_BTT.data[flat * 3 + (flat % 3)]).toBe(1);
  });

  it('pairs of one tree share a row, strangers do not, and no row outgrows its limit', () => {
    const prompt = [1, 2, 3, 4, 5, 6, 7, 8];
    const pair = (prefix: number[], seed: number): Sequence[] =>
      [10, 20].map((id) => ({ prefix, completion: [id + seed, id + seed, id + seed] }));
    const tree = [pair(prompt, 0), pair([...prompt, 10, 10, 10, 30], 1), pair([...prompt, 20, 20, 20, 31], 2)];
    const stranger = pair([9, 9, 9, 9, 9, 9, 9, 9], 3);
    expect(assignRows([...tree, stranger], 100).map(({ groups }) => groups)).toEqual([[0, 1, 2], [3]]);
    for (const { tokens, groups } of assignRows([...tree, stranger], 20))
      expect(tokens <= 20 || groups.length === 1).toBe(true);
  });

  it('a completion without a prefix is a clear error', () => {
    expect(() => packSharedRows([[{ prefix: [], completion: [1] }]])).toThrow(ConfigError);
  });
});
