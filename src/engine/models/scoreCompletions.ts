/** Log-probabilities of given completions under the raw model: no gradient, the fused attention of the generating program. */
import { present } from '../../base/invariant.js';
import { f32Tensor, i32Tensor, i64Tensor, type HostTensor } from '../runtime/hostTensor.js';
import type { LanguageModel } from './languageModel.js';
import { packSequences, readLength, unpackTokens, type Sequence } from './packSequences.js';
import { contextError, requireContext } from './requireContext.js';
import { tokenBatches } from './tokenBatches.js';

/** Tokens, padding included, that go through the model at once: enough to keep every core busy, small enough for any memory. */
const batchTokens = 4096;

/** log p of each completion token given all before it, nats, temperature 1; one array an item, in order.
 *  @throws ConfigError for a completion without a prefix, an id outside the vocabulary, a sequence longer than the context */
export async function scoreCompletions(model: LanguageModel, items: readonly Sequence[]): Promise<readonly Float32Array[]> {
  items.forEach(({ prefix, completion }, index) => {
    const where = `item ${String(index)}`;
    requireContext(model, prefix, where);
    if (completion.length > 0) requireContext(model, completion, where);
    if (prefix.length + completion.length > model.contextLength) throw contextError(model, prefix.length + completion.length, where);
  });
  const results: Float32Array[] = items.map(() => new Float32Array(0));
  const scoreable = items.flatMap(({ completion }, index) => (completion.length > 0 ? [index] : []));
  const itemAt = (index: number): Sequence => present(items[index], 'batches hold indices of items');
  const lengths = scoreable.map((index) => readLength(itemAt(index)));
  for (const batch of tokenBatches(lengths, batchTokens)) {
    const indices = batch.map((n) => present(scoreable[n], 'batches hold indices of items'));
    const scored = await scoreBatch(model, indices.map(itemAt));
    indices.forEach((index, n) => (results[index] = present(scored[n], 'one result an item')));
  }
  return results;
}

async function scoreBatch(model: LanguageModel, items: readonly Sequence[]): Promise<readonly Float32Array[]> {
  const { layers, kvHeads, headSize } = model.architecture.config;
  const { ids_BT, positions_BT, rows_N, targets_N } = packSequences(items);
  const lengths = items.map(readLength);
  const empty = f32Tensor([items.length, kvHeads, 0, headSize], new Float32Array(0));
  const past: Record<string, HostTensor> = {};
  for (let layer = 0; layer < layers; layer++) past[`pastK.${String(layer)}`] = past[`pastV.${String(layer)}`] = empty;
  const feeds: Record<string, HostTensor> = {
    ...past,
    ids: ids_BT, positions: positions_BT,
    lastIndex: i32Tensor([items.length], lengths.map((length) => length - 1)),
    total: i32Tensor([1], [Math.max(...lengths)]),
    logitRows: i64Tensor([0], []),
    scoreRows: rows_N, scoreIds: targets_N,
  };
  const { scored } = await model.device.run(await model.inference(), feeds, ['scored']);
  return unpackTokens(present(scored, 'the program has the output').data as Float32Array, items);
}
