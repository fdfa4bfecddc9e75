import { describe, expect, it } from 'vitest';
import { present } from '../../../base/invariant.js';
import { finishGraph, type Graph } from '../graph.js';
import { exact, real, type CaseOperand } from '../testing/opCase.js';
import { runGraph } from '../testing/runGraph.js';
import { createTrace } from '../trace.js';
import type { Provider } from '../value.js';
import { groupQueryAttention } from './attention.js';

const [heads, kvHeads, size] = [4, 2, 8];

function attentionGraph(softcap: number): Graph {
  const trace = createTrace();
  const row = (name: string, of: number): ReturnType<typeof trace.input> =>
    trace.input(name, 'f32', ['B', 'T', of * size]);
  const cache = (name: string): ReturnType<typeof trace.input> => trace.input(name, 'f32', ['B', kvHeads, 'P', size]);
  const { out } = groupQueryAttention({
    q: row('q', heads),
    k: row('k', kvHeads),
    v: row('v', kvHeads),
    pastK: cache('pastK'),
    pastV: cache('pastV'),
    lastIndex: trace.input('lastIndex', 'i32', ['B']),
    total: trace.input('total', 'i32', [1]),
    bias: trace.input('bias', 'f32', ['S', 1, 'T', 'W']),
    heads,
    kvHeads,
    scale: 0.3,
    softcap,
  });
  return finishGraph(trace, { out });
}

/** Rows that end at `lastIndex`, with T new tokens each, over caches with room for P tokens. */
function feeds(lastIndex: readonly number[], T: number, P: number): Record<string, CaseOperand> {
  const B = lastIndex.length;
  const total = Math.max(...lastIndex) + 1;
  const row = (of: number, shift: number): CaseOperand => real([B, T, of * size], [B, T, of * size], { shift });
  const cache = (shift: number): CaseOperand => real([B, kvHeads, P, size], [B, kvHeads, P, size], { shift });
  return {
    q: row(heads, 0),
    k: row(kvHeads, 0.1),
    v: row(kvHeads, 0.2),
    pastK: cache(0.3),
    pastV: cache(0.4),
    lastIndex: exact('i32', [B], [B], lastIndex),
    total: exact('i32', [1], [1], [total]),
    bias: real([1, 1, T, total], [1, 1, T, total], { shift: 0.5 }),
  };
}

describe('cached attention written out for other providers equals the fused kernel', () => {
  it.each([
    { title: 'on rows of different lengths, in a cache with room to spare', lastIndex: [4, 1, 2], T: 1, P: 7 },
    { title: 'on whole prompts in a cache that is filled', lastIndex: [3, 3], T: 4, P: 4 },
    { title: 'on several tokens that continue a row', lastIndex: [5], T: 2, P: 8 },
    { title: 'where scores are capped', lastIndex: [5], T: 2, P: 8, softcap: 0.5 },
  ])('$title', async ({ lastIndex, T, P, softcap = 0 }) => {
    const run = async (provider: Provider): Promise<readonly number[]> =>
      present((await runGraph(attentionGraph(softcap), feeds(lastIndex, T, P), { provider }))['out'], 'out').data;
    const [fused, written] = [await run('cpu'), await run('webgpu')];
    // float32 sums of eight products of size 1
    fused.forEach((value, i) => {
      expect(Math.abs(value - (written[i] ?? NaN))).toBeLessThan(1e-5);
    });
  });
});
