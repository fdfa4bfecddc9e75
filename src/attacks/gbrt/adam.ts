/** Adam without weight decay on one array of the main thread: the logits of a prompt are few beside a model's weights.
 *  @source arXiv 1412.6980, as torch.optim.Adam: the defaults are its own */

/** The array that is trained, and the moments of its gradient; all of one length. */
export interface AdamState {
  readonly values: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];

export function startAdam(values: Float32Array): AdamState {
  return { values, first: new Float32Array(values.length), second: new Float32Array(values.length) };
}

/** Returns the state after one step; the one before stays as it was.
 *  @param step from 1 */
export function stepAdam(
  { values, first, second }: AdamState,
  gradient: Float32Array,
  { step, learningRate }: { readonly step: number; readonly learningRate: number },
): AdamState {
  const next = { values: values.slice(), first: first.slice(), second: second.slice() };
  const [correction1, correction2] = [1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)];
  for (let i = 0; i < values.length; i++) {
    const g = gradient[i] as number; // In range, as what follows.
    const m = beta1 * (first[i] as number) + (1 - beta1) * g;
    const v = beta2 * (second[i] as number) + (1 - beta2) * g * g;
    next.first[i] = m;
    next.second[i] = v;
    next.values[i] =
      (values[i] as number) - ((learningRate / correction1) * m) / (Math.sqrt(v) / correction2 + epsilon);
  }
  return next;
}
