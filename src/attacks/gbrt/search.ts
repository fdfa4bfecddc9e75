/** Gradient-Based Red Teaming (arXiv 2401.16656): gradient steps on the logits of a prompt of relaxed tokens. What counts
 *  is the hard prompt: the likeliest token at each position, decoded, and encoded anew within the target's whole context.
 *
 *  Differs from the released code: the start of the reply's marker is the target's own template, and the judge any
 *  classifier. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { childKey, openStream, type StreamKey } from '../../base/random.js';
import type { Amounts, Spending } from '../../base/spending.js';
import { meanOrZero, sumOf } from '../../base/sums.js';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { packSequences, type Sequence } from '../../engine/models/packSequences.js';
import { scoreCompletions } from '../../engine/models/scoreCompletions.js';
import { f32Tensor, type HostTensor, i64Tensor } from '../../engine/runtime/hostTensor.js';
import type { WhiteBox } from '../attack.js';
import { allowedTokens, type TokenRule } from '../search/allowedTokens.js';
import { openSuffixFrame, type SuffixProblem } from '../search/suffixFrame.js';
import { type AdamState, startAdam, stepAdam } from './adam.js';
import { compileLoss } from './lossGraph.js';
import type { GbrtSettings } from './options.js';
import { geometric, linear } from './schedules.js';
import type { SoftJudge } from './softJudge.js';
import { closed } from './softTokens.js';

export interface SoftState {
  /** Steps that are done. */
  readonly step: number;
  /** The logits of the prompt, [S, V], and their moments. */
  readonly adam: AdamState;
}

export interface SoftSearch {
  readonly start: () => SoftState;
  /** One step. @param key of the step: the same key and state give the same step */
  readonly step: (state: SoftState, key: StreamKey) => Promise<SoftStep>;
  readonly hardPrompt: (state: SoftState) => HardPrompt;
  /** The loss of a hard prompt as the target reads it, nats per token; where the loss is that of given words. */
  readonly lossOf: (prompt: HardPrompt) => Promise<number>;
  /** Most that a step costs, and the loss of a hard prompt. */
  readonly stepCost: Amounts;
  readonly lossCost: Amounts;
}

export interface SoftStep {
  readonly state: SoftState;
  /** −harm or −log harm of the soft replies, or the loss of the given words, nats per token. */
  readonly attack: number;
  /** Nats per token of the prompt; null where it has no part in the loss. */
  readonly improbability: number | null;
}

export interface HardPrompt {
  readonly ids: readonly number[];
  readonly utterance: string;
  /** Whether the target reads these very tokens where the utterance is said. */
  readonly survives: boolean;
}

export interface Gbrt {
  readonly search: (problem: SuffixProblem) => SoftSearch;
  readonly close: () => Promise<void>;
}

export interface GbrtParts {
  readonly settings: GbrtSettings;
  readonly allowed: TokenRule;
  /** The judge of soft replies; null where the loss is that of given words. */
  readonly judge: SoftJudge | null;
  readonly spending: Spending;
}

/** Children of a step's stream. */
const draws = { prompt: 0, reply: 1 } as const;

/** Soft tokens stand in the place of the first of these that the tokenizer knows: a word, which brings the space before it
 *  in running text, else a sign. */
const placeTexts = ['the', '!'] as const;

function placeTextOf({ tokenizer }: Pick<LanguageModel, 'tokenizer'>): string {
  const isKnown = (text: string): boolean =>
    tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false })) === text;
  return placeTexts.find(isKnown) ?? '!';
}

/** Compiles the loss once, for all prompts.
 *  @throws ConfigError where no token is allowed */
export async function openGbrt(
  whiteBox: WhiteBox,
  { settings, allowed: rule, judge, spending }: GbrtParts,
): Promise<Gbrt> {
  const { model } = whiteBox;
  const { vocabularySize, tokenizer, device } = model;
  const allowed = allowedTokens(tokenizer, vocabularySize, rule);
  if (allowed.length === 0)
    throw new ConfigError('the target has no token that the prompt may hold', {
      where: 'allowed',
      got: rule,
      remedy: 'Allow any.',
    });
  const realism = settings.realism.from > 0 || settings.realism.to > 0;
  const loss = await compileLoss(model, { ...settings, judge, realism });
  const closed_V = new Float32Array(vocabularySize).fill(closed);
  for (const id of allowed) closed_V[id] = 0;

  return {
    search: (problem) => {
      const place = openPlace(whiteBox, problem, settings);
      const texts = judge === null ? place.texts : 1;
      return {
        start: () => {
          const uniform = new Float32Array(settings.tokens * vocabularySize).fill(-Math.log(vocabularySize));
          return { step: 0, adam: startAdam(uniform) };
        },
        step: async ({ step, adam }, key) => {
          const { tokens, draws: rows, replyTokens } = settings;
          const share = step / settings.steps;
          spending.add({
            targetGradients: rows * texts,
            ...(judge === null ? {} : { judgeTexts: rows }),
          });
          const noise = (of: keyof typeof draws, count: number, ids: readonly number[] | null): Float32Array =>
            gumbel(childKey(key, draws[of]), { rows: count, vocabularySize, ids });
          const outputs = await device.run(loss.program, {
            logits: f32Tensor([tokens, vocabularySize], adam.values),
            closed: f32Tensor([vocabularySize], closed_V),
            noise: f32Tensor([rows, tokens, vocabularySize], noise('prompt', rows * tokens, allowed)),
            temperature: scalar(geometric(settings.temperature, share)),
            hard: scalar(share > settings.hardAfter ? 1 : 0),
            ...(judge === null
              ? place.textFeeds
              : {
                  ...place.replyFeeds,
                  replyNoise: f32Tensor(
                    [replyTokens, rows, vocabularySize],
                    noise('reply', replyTokens * rows, settings.replyNoise ? null : []),
                  ),
                  replyTemperature: scalar(geometric(settings.replyTemperature, share)),
                }),
            ...(realism
              ? {
                  promptRows: judge === null ? place.promptRows.text : place.promptRows.reply,
                  realismWeight: scalar(linear(settings.realism, share)),
                }
              : {}),
          });
          const learningRate = geometric(settings.learningRate, share);
          const gradient = present(outputs['gradient'], 'the graph gives it').data as Float32Array; // It is f32.
          const improbability = outputs['improbability'];
          return {
            state: { step: step + 1, adam: stepAdam(adam, gradient, { step: step + 1, learningRate }) },
            attack: Number(present(outputs['attack'], 'the graph gives it').data[0]),
            improbability: improbability === undefined ? null : Number(improbability.data[0]),
          };
        },
        hardPrompt: ({ adam }) => {
          const ids = likeliest(adam.values, { rows: settings.tokens, vocabularySize, allowed });
          return { ids, utterance: place.utterance(ids), survives: place.survives(ids) };
        },
        lossOf: async ({ ids }) => {
          const sequences = place.read(ids);
          spending.add({ targetEvaluations: sequences.length });
          const scored = await scoreCompletions(model, sequences);
          return meanOrZero(scored.map((each) => -sumOf(each) / each.length));
        },
        stepCost: {
          targetGradients: settings.draws * texts,
          ...(judge === null ? {} : { judgeTexts: settings.draws }),
        },
        lossCost: judge === null ? { targetEvaluations: texts } : {},
      };
    },
    close: loss.close,
  };
}

/** Finds the place of the prompt's tokens in the target's context, and lays out the feeds that do not change from step to
 *  step. */
function openPlace(whiteBox: WhiteBox, problem: SuffixProblem, { tokens, draws: rows, replyTokens }: GbrtSettings) {
  const { model } = whiteBox;
  const frame = openSuffixFrame(whiteBox, problem, placeTextOf(model));
  const softIds = (draw: number): readonly number[] =>
    Array.from({ length: tokens }, (_, s) => model.vocabularySize + draw * tokens + s);
  const drawn = Array.from({ length: rows }, (_, d) => frame.sequences(softIds(d)));
  const texts = drawn[0]?.length ?? 0;
  const sequences = drawn.flat();
  const packed = packSequences(sequences, model.vocabularySize);
  const contexts = drawn.map(([first]) => present(first, 'a problem has a text').prefix);
  const [context = []] = contexts;
  const start = context.indexOf(model.vocabularySize);
  /** Flat indices of the positions that predict the prompt's tokens, in rows of this length. */
  const predicting = (length: number, each: number): HostTensor =>
    i64Tensor(
      [rows * tokens],
      Array.from({ length: rows * tokens }, (_, n) => {
        const [d, s] = [Math.floor(n / tokens), n % tokens];
        return d * each * length + Math.max(0, start + s - 1);
      }),
    );
  const replyLength = context.length + replyTokens - 1;
  const replyIds = contexts.flatMap((ids, d) => [...ids, ...replySoftIds(model, { rows, tokens, replyTokens }, d)]);
  return {
    texts,
    utterance: frame.utterance,
    survives: frame.survives,
    read: frame.read,
    promptRows: { text: predicting(packed.ids_BT.dims[1] ?? 0, texts), reply: predicting(context.length, 1) },
    textFeeds: {
      ids: packed.ids_BT,
      positions: packed.positions_BT,
      rows: packed.rows_N,
      targets: packed.targets_N,
      tokenWeights: tokenWeights(sequences),
    },
    replyFeeds: {
      ids: i64Tensor([rows, replyLength], replyIds),
      positions: i64Tensor(
        [rows, replyLength],
        replyIds.map((_, i) => i % replyLength),
      ),
    },
  };
}

/** The ids of the soft reply but its last token, whose rows stand behind those of the prompts. */
function replySoftIds(
  { vocabularySize }: Pick<LanguageModel, 'vocabularySize'>,
  { rows, tokens, replyTokens }: { readonly rows: number; readonly tokens: number; readonly replyTokens: number },
  draw: number,
): readonly number[] {
  return Array.from({ length: replyTokens - 1 }, (_, k) => vocabularySize + (tokens + k) * rows + draw);
}

/** Every sequence counts alike, and so does every token of one. */
function tokenWeights(sequences: readonly Sequence[]): HostTensor {
  const weights = sequences.flatMap(({ completion }) =>
    completion.map(() => 1 / (sequences.length * completion.length)),
  );
  return f32Tensor([weights.length], weights);
}

function scalar(value: number): HostTensor {
  return f32Tensor([], [value]);
}

/** Standard Gumbel noise. @param ids that are drawn for in each row, null for all; the others are 0 */
function gumbel(
  key: StreamKey,
  {
    rows,
    vocabularySize,
    ids,
  }: { readonly rows: number; readonly vocabularySize: number; readonly ids: readonly number[] | null },
): Float32Array {
  const { uniform } = openStream(key);
  const noise = new Float32Array(rows * vocabularySize);
  const draw = (): number => -Math.log(-Math.log(Math.max(uniform(), 1e-300)));
  for (let row = 0; row < rows; row++) {
    const at = row * vocabularySize;
    if (ids === null) for (let v = 0; v < vocabularySize; v++) noise[at + v] = draw();
    else for (const id of ids) noise[at + id] = draw();
  }
  return noise;
}

/** The allowed token with the greatest logit at each position; of equal ones the first. */
function likeliest(
  logits: Float32Array,
  {
    rows,
    vocabularySize,
    allowed,
  }: { readonly rows: number; readonly vocabularySize: number; readonly allowed: readonly number[] },
): readonly number[] {
  return Array.from({ length: rows }, (_, row) => {
    let best = present(allowed[0], 'some token is allowed');
    const valueOf = (id: number): number => logits[row * vocabularySize + id] as number; // In range.
    for (const id of allowed) if (valueOf(id) > valueOf(best)) best = id;
    return best;
  });
}
