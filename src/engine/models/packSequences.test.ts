import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../base/errors.js';
import { packSequences } from './packSequences.js';
import { tokenBatches } from './tokenBatches.js';

describe('packed sequences', () => {
  const items = [
    { prefix: [5, 6, 7], completion: [8, 9] },
    { prefix: [1], completion: [2] },
    { prefix: [3, 4], completion: [] },
  ];
  const packed = packSequences(items);

  it('logit t predicts token t + 1: each completion token is listed by the position before it', () => {
    expect(packed.ids_BT.dims).toEqual([3, 4]);
    expect([...packed.rows_N.data].map(Number)).toEqual([2, 3, 4]);
    expect([...packed.targets_N.data].map(Number)).toEqual([8, 9, 2]);
    expect([...packed.segment_N]).toEqual([0, 0, 1]);
  });

  it('rows are padded on the right, positions count on through the padding, and a last token that predicts nothing is not read', () => {
    expect([...packed.ids_BT.data].map(Number)).toEqual([5, 6, 7, 8, 1, 0, 0, 0, 3, 4, 0, 0]);
    expect([...packed.positions_BT.data].map(Number)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('an empty prefix is refused: P(first token) is not defined without a token before it', () => {
    expect(() => packSequences([{ prefix: [], completion: [1] }])).toThrow(ConfigError);
  });
});

describe('token batches', () => {
  it('hold every sequence once, the longest first, each batch within the budget with its padding', () => {
    const lengths = [3, 9, 1, 4, 4, 12, 2];
    const batches = tokenBatches(lengths, 12);
    expect([...batches.flat()].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(batches).toEqual([[5], [1], [3, 4, 0], [6, 2]]);
  });

  it('a sequence longer than the budget is a batch of its own', () => {
    expect(tokenBatches([20, 1], 8)).toEqual([[0], [1]]);
  });
});
