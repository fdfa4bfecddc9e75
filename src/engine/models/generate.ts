/** Sampling from a language model: requests in, completions out, in the order of the requests whatever the batching. */
import { ConfigError } from '../../base/errors.js';
import { invariant } from '../../base/invariant.js';
import type { StreamKey } from '../../base/random.js';
import type { DecodeRow, HostTensor, SamplingOptions } from '../runtime/device.js';
import { cacheShapeOf } from './inferenceGraph.js';
import type { LanguageModel, Precision } from './languageModel.js';
import { contextError, countSoftRows, requireContext } from './requireContext.js';

export interface GenerateRequest {
  /** The whole context, at least one token; model.vocabularySize + i is row i of the call's `soft`. */
  readonly ids: readonly number[];
  /** Every token is drawn from this stream, so the result does not depend on what else is in the batch. */
  readonly stream: StreamKey;
  /** Also return log p of ids[scoreFrom …], read in the same pass. At least 1. */
  readonly scoreFrom?: number;
  /** The context begins with one of the call before, which kept it: that part is not read again. Default false. */
  readonly continues?: boolean;
}

export interface GenerationOptions extends Omit<SamplingOptions, 'stopTexts'> {
  /** `int8`: sampled from rounded weights, whose log-probabilities are a little off. Default 'f32'. */
  readonly precision?: Precision;
  /** Tokens read and generated stay on the device for the next call's requests that continue them. Default false. */
  readonly keep?: boolean;
  /** Generation ends with the token that completes one of these. */
  readonly stopStrings?: readonly string[];
  /** Treatment of a prompt that leaves no room for maxNewTokens. `refuse` (the default): an error when it fills the
   *  context, fewer new tokens when it nearly does. `keepLast`: the prompt's last tokens are kept, as many as leave the
   *  room. */
  readonly truncation?: 'refuse' | 'keepLast';
  /** Rows of soft tokens, f32 [S, C], in the space of the model's token table (before a factor of the family): a prompt
   *  names them anywhere, as often as it likes. They are never scored, sampled or penalised, and contexts that hold them
   *  are not kept. Default: every id is a token. */
  readonly soft?: HostTensor | undefined;
}

export interface Generated {
  /** New tokens, the stop token included. */
  readonly ids: readonly number[];
  /** Text of the new tokens, special tokens left out. */
  readonly text: string;
  /** Per new token, under the raw model (temperature 1), nats. */
  readonly logProbs: readonly number[];
  /** Per new token, under the distribution it was drawn from, nats. */
  readonly samplingLogProbs: readonly number[];
  /** Per token of ids[scoreFrom …], under the raw model, nats; null unless asked for. */
  readonly scored: readonly number[] | null;
  /** `length` also when the context is full. */
  readonly finishReason: 'stop' | 'length';
}

/** @throws ConfigError for an empty context, an id outside the vocabulary, a context without room for new tokens, a soft
 *    token to be scored or cut off; ShapeError for soft rows of another width */
export async function generate(
  model: LanguageModel,
  requests: readonly GenerateRequest[],
  options: GenerationOptions,
): Promise<readonly Generated[]> {
  const { truncation = 'refuse', stopStrings = [], keep = false, precision = 'f32', soft, ...sampling } = options;
  const softRows = countSoftRows(model.architecture.config, soft);
  const rows = requests.map((request, index) =>
    toRow(model, request, { ...sampling, stopTexts: stopStrings }, { truncation, index, softRows }),
  );
  const program = await model.inference({ vocabulary: stopStrings.length > 0, precision, soft: softRows > 0 });
  const results = await model.device.decode(program, cacheShapeOf(model.architecture), rows, { keep, soft });
  return results.map((result) => ({ ...result, text: model.tokenizer.decode(result.ids) }));
}

function toRow(
  model: LanguageModel,
  request: GenerateRequest,
  sampling: SamplingOptions,
  { truncation, index, softRows }: RowOptions,
): DecodeRow {
  const where = `request ${String(index)}`;
  const { ids, stream, scoreFrom = null, continues = false } = request;
  requireContext(model, ids, where, softRows);
  const isScoreable = scoreFrom === null || (Number.isInteger(scoreFrom) && scoreFrom >= 1 && scoreFrom <= ids.length);
  invariant(isScoreable, 'scoring starts at the second token or later: the first has no probability');
  const room = model.contextLength - sampling.maxNewTokens;
  const whole = { ids, stream, scoreFrom, continues };
  if (ids.length <= room) return { ...whole, sampling };
  if (truncation === 'refuse') {
    if (ids.length < model.contextLength)
      return { ...whole, sampling: { ...sampling, maxNewTokens: model.contextLength - ids.length } };
    throw contextError(model, ids.length, where);
  }
  const kept = Math.max(1, room);
  const dropped = ids.length - kept;
  const cut = ids.slice(0, dropped).find((id) => id >= model.vocabularySize);
  if (cut !== undefined) {
    throw new ConfigError('soft tokens would be cut off', {
      where,
      expected: `soft tokens among the last ${String(kept)} tokens`,
      got: `soft id ${String(cut)} before them`,
      remedy: 'Shorten the prompt before soft tokens are put into it.',
    });
  }
  if (scoreFrom !== null && scoreFrom <= dropped) throw contextError(model, ids.length, where);
  return {
    ids: ids.slice(dropped),
    stream,
    scoreFrom: scoreFrom === null ? null : scoreFrom - dropped,
    sampling: { ...sampling, maxNewTokens: Math.min(sampling.maxNewTokens, model.contextLength - kept) },
  };
}

interface RowOptions {
  readonly truncation: 'refuse' | 'keepLast';
  readonly index: number;
  readonly softRows: number;
}
