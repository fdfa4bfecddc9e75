import { describe, expect, it } from 'vitest';
import { formatTable } from './table.js';

describe('a table for people', () => {
  it('has columns as wide as their widest cell, also of more rows than a call may have arguments', () => {
    const rows = Array.from({ length: 300_000 }, (_, i) => [i === 7 ? 'widest' : 'x', 'y']);
    const lines = formatTable(['a', 'b'], rows, [0]).split('\n');
    expect(lines).toHaveLength(300_002);
    expect(lines.slice(0, 3)).toEqual(['     a  b', '──────  ─', '     x  y']);
  });
});
