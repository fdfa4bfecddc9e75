/** Sample cases of ops that exist for language models: look-ups, normalisation, rotary embedding, the head, cached
 *  attention. */
import * as op from '../../ops/all.js';
import type { Value } from '../../value.js';
import { exact, parameter, real, type CaseOperand, type OpCase } from '../opCase.js';
import {
  build,
  element,
  elementwise,
  logSumExpOf,
  mean,
  overRows,
  plain,
  product,
  read,
  reduced,
  softmaxOf,
  sum,
  swapLast,
  transposed,
  type Plain,
} from '../plain.js';

const epsilon = 1e-5;
const x = real(['B', 'T', 6], [2, 3, 6], { scale: 2 });
const ids = exact('i64', ['B', 'T'], [2, 3], [4, 0, 2, 2, 4, 2]);
const gain = parameter([6], { scale: 0.3, shift: 1 });
const bias = parameter([6], { scale: 0.2 });

const layerScaled = (row: readonly number[]): number[] => {
  const deviation = Math.sqrt(mean(row.map((each) => (each - mean(row)) ** 2)) + epsilon);
  return row.map((each) => (each - mean(row)) / deviation);
};
const rmsScaled = (row: readonly number[]): number[] =>
  row.map((each) => each / Math.sqrt(mean(row.map((one) => one * one)) + epsilon));

const taken = (table: Plain, index: Plain): Plain =>
  build([...index.dims, ...table.dims.slice(1)], (at) => {
    const row = read(index, at.slice(0, index.dims.length));
    return read(table, [row, ...at.slice(index.dims.length)]);
  });

const halfRotation = (tensor: Plain, cos: Plain, sin: Plain): Plain => {
  const half = element(cos.dims, 2);
  return build(tensor.dims, ([b = 0, h = 0, t = 0, i = 0]) => {
    const pair = i % half;
    const [c, s] = [read(cos, [b, t, pair]), read(sin, [b, t, pair])];
    if (i >= 2 * half) return read(tensor, [b, h, t, i]);
    const [low, high] = [read(tensor, [b, h, t, pair]), read(tensor, [b, h, t, pair + half])];
    return i < half ? low * c - high * s : high * c + low * s;
  });
};

const angles = [
  real(['B', 'T', 2], [2, 3, 2], { shift: 0.5 }),
  real(['B', 'T', 2], [2, 3, 2], { shift: -0.5 }),
] as const;
const splitHeads = ({ dims, data }: Plain, heads: number): Plain =>
  transposed(plain([element(dims, 0), element(dims, 1), heads, element(dims, 2) / heads], data), [0, 2, 1, 3]);
const joinHeads = (tensor: Plain): Plain => {
  const [b = 0, h = 0, t = 0, d = 0] = tensor.dims;
  return plain([b, t, h * d], transposed(tensor, [0, 2, 1, 3]).data);
};

interface HeadLayout {
  readonly heads: number;
  readonly kvHeads: number;
  readonly scale: number;
  readonly softcap?: number;
}

/** Causal attention of the new tokens over past and new ones, every row of full length. */
function attend(
  [q, k, v]: readonly [Plain, Plain, Plain],
  [pastK, pastV]: readonly [Plain, Plain],
  bias: Plain,
  { heads, kvHeads, scale, softcap }: HeadLayout,
): readonly Plain[] {
  const past = element(pastK.dims, 2);
  const grow = (before: Plain, now: Plain): Plain =>
    build(before.dims.with(2, past + element(now.dims, 2)), ([b = 0, h = 0, t = 0, d = 0]) =>
      t < past ? read(before, [b, h, t, d]) : read(now, [b, h, t - past, d]),
    );
  const [allK, allV] = [grow(pastK, splitHeads(k, kvHeads)), grow(pastV, splitHeads(v, kvHeads))];
  const group = heads / kvHeads;
  const repeat = (tensor: Plain): Plain =>
    build(tensor.dims.with(1, heads), ([b = 0, h = 0, t = 0, d = 0]) => read(tensor, [b, Math.floor(h / group), t, d]));
  const raw = product(splitHeads(q, heads), swapLast(repeat(allK)), scale);
  const scores = softcap === undefined ? raw : elementwise((each) => softcap * Math.tanh(each / softcap), raw);
  const biased = elementwise((score, each) => score + each, scores, bias);
  const masked = build(biased.dims, (index) =>
    element(index, 3) > element(index, 2) + past ? -1e9 : read(biased, index),
  );
  return [joinHeads(product(overRows(masked, softmaxOf), repeat(allV))), allK, allV];
}

function attentionCase(
  title: string,
  [batch, biases, tokens, past]: readonly [number, number, number, number],
  layout: HeadLayout,
): OpCase {
  const size = 8;
  const row = (heads: number, shift: number): CaseOperand =>
    real(['B', 'T', heads * size], [batch, tokens, heads * size], { shift });
  const cache = (shift: number): CaseOperand =>
    real(['B', layout.kvHeads, 'P', size], [batch, layout.kvHeads, past, size], { shift });
  const total = past + tokens;
  return {
    title,
    differentiable: [],
    operands: [
      row(layout.heads, 0),
      row(layout.kvHeads, 0.1),
      row(layout.kvHeads, 0.2),
      cache(0.3),
      cache(0.4),
      exact('i32', ['B'], [batch], new Array<number>(batch).fill(total - 1)),
      exact('i32', [1], [1], [total]),
      real(['S', 1, 'T', 'W'], [biases, 1, tokens, total], { shift: 0.5 }),
    ],
    build: ([q, k, v, pastK, pastV, lastIndex, all, bias]) => {
      const { out, presentK, presentV } = op.groupQueryAttention({
        q: q as Value,
        k: k as Value,
        v: v as Value,
        pastK: pastK as Value,
        pastV: pastV as Value,
        lastIndex: lastIndex as Value,
        total: all as Value,
        bias: bias as Value,
        ...layout,
      });
      return [out, presentK, presentV];
    },
    expected: ([q, k, v, pastK, pastV, , , bias]) =>
      attend([q as Plain, k as Plain, v as Plain], [pastK as Plain, pastV as Plain], bias as Plain, layout),
  };
}

function headCase(title: string, softcap: number): OpCase {
  return {
    title,
    operands: [real(['N', 6], [4, 6], { scale: 2 }), parameter([5, 6]), exact('i64', ['N'], [4], [3, 0, 3, 4])],
    build: ([h, w, t]) => op.tokenLogProb(h as Value, w as Value, t as Value, { softcap }),
    expected: ([h, w, t]) => {
      const logits = elementwise(
        (each) => (softcap === 0 ? each : softcap * Math.tanh(each / softcap)),
        product(h as Plain, swapLast(w as Plain)),
      );
      const normal = overRows(logits, (row) => row.map((each) => each - logSumExpOf(row)));
      return build([4], ([n = 0]) => read(normal, [n, read(t as Plain, [n])]));
    },
  };
}

export const modelCases = {
  gatherRows: [
    {
      title: 'of a parameter',
      operands: [parameter([5, 6]), ids],
      build: ([t, i]) => op.gatherRows(t as Value, i as Value),
      expected: ([t, i]) => taken(t as Plain, i as Plain),
    },
    {
      title: 'of a computed table',
      operands: [real(['V', 6], [5, 6]), exact('i32', ['N'], [3], [1, 1, 4])],
      build: ([t, i]) => op.gatherRows(op.mul(t as Value, 2), i as Value),
      expected: ([t, i]) =>
        taken(
          elementwise((each) => 2 * each, t as Plain),
          i as Plain,
        ),
    },
  ],
  takeRows: [
    {
      title: 'of a matrix, with repeats',
      operands: [real(['N', 6], [5, 6]), exact('i64', ['M'], [4], [3, 0, 3, 1])],
      build: ([t, i]) => op.takeRows(t as Value, i as Value),
      expected: ([t, i]) => taken(t as Plain, i as Plain),
    },
    {
      title: 'of a vector',
      operands: [real(['N'], [5]), exact('i64', ['M'], [4], [3, 0, 3, 1])],
      build: ([t, i]) => op.takeRows(t as Value, i as Value),
      expected: ([t, i]) => taken(t as Plain, i as Plain),
    },
  ],
  scatterAddRows: [
    {
      title: 'sums repeated rows',
      operands: [real(['M', 3], [4, 3]), exact('i64', ['M'], [4], [2, 0, 2, 2]), real(['N'], [5])],
      differentiable: [0],
      build: ([r, i]) => op.scatterAddRows(r as Value, i as Value, 'N'),
      expected: ([r, i]) =>
        build([5, 3], ([n = 0, c = 0]) =>
          sum((i as Plain).data.flatMap((id, m) => (id === n ? [read(r as Plain, [m, c])] : []))),
        ),
    },
    {
      title: 'sums numbers by segment',
      operands: [real(['M'], [4]), exact('i64', ['M'], [4], [1, 0, 1, 1])],
      differentiable: [0],
      build: ([r, i]) => op.scatterAddRows(r as Value, i as Value, 2),
      expected: ([r, i]) =>
        build([2], ([n = 0]) => sum((i as Plain).data.flatMap((id, m) => (id === n ? [read(r as Plain, [m])] : [])))),
    },
  ],
  gatherLast: [
    {
      title: 'one element a row',
      operands: [x, exact('i64', ['B', 'T'], [2, 3], [5, 0, 3, 3, 1, 2])],
      build: ([t, i]) => op.gatherLast(t as Value, i as Value),
      expected: ([t, i]) => build([2, 3], (index) => read(t as Plain, [...index, read(i as Plain, index)])),
    },
  ],
  scatterLast: [
    {
      title: 'one element a row',
      operands: [real(['B', 'T'], [2, 3]), ids],
      build: ([t, i]) => op.scatterLast(t as Value, i as Value, 5),
      expected: ([t, i]) =>
        build([2, 3, 5], ([b = 0, t_ = 0, k = 0]) => (read(i as Plain, [b, t_]) === k ? read(t as Plain, [b, t_]) : 0)),
    },
  ],
  layerNorm: [
    {
      title: 'with gain and bias',
      operands: [x, gain, bias],
      build: ([a, g, b]) => op.layerNorm(a as Value, g as Value, b as Value, epsilon),
      expected: ([a, g, b]) =>
        elementwise(
          (each, scale, shift) => each * scale + shift,
          overRows(a as Plain, layerScaled),
          g as Plain,
          b as Plain,
        ),
    },
  ],
  rmsNorm: [
    {
      title: 'with gain',
      operands: [x, gain],
      build: ([a, g]) => op.rmsNorm(a as Value, g as Value, epsilon),
      expected: ([a, g]) => elementwise((each, scale) => each * scale, overRows(a as Plain, rmsScaled), g as Plain),
    },
  ],
  standardize: (['layer', 'rms'] as const).map((centering): OpCase => ({
    title: centering,
    operands: [x],
    build: ([a]) => {
      const { standardized, inverseScale } = op.standardize(a as Value, centering, epsilon);
      return [standardized, inverseScale];
    },
    expected: ([a]) => {
      const spread = (row: readonly number[]): number =>
        mean(row.map((each) => (each - (centering === 'layer' ? mean(row) : 0)) ** 2)) + epsilon;
      return [
        overRows(a as Plain, centering === 'layer' ? layerScaled : rmsScaled),
        reduced(a as Plain, [2], true, (row) => 1 / Math.sqrt(spread(row))),
      ];
    },
  })),
  rotary: [
    {
      title: 'of [B, H, T, D]',
      operands: [real(['B', 3, 'T', 4], [2, 3, 3, 4]), ...angles],
      differentiable: [0],
      build: ([a, c, s]) => op.rotary(a as Value, c as Value, s as Value),
      expected: ([a, c, s]) => halfRotation(a as Plain, c as Plain, s as Plain),
    },
    {
      title: 'of [B, T, H·D]',
      operands: [real(['B', 'T', 12], [2, 3, 12]), ...angles],
      differentiable: [0],
      build: ([a, c, s]) => op.rotary(a as Value, c as Value, s as Value, { heads: 3 }),
      expected: ([a, c, s]) => joinHeads(halfRotation(splitHeads(a as Plain, 3), c as Plain, s as Plain)),
    },
    {
      title: 'of [B, T, H·D], the last elements of each head left as they are',
      operands: [real(['B', 'T', 18], [2, 3, 18]), ...angles],
      differentiable: [0],
      build: ([a, c, s]) => op.rotary(a as Value, c as Value, s as Value, { heads: 3 }),
      expected: ([a, c, s]) => joinHeads(halfRotation(splitHeads(a as Plain, 3), c as Plain, s as Plain)),
    },
  ],
  tokenLogProb: [headCase('in nats, targets repeated', 0), headCase('of capped logits', 1.5)],
  groupQueryAttention: [
    attentionCase('of a whole prompt, heads in groups', [2, 2, 4, 0], { heads: 4, kvHeads: 2, scale: 0.3 }),
    attentionCase('of one more token over a cache, one bias for all rows', [2, 1, 1, 5], {
      heads: 4,
      kvHeads: 2,
      scale: 0.3,
    }),
    attentionCase('of one more token, a key head for every query head', [1, 1, 1, 3], {
      heads: 2,
      kvHeads: 2,
      scale: 0.5,
    }),
    attentionCase('with capped scores, the bias added after', [2, 2, 4, 0], {
      heads: 4,
      kvHeads: 2,
      scale: 0.8,
      softcap: 0.7,
    }),
    attentionCase('of one more token with capped scores', [2, 1, 1, 5], {
      heads: 4,
      kvHeads: 2,
      scale: 0.8,
      softcap: 0.7,
    }),
  ],
} as const satisfies Record<string, readonly OpCase[]>;
