/** Weights in 8 bits: a step a column, symmetric, stored with zero point 128. Pure. */

export interface QuantizedMatrix {
  /** [K, N], row by row; 128 is 0. */
  readonly data: Uint8Array;
  /** The worth of one step per column, [N]. */
  readonly steps: Float32Array;
}

/** Columns handled at once, so that reading and writing both stay in the cache. */
const stripe = 32;

/** W[k][n] ≈ (data[k][n] − 128) · steps[n], steps[n] = the column's largest magnitude / 127: an error of at most half a
 *  step.
 *  @param weight [K, N], or [N, K] when `isTransposed` */
export function quantizeColumns(
  weight: Float32Array,
  [K, N]: readonly [number, number],
  isTransposed: boolean,
): QuantizedMatrix {
  const data = new Uint8Array(K * N);
  const steps = new Float32Array(N);
  const [strideK, strideN] = isTransposed ? [1, K] : [N, 1];
  const perUnit = new Float64Array(stripe);
  for (let start = 0; start < N; start += stripe) {
    const columns = Math.min(stripe, N - start);
    for (let n = 0; n < columns; n++) {
      let most = 0;
      for (let k = 0, at = (start + n) * strideN; k < K; k++, at += strideK)
        most = Math.max(most, Math.abs(weight[at] as number));
      perUnit[n] = most === 0 ? 0 : 127 / most;
      steps[start + n] = most / 127;
    }
    for (let k = 0; k < K; k++) {
      const row = k * N + start;
      for (let n = 0, at = start * strideN + k * strideK; n < columns; n++, at += strideN) {
        data[row + n] = ((weight[at] as number) * (perUnit[n] as number) + 128.5) | 0; // of a positive number: rounded
      }
    }
  }
  return { data, steps };
}
