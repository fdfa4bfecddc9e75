/** Tensors in plain TypeScript, in 64-bit floats: what the graph's results are compared with. Slow, simple, no code
 *  shared with the ops. */
import { present } from '../../../base/invariant.js';

export interface Plain {
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

export const plain = (dims: readonly number[], data: readonly number[]): Plain => ({ dims, data });
export const sizeOf = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);
export const element = (data: readonly number[], index: number): number =>
  present(data[index], `element ${String(index)} is there`);

/** A tensor from its elements' multi-indices. */
export function build(dims: readonly number[], f: (index: readonly number[]) => number): Plain {
  return plain(
    dims,
    Array.from({ length: sizeOf(dims) }, (_, flat) => f(unflatten(flat, dims))),
  );
}

export function unflatten(flat: number, dims: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (const size of [...dims].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

/** The element at a multi-index; axes of size 1 broadcast, surplus leading indices are ignored. */
export function read({ dims, data }: Plain, index: readonly number[]): number {
  const own = index.slice(index.length - dims.length);
  return element(
    data,
    dims.reduce((flat, size, axis) => flat * size + (size === 1 ? 0 : element(own, axis)), 0),
  );
}

export function broadcastDims(...all: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...all.map((dims) => dims.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...all.map((dims) => dims[axis - rank + dims.length] ?? 1)),
  );
}

export function elementwise(f: (...values: number[]) => number, ...tensors: readonly Plain[]): Plain {
  return build(broadcastDims(...tensors.map(({ dims }) => dims)), (index) =>
    f(...tensors.map((tensor) => read(tensor, index))),
  );
}

/** Reduces whole axes with a function of the list of their elements. */
export function reduced(
  tensor: Plain,
  axes: readonly number[],
  keepDims: boolean,
  f: (values: readonly number[]) => number,
): Plain {
  const kept = tensor.dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const groups = new Map<string, number[]>();
  tensor.data.forEach((value, flat) => {
    const key = unflatten(flat, tensor.dims)
      .map((each, axis) => (axes.includes(axis) ? 0 : each))
      .join();
    groups.set(key, [...(groups.get(key) ?? []), value]);
  });
  const result = build(kept, (index) => f(groups.get(index.join()) ?? []));
  return keepDims
    ? result
    : plain(
        tensor.dims.filter((_, axis) => !axes.includes(axis)),
        result.data,
      );
}

/** Applies a function to every vector along the last axis. */
export function overRows(tensor: Plain, f: (row: readonly number[], rowIndex: number) => readonly number[]): Plain {
  const width = element(tensor.dims, tensor.dims.length - 1);
  const rows = Array.from({ length: tensor.data.length / width }, (_, row) =>
    f(tensor.data.slice(row * width, (row + 1) * width), row),
  );
  return plain([...tensor.dims.slice(0, -1), rows[0]?.length ?? width], rows.flat());
}

export function transposed({ dims, data }: Plain, perm: readonly number[]): Plain {
  return build(
    perm.map((axis) => element(dims, axis)),
    (index) =>
      read(
        plain(dims, data),
        dims.map((_, axis) => element(index, perm.indexOf(axis))),
      ),
  );
}

export function swapLast(tensor: Plain): Plain {
  const axes = tensor.dims.map((_, axis) => axis);
  return transposed(tensor, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

export function product(a: Plain, b: Plain, scale = 1): Plain {
  const inner = element(a.dims, a.dims.length - 1);
  const batch = broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2));
  return build([...batch, element(a.dims, a.dims.length - 2), element(b.dims, b.dims.length - 1)], (index) => {
    const [head, row, column] = [
      index.slice(0, -2),
      element(index, index.length - 2),
      element(index, index.length - 1),
    ];
    return (
      scale *
      Array.from({ length: inner }, (_, k) => read(a, [...head, row, k]) * read(b, [...head, k, column])).reduce(
        (sum, each) => sum + each,
        0,
      )
    );
  });
}

export const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);
export const mean = (values: readonly number[]): number => sum(values) / values.length;
export const logSumExpOf = (values: readonly number[]): number => {
  const max = Math.max(...values);
  return max + Math.log(sum(values.map((each) => Math.exp(each - max))));
};
export const softmaxOf = (values: readonly number[]): number[] =>
  values.map((each) => Math.exp(each - logSumExpOf(values)));

/** Error function by its Taylor series (|x| ≤ 3: error below 1e-13). */
export function erfOf(x: number): number {
  let [term, total] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}
