/** Attention masks and positions are inputs of the training path, so sequences that share prefixes can be computed as
 *  one tree. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { boolTensor, i64Tensor, type HostTensor } from '../runtime/hostTensor.js';
import type { Architecture } from './family.js';
import { openLanguageModel, type LanguageModel } from './languageModel.js';
import { packSequences, type Sequence } from './packSequences.js';
import { languageModelParameters } from './parameters.js';
import { goldenCheckpoint, relativeDifference } from './testing/goldenModels.js';
import { lossGradients, type LossGradients } from './testing/lossGradients.js';
import { traceTokenLogProbs } from './tokenLogProbs.js';

/** A prefix with two completions, one of which goes on in two ways. */
const root = [3, 9, 27, 17];
const [left, right] = [
  [5, 6, 7],
  [8, 11],
];
const [leftmost, middle] = [
  [12, 13],
  [14, 15, 16],
];
const items: readonly Sequence[] = [
  { prefix: root, completion: left },
  { prefix: root, completion: right },
  { prefix: [...root, ...left], completion: leftmost },
  { prefix: [...root, ...left], completion: middle },
];

/** The tree by hand: 0–3 root · 4–6 left · 7–8 right · 9–10 leftmost · 11–13 middle. */
const ids = [...root, ...left, ...right, ...leftmost, ...middle];
const parents = [-1, 0, 1, 2, 3, 4, 5, 3, 7, 6, 9, 6, 11, 12];
const positions = [0, 1, 2, 3, 4, 5, 6, 4, 5, 7, 8, 7, 8, 9];

/** Two padding tokens at the end, which see themselves only. */
function treeFeeds(): Record<string, HostTensor> {
  const T = ids.length + 2;
  const mask = new Uint8Array(T * T);
  for (let t = 0; t < T; t++) for (let seen = t; seen >= 0; seen = parents[seen] ?? -1) mask[t * T + seen] = 1;
  return {
    ids: i64Tensor([1, T], [...ids, 0, 0]),
    positions: i64Tensor([1, T], [...positions, 0, 0]),
    mask: boolTensor([1, T, T], mask),
    // The position before each completion token, in the order of the items.
    rows: i64Tensor([10], [3, 4, 5, 3, 7, 6, 9, 6, 11, 12]),
    targets: i64Tensor(
      [10],
      items.flatMap(({ completion }) => [...completion]),
    ),
  };
}

const factors = items.flatMap(({ completion }, i) => completion.map((_, t) => (i + 1) * (t % 2 === 0 ? 1 : -0.5)));

describe.each(['gpt2', 'llama-tied', 'llama3-biases'])('%s: a tree-packed sequence', (variant) => {
  let device: Device;
  let model: LanguageModel;
  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    model = await openLanguageModel(device, goldenCheckpoint(variant), { trainable: true });
  });
  afterAll(() => device.close());

  const run = (architecture: Architecture, feeds: Readonly<Record<string, HostTensor>>): Promise<LossGradients> =>
    lossGradients(device, model.weights, languageModelParameters(architecture), {
      build: (trace) =>
        traceTokenLogProbs(architecture, {
          ids_BT: trace.input('ids', 'i64', ['B', 'T']),
          positions_BT: trace.input('positions', 'i64', ['B', 'T']),
          rows_N: trace.input('rows', 'i64', ['N']),
          targets_N: trace.input('targets', 'i64', ['N']),
          attention:
            'mask' in feeds ? { kind: 'mask', mask: trace.input('mask', 'bool', ['B', 'T', 'T']) } : { kind: 'causal' },
        }),
      factors,
      feeds,
    });

  it('gives the log-probabilities and gradients of its sequences one by one', async () => {
    const { ids_BT, positions_BT, rows_N, targets_N } = packSequences(items);
    const apart = await run(model.architecture, {
      ids: ids_BT,
      positions: positions_BT,
      rows: rows_N,
      targets: targets_N,
    });
    const packed = await run(model.architecture, treeFeeds());
    expect(relativeDifference(packed.values, apart.values)).toBeLessThan(1e-5);
    for (const [name, gradient] of apart.gradients)
      expect(relativeDifference(packed.gradients.get(name) ?? [], gradient), name).toBeLessThan(1e-5);
  });
});
