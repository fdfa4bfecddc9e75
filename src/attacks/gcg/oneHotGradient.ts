/** The gradient of a suffix's loss in the one-hot rows of its tokens, on which Greedy Coordinate Gradient chooses its
 *  swaps: how the loss would change, to first order, if a position held another token.
 *
 *  The suffix stands in the sequences as soft tokens (docs/decisions/0017-soft-tokens.md) whose rows are those of its
 *  tokens. With e the row of a position and E the table, dL/d(one-hot) = (dL/de)·Eᵀ.
 *  @source arXiv 2307.15043, section 2.2 */
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences, type Sequence } from '../../engine/models/packSequences.js';
import { tokenTableOf } from '../../engine/models/parameters.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import { f32Tensor, i64Tensor } from '../../engine/runtime/hostTensor.js';
import { differentiate } from '../../engine/tensor/differentiate.js';
import { finishGraph, type Graph } from '../../engine/tensor/graph.js';
import { add, gatherRows, matmul, mul, neg, reduceSum, scatterAddRows } from '../../engine/tensor/ops/all.js';
import { createTrace } from '../../engine/tensor/trace.js';
import type { Value } from '../../engine/tensor/value.js';
import { planMicrobatches } from '../../learning/trainers/microbatches.js';
import { tokenInputs } from '../../learning/trainers/tokenInputs.js';

export interface OneHotGradient {
  /** Mean over the sequences of the mean −log p of their target tokens, nats per token. */
  readonly loss: number;
  /** [S, V]: one row per position of the suffix. */
  readonly rows: readonly Float32Array[];
}

export interface GradientReader {
  /** @param sequences hold the suffix as ids V, V + 1, …
   *  @param suffix its tokens */
  readonly read: (sequences: readonly Sequence[], suffix: readonly number[]) => Promise<OneHotGradient>;
  readonly close: () => Promise<void>;
}

/** Tokens, padding included, computed at once. */
const microbatchTokens = 2048;

/** Compiles the backward pass of a frozen model: its weights are fed, not copied. */
export async function openGradientReader(model: LanguageModel): Promise<GradientReader> {
  const { device, weights, adapter, vocabularySize } = model;
  const program = await device.compile(gradientGraph(model), {
    store: adapter === null ? weights : [weights, adapter.weights],
  });
  return {
    read: async (sequences, suffix) => {
      const lengths = sequences.map(({ prefix, completion }) => prefix.length + completion.length);
      const sum = suffix.map(() => new Float32Array(vocabularySize));
      let loss = 0;
      for (const members of planMicrobatches(lengths, microbatchTokens)) {
        const own = members.map((i) => present(sequences[i], 'a sequence per index'));
        const packed = packSequences(own, vocabularySize);
        const outputs = await device.run(program, {
          ids: packed.ids_BT,
          positions: packed.positions_BT,
          rows: packed.rows_N,
          targets: packed.targets_N,
          suffix: i64Tensor([suffix.length], suffix),
          tokenWeights: tokenWeights(own, sequences.length),
        });
        loss += Number(present(outputs['loss'], 'the graph gives it').data[0]);
        const { data } = present(outputs['oneHot'], 'the graph gives it');
        sum.forEach((row, s) => {
          const at = s * vocabularySize;
          for (let v = 0; v < vocabularySize; v++) row[v] = (row[v] as number) + Number(data[at + v]); // In range.
        });
      }
      return { loss, rows: sum };
    },
    close: () => device.release(program),
  };
}

/** inputs  ids, positions i64 [B, T] · rows, targets i64 [N] · suffix i64 [S] · tokenWeights f32 [N]
 *  outputs loss [] · oneHot f32 [S, V] */
function gradientGraph({ architecture }: LanguageModel): Graph {
  const trace = createTrace();
  const { name, shape } = tokenTableOf(architecture);
  const table_VC = trace.parameter(name, shape);
  const soft_SC = gatherRows(table_VC, trace.input('suffix', 'i64', ['S']));
  const logProbs_N = traceTokenLogProbs(architecture, { ...tokenInputs(trace, 'causal'), soft_SC });
  const loss = neg(reduceSum(mul(logProbs_N, trace.input('tokenWeights', 'f32', ['N'])), [0]));
  const { dense, rows } = present(differentiate(loss, [soft_SC]).get(soft_SC), 'it was asked for');
  const parts: readonly Value[] = [
    ...(dense === null ? [] : [dense]),
    ...rows.map((part) => scatterAddRows(part.rows, part.ids, 'S')),
  ];
  const [first, ...others] = parts;
  const gradient_SC = others.reduce(add, present(first, 'the loss depends on the suffix'));
  return finishGraph(trace, { loss, oneHot: matmul(gradient_SC, table_VC, { transposeB: true }) });
}

/** Every sequence counts alike, and so does every token of one. */
function tokenWeights(own: readonly Sequence[], count: number) {
  const weights = own.flatMap(({ completion }) => completion.map(() => 1 / (count * completion.length)));
  return f32Tensor([weights.length], Float32Array.from(weights));
}
