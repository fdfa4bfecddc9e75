/** The loss of a soft prompt and its gradient in the prompt's logits: one graph, compiled once for all prompts of a search.
 *  The loss is −harm of what the target softly replies, or the mean −log p per token of what it shall say; to it comes the
 *  improbability of the prompt, in nats per token, times its weight. */
import { present } from '../../base/invariant.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { traceTokenLogProbs } from '../../engine/models/tokenLogProbs.js';
import type { Program } from '../../engine/runtime/device.js';
import { differentiate } from '../../engine/tensor/differentiate.js';
import { finishGraph, type Graph } from '../../engine/tensor/graph.js';
import { add, mul, neg, reduceSum } from '../../engine/tensor/ops/all.js';
import { createTrace } from '../../engine/tensor/trace.js';
import { tokenInputs } from '../../learning/trainers/tokenInputs.js';
import type { SoftJudge } from './softJudge.js';
import { type SoftSizes, traceImprobability, traceRows, traceSoftPrompt, traceSoftReply } from './softTokens.js';

export interface LossOptions extends SoftSizes {
  /** The judge of soft replies; null where the loss is that of given words. */
  readonly judge: SoftJudge | null;
  /** Whether the improbability of the prompt has a part in it. */
  readonly realism: boolean;
}

/** The weights of a frozen model are fed to the program, not copied; those of the judge are copied under other names. */
export async function compileLoss(
  model: LanguageModel,
  options: LossOptions,
): Promise<{ readonly program: Program; readonly close: () => Promise<void> }> {
  const { device, weights, adapter } = model;
  const judged = options.judge === null ? null : await options.judge.openWeights();
  const program = await device.compile(lossGraph(model, options), {
    store: [weights, ...(adapter === null ? [] : [adapter.weights]), ...(judged === null ? [] : [judged])],
  });
  return {
    program,
    close: async () => {
      await device.release(program);
      if (judged !== null) await device.release(judged);
    },
  };
}

/** inputs  those of the soft prompt · of given words `tokenInputs` and tokenWeights f32 [N] (1 / (texts · tokens of the
 *          text)), else those of the soft reply · promptRows i64 [D·S] and realismWeight f32 [], where it has a part
 *  outputs attack f32 [], improbability f32 [] (nats per token), gradient f32 [S, V] of attack + realismWeight ·
 *          improbability */
function lossGraph({ architecture }: LanguageModel, { judge, realism, ...sizes }: LossOptions): Graph {
  const trace = createTrace();
  const prompt = traceSoftPrompt(trace, architecture, sizes);
  const soft_SC = traceRows(architecture, prompt.chosen_NV);
  const read = () => {
    if (judge === null) {
      const inputs = { ...tokenInputs(trace, 'causal'), soft_SC };
      const weighted_N = mul(traceTokenLogProbs(architecture, inputs), trace.input('tokenWeights', 'f32', ['N']));
      return { attack: neg(reduceSum(weighted_N, [0])), hidden_NC: architecture.forward(inputs).hidden_NC };
    }
    const { reply, context_NC } = traceSoftReply(trace, architecture, sizes, soft_SC);
    return { attack: judge.traceLoss(trace, prompt.chosen_NV, reply), hidden_NC: context_NC };
  };
  const { attack, hidden_NC } = read();
  const gradientOf = (loss: typeof attack) =>
    present(differentiate(loss, [prompt.logits_SV]).get(prompt.logits_SV)?.dense, 'the loss depends on the prompt');
  if (!realism) return finishGraph(trace, { attack, gradient: gradientOf(attack) });
  const improbability = traceImprobability(architecture, sizes, {
    hidden_NC,
    rows_N: trace.input('promptRows', 'i64', [sizes.draws * sizes.tokens]),
    probabilities_SV: prompt.probabilities_SV,
  });
  const loss = add(attack, mul(improbability, trace.input('realismWeight', 'f32', [])));
  return finishGraph(trace, { attack, improbability, gradient: gradientOf(loss) });
}
