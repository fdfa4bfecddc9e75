/** The eigenvalues of a symmetric matrix: Householder's reduction to three diagonals, then QL iterations with implicit
 *  shifts. Time grows with the third power of the size: 384 rows take a tenth of a second.
 *  @source Wilkinson and Reinsch 1971 (tred1, imtql1), as EISPACK and Numerical Recipes have them */
import { invariant } from '../base/invariant.js';

/** @param matrix_NN row by row, symmetric; unchanged
 *  @returns in no order, of a size n matrix n values */
export function symmetricEigenvalues(matrix_NN: Float64Array, size: number): Float64Array {
  invariant(matrix_NN.length === size * size, 'a square matrix');
  const { diagonal, beside } = tridiagonal(matrix_NN.slice(), size);
  diagonalise(diagonal, beside);
  return diagonal;
}

interface Tridiagonal {
  readonly diagonal: Float64Array;
  /** `beside[i]` couples i and i + 1; the last is 0. */
  readonly beside: Float64Array;
}

/** Reduces in place, from the last row up. */
function tridiagonal(a: Float64Array, size: number): Tridiagonal {
  const diagonal = new Float64Array(size);
  const beside = new Float64Array(size);
  const at = (row: number, column: number): number => a[row * size + column] as number; // In range throughout.
  for (let i = size - 1; i > 0; i--) {
    let squares = 0;
    for (let k = 0; k < i; k++) squares += at(i, k) ** 2;
    const last = at(i, i - 1);
    if (squares === last * last) {
      beside[i - 1] = last; // The row is reduced already.
      continue;
    }
    const side = last > 0 ? -Math.sqrt(squares) : Math.sqrt(squares);
    beside[i - 1] = side;
    // The reflection is along u, the row with its last element less `side`; H = u·u / 2.
    const half = squares - last * side;
    a[i * size + i - 1] = last - side;
    const product = new Float64Array(i);
    let overlap = 0;
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = 0; k < i; k++) sum += (j >= k ? at(j, k) : at(k, j)) * at(i, k);
      product[j] = sum / half;
      overlap += (sum / half) * at(i, j);
    }
    const share = overlap / (2 * half);
    for (let j = 0; j < i; j++) product[j] = (product[j] as number) - share * at(i, j);
    for (let j = 0; j < i; j++) {
      const [u, p] = [at(i, j), product[j] as number];
      for (let k = 0; k <= j; k++) a[j * size + k] = at(j, k) - u * (product[k] as number) - p * at(i, k);
    }
  }
  for (let i = 0; i < size; i++) diagonal[i] = at(i, i);
  return { diagonal, beside };
}

const mostIterations = 50;

/** QL iterations in place: `d` becomes the eigenvalues, `e` zero. */
function diagonalise(d: Float64Array, e: Float64Array): void {
  const size = d.length;
  const get = (values: Float64Array, i: number): number => values[i] as number; // In range throughout.
  for (let low = 0; low < size; low++) {
    for (let iteration = 0; ; iteration++) {
      let split = low;
      for (; split < size - 1; split++) {
        const scale = Math.abs(get(d, split)) + Math.abs(get(d, split + 1));
        if (Math.abs(get(e, split)) <= Number.EPSILON * scale) break;
      }
      if (split === low) break;
      invariant(iteration < mostIterations, 'the iterations for eigenvalues end');
      let g = (get(d, low + 1) - get(d, low)) / (2 * get(e, low));
      let r = Math.hypot(g, 1);
      g = get(d, split) - get(d, low) + get(e, low) / (g + (g >= 0 ? Math.abs(r) : -Math.abs(r)));
      let [s, c, p] = [1, 1, 0];
      let i = split - 1;
      for (; i >= low; i--) {
        const f = s * get(e, i);
        const b = c * get(e, i);
        r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] = get(d, i + 1) - p;
          e[split] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = get(d, i + 1) - p;
        r = (get(d, i) - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
      }
      if (r === 0 && i >= low) continue;
      d[low] = get(d, low) - p;
      e[low] = g;
      e[split] = 0;
    }
  }
}
