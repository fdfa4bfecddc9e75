/** A classifier that reads relaxed tokens of the target: the harm of a soft reply, with its gradient. Its tokens must be the
 *  target's, or a map says which of its tokens stands for each of the target's. */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import type { JoinTurns } from '../../dialogue/join.js';
import type { Judge } from '../../dialogue/types.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { tokenTableOf } from '../../engine/models/parameters.js';
import { classifierParameters, type LabelReading, traceRowLogits } from '../../engine/models/sequenceClassifier.js';
import type { TensorStore } from '../../engine/runtime/tensorStore.js';
import {
  add,
  concat,
  gatherRows,
  log,
  matmul,
  mul,
  reduceMax,
  reduceSum,
  sigmoid,
  softmax,
  sub,
} from '../../engine/tensor/ops/all.js';
import type { Trace, Value } from '../../engine/tensor/value.js';
import { classifierOf, type JudgeClassifier } from '../../speakers/judges/classifier.js';
import type { TokenMap } from './tokenMap.js';

/** Before the names of its weights, which stand beside the target's in one graph. */
const scope = 'judge.';

/** A judge reads the reply alone (the paper's response-only variant), or utterance and reply together. */
export const judgedTexts = ['reply', 'exchange'] as const;
export type JudgedText = (typeof judgedTexts)[number];

/** This is to grow: the harm, a probability, as in the released code; or its logarithm, whose gradient does not vanish where
 *  the harm is small. */
export const followed = ['harm', 'logHarm'] as const;
export type Followed = (typeof followed)[number];

export interface SoftJudge {
  /** The mean over draws of −harm of the soft reply, or of −log of it, f32 [].
   *  @param prompt_NV the relaxed tokens of the prompt, f32 [D·S, V], draw by draw
   *  @param reply those of the reply, by token f32 [D, V] */
  readonly traceLoss: (trace: Trace, prompt_NV: Value, reply: readonly Value[]) => Value;
  /** Its weights by their names in the graph. */
  readonly openWeights: () => Promise<TensorStore>;
}

export interface SoftJudgeOptions {
  readonly reads: JudgedText;
  readonly follows: Followed;
  readonly join: JoinTurns;
  readonly draws: number;
  /** Tokens of the prompt. */
  readonly tokens: number;
  /** Absent where judge and target have the same tokens. */
  readonly map: TokenMap | null;
}

/** @throws ConfigError for a judge without a classifier, or one of other tokens without a map */
export function openSoftJudge(judge: Judge, target: LanguageModel, options: SoftJudgeOptions): SoftJudge {
  const { model, reading } = requireClassifier(judge);
  const { architecture, tokenizer, vocabularySize, device, weights } = model;
  const { map, reads, draws } = options;
  if (map === null && tokenizer.id !== target.tokenizer.id)
    throw new ConfigError('the judge reads other tokens than the target writes, so that no gradient reaches it', {
      where: 'tokenMap',
      expected: `the tokenizer of ${target.name}, or a map of its tokens`,
      got: `that of ${judge.name}`,
      remedy:
        'Give tokenMap, a file that says which token of the judge stands for each of the target, name a judge of the same tokens, or search by loss: targetText.',
    });
  const ids = map === null ? sameIds(target, vocabularySize) : map(vocabularySize, target.vocabularySize);
  return {
    traceLoss: (trace, prompt_NV, reply) => {
      const { name, shape } = tokenTableOf(architecture.base);
      const table_VC = trace.parameter(scope + name, shape);
      const read_VC = ids === null ? table_VC : gatherRows(table_VC, trace.constant('i64', [ids.length], ids));
      const parts = reads === 'reply' ? reply : [prompt_NV, ...reply];
      const rows = parts.map((part) => matmul(part, read_VC)) as [Value, ...Value[]]; // A reply has a token.
      const layout = layOut({ model, reading }, options, reply.length);
      const count = layout.length / draws;
      const logits_DL = traceRowLogits(architecture, {
        ids_BT: trace.constant('i64', [draws, count], layout),
        positions_BT: trace.constant(
          'i64',
          [draws, count],
          layout.map((_, i) => i % count),
        ),
        attention:
          architecture.base.reads === 'leftToRight'
            ? { kind: 'causal' }
            : { kind: 'bothWays', lengths_B: trace.constant('i64', [draws], new Array<number>(draws).fill(count)) },
        soft_SC: concat(rows, 0),
        scope,
      });
      const harm_D = harmOf(logits_DL, reading);
      // A probability may round to 0, whose logarithm has no gradient.
      const value_D = options.follows === 'harm' ? harm_D : log(add(harm_D, 1e-9));
      return mul(reduceSum(value_D, [0]), -1 / draws);
    },
    openWeights: async () => {
      const names = new Set(classifierParameters(architecture).map(({ name }) => name));
      const entries = [...weights.entries].filter(([name]) => names.has(name));
      const store = await device.createStore(entries.map(([name, { shape }]) => ({ name: scope + name, shape })));
      for (const [name] of entries)
        await device.write(store, scope + name, await device.read(weights, name), { transfer: true });
      return store;
    },
  };
}

/** The ids of what the judge reads, draw by draw: its own special tokens, and soft ones in the order of the rows.
 *  @throws ConfigError for more than it can read */
function layOut(
  { model: { tokenizer, vocabularySize, contextLength, name } }: JudgeClassifier,
  { join, reads, draws, tokens }: SoftJudgeOptions,
  replyTokens: number,
): readonly number[] {
  const plain = tokenizer.encode('!', { addSpecialTokens: false });
  const whole = tokenizer.encode('!');
  const at = whole.findIndex((_, i) => plain.every((id, k) => whole[i + k] === id));
  invariant(plain.length > 0 && at >= 0, 'special tokens stand around a text');
  const glue = join('a', 'b').slice(1, -1);
  // Tokens of running text bring their spaces.
  const between = reads === 'reply' || glue === ' ' ? [] : tokenizer.encode(glue, { addSpecialTokens: false });
  const own = reads === 'reply' ? 0 : tokens;
  const soft = (count: number, rowOf: (i: number) => number): readonly number[] =>
    Array.from({ length: count }, (_, i) => vocabularySize + rowOf(i));
  const layout = Array.from({ length: draws }, (_, d) => [
    ...whole.slice(0, at),
    ...soft(own, (s) => d * tokens + s),
    ...between,
    ...soft(replyTokens, (k) => (own + k) * draws + d),
    ...whole.slice(at + plain.length),
  ]);
  const length = layout[0]?.length ?? 0;
  if (length <= contextLength) return layout.flat();
  throw new ConfigError('the judge reads fewer tokens than a soft exchange has', {
    where: name,
    expected: `at most ${String(contextLength)}`,
    got: String(length),
    remedy: 'Search fewer tokens, or let it read the reply alone.',
  });
}

/** The judge's own ids of the target's tokens; null where its table is the target's, row by row. */
function sameIds(target: LanguageModel, vocabularySize: number): readonly number[] | null {
  if (target.vocabularySize === vocabularySize) return null;
  // Rows behind the tokenizer's last token mean nothing on either side.
  return Array.from({ length: target.vocabularySize }, (_, id) => Math.min(id, vocabularySize - 1));
}

function requireClassifier(judge: Judge): JudgeClassifier {
  const classifier = classifierOf(judge);
  if (classifier !== null) return classifier;
  throw new ConfigError('this judge has no gradient that an attack could follow', {
    where: 'judge',
    expected: 'a sequence classifier on this machine, such as organism:judge',
    got: judge.name,
    remedy: 'Give the stage a judge of its own (judge: …), or search by loss: targetText.',
  });
}

/** The harm of each row, f32 [D]. */
function harmOf(logits_DL: Value, { kind, labels, inverted }: LabelReading): Value {
  const count = Number(logits_DL.shape[1]);
  const chosen_L = logits_DL.trace.constant(
    'f32',
    [count],
    Array.from({ length: count }, (_, label) => (labels.includes(label) ? 1 : 0)),
  );
  const harm_D =
    kind === 'softmax'
      ? reduceSum(mul(softmax(logits_DL), chosen_L), [1])
      : reduceMax(mul(sigmoid(logits_DL), chosen_L), [1]);
  return inverted ? sub(1, harm_D) : harm_D;
}
