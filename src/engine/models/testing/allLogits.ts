/** For tests: the logits of a model at chosen positions, or at every one, which generation never asks for. */
import { present } from '../../../base/invariant.js';
import { f32Tensor, i64Tensor, type HostTensor } from '../../runtime/hostTensor.js';
import { cacheShapeOf } from '../inferenceGraph.js';
import type { LanguageModel } from '../languageModel.js';
import { packSequences } from '../packSequences.js';

function i32Tensor(dims: readonly number[], data: readonly number[]): HostTensor {
  return { dtype: 'i32', dims, data: Int32Array.from(data) };
}

/** Logits at every position of right-padded rows, [B][T][V]. */
export async function allLogits(
  model: LanguageModel,
  rows: readonly (readonly number[])[],
): Promise<readonly (readonly Float32Array[])[]> {
  const T = Math.max(...rows.map((ids) => ids.length));
  const logits = await logitsAt(
    model,
    rows,
    Array.from({ length: rows.length * T }, (_, i) => i),
  );
  return rows.map((ids, b) => ids.map((_, t) => present(logits[b * T + t], 'logits of every position')));
}

/** Logits after the last token of one row, [V]. @param soft rows of its soft tokens */
export async function lastLogits(
  model: LanguageModel,
  ids: readonly number[],
  soft?: HostTensor,
): Promise<Float32Array> {
  const [logits] = await logitsAt(model, [ids], [ids.length - 1], soft);
  return present(logits, 'logits of the last position');
}

/** Logits at chosen positions, which are counted through the padded rows, b · T + t. */
async function logitsAt(
  model: LanguageModel,
  rows: readonly (readonly number[])[],
  positions: readonly number[],
  soft?: HostTensor,
): Promise<readonly Float32Array[]> {
  const { layers, kvHeads, headSize } = cacheShapeOf(model.architecture);
  const { ids_BT, positions_BT } = packSequences(rows.map((prefix) => ({ prefix, completion: [] })));
  const [B = 0, T = 0] = ids_BT.dims;
  const empty = f32Tensor([B, kvHeads, 0, headSize], []);
  const feeds: Record<string, HostTensor> = {
    ids: ids_BT,
    positions: positions_BT,
    lastIndex: i32Tensor(
      [B],
      rows.map((ids) => ids.length - 1),
    ),
    total: i32Tensor([1], [T]),
    attentionBias: f32Tensor([1, 1, T, T], new Float32Array(T * T)),
    logitRows: i64Tensor([positions.length], positions),
    scoreRows: i64Tensor([0], []),
    scoreIds: i64Tensor([0], []),
    ...(soft === undefined ? {} : { soft }),
  };
  if (model.architecture.config.slidingWindow !== undefined) {
    feeds['attentionBias'] = f32Tensor([B, 1, T, T], new Float32Array(B * T * T));
    feeds['keyPositions'] = positions_BT;
  }
  for (let layer = 0; layer < layers; layer++)
    feeds[`pastK.${String(layer)}`] = feeds[`pastV.${String(layer)}`] = empty;
  const { logits } = await model.device.run(await model.inference({ soft: soft !== undefined }), feeds, ['logits']);
  const data = present(logits, 'logits').data as Float32Array;
  const V = model.vocabularySize;
  return positions.map((_, i) => data.slice(i * V, (i + 1) * V));
}
