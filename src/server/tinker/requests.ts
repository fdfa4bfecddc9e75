/** The requests of the Tinker protocol as JSON: what is known, what is refused. A field that would change the answer and
 *  is not computed here is an error; what only describes the client is passed over.
 *  Source: the official Python SDK, tinker 0.24. */
import { z } from 'zod';
import type { LanguageModel } from '../../engine/models/languageModel.js';
import type { TokenDatum, TokenLoss, TokenValues } from '../../learning/trainers/tokenTrainer.js';
import { badRequest } from '../apiError.js';

const name = z.string().min(1).max(256);
const seqId = z.int().min(0).nullish();
const tensor = z.looseObject({
  data: z.array(z.number()),
  dtype: z.enum(['int64', 'float32']).optional(),
  shape: z.array(z.int()).nullish(),
  sparse_crow_indices: z.null().optional(),
  sparse_col_indices: z.null().optional(),
});
const modelInput = z.looseObject({
  chunks: z.array(
    z.looseObject({ type: z.literal('encoded_text').default('encoded_text'), tokens: z.array(z.int().min(0)) }),
  ),
});
const passInput = z.looseObject({
  data: z
    .array(z.looseObject({ model_input: modelInput, loss_fn_inputs: z.record(z.string(), tensor) }))
    .min(1)
    .max(4096),
  loss_fn: z.string(),
  loss_fn_config: z.record(z.string(), z.number()).nullish(),
});

export const requests = {
  createSession: z.looseObject({ sdk_version: z.string().optional() }),
  heartbeat: z.looseObject({ session_id: name }),
  createModel: z.looseObject({
    session_id: name,
    model_seq_id: z.int().min(0).default(0),
    base_model: name,
    lora_config: z
      .looseObject({
        rank: z.int().min(1).max(1024),
        seed: z.int().nullish(),
        train_mlp: z.literal(true).nullish(),
        train_attn: z.literal(true).nullish(),
        train_unembed: z.boolean().nullish(),
      })
      .default({ rank: 32 }),
  }),
  model: z.looseObject({ model_id: name }),
  forward: z.looseObject({ model_id: name, seq_id: seqId, forward_input: passInput }),
  forwardBackward: z.looseObject({ model_id: name, seq_id: seqId, forward_backward_input: passInput }),
  optimStep: z.looseObject({
    model_id: name,
    seq_id: seqId,
    adam_params: z.strictObject({
      learning_rate: z.number().min(0).default(1e-4),
      beta1: z.number().min(0).lt(1).default(0.9),
      beta2: z.number().min(0).lt(1).default(0.95),
      eps: z.number().gt(0).default(1e-12),
      weight_decay: z.number().min(0).default(0),
      grad_clip_norm: z.number().min(0).default(0),
    }),
  }),
  saveWeights: z.looseObject({
    model_id: name,
    seq_id: seqId,
    path: name.nullish(),
    overwrite: z.boolean().default(false),
  }),
  saveForSampler: z.looseObject({
    model_id: name,
    seq_id: seqId,
    path: name.nullish(),
    sampling_session_seq_id: z.int().min(0).nullish(),
  }),
  loadWeights: z.looseObject({ model_id: name, seq_id: seqId, path: name, optimizer: z.boolean().default(true) }),
  samplingSession: z.looseObject({
    session_id: name,
    sampling_session_seq_id: z.int().min(0).default(0),
    base_model: name.nullish(),
    model_path: name.nullish(),
  }),
  sample: z.looseObject({
    num_samples: z.int().min(1).max(512).default(1),
    prompt: modelInput,
    sampling_params: z.looseObject({
      max_tokens: z.int().min(0).nullish(),
      seed: z.int().nullish(),
      stop: z.union([z.string().min(1), z.array(z.string().min(1)), z.array(z.int())]).nullish(),
      temperature: z.number().min(0).default(1),
      top_k: z.int().min(-1).default(-1),
      top_p: z.number().gt(0).max(1).default(1),
    }),
    base_model: name.nullish(),
    model_path: name.nullish(),
    sampling_session_id: name.nullish(),
    seq_id: seqId,
    prompt_logprobs: z.boolean().nullish(),
    topk_prompt_logprobs: z.literal(0).default(0),
  }),
  retrieve: z.looseObject({ request_id: name }),
  weightsInfo: z.looseObject({ tinker_path: name }),
} as const;

export type Requests = { readonly [Name in keyof typeof requests]: z.output<(typeof requests)[Name]> };

/** @throws ApiError 400 naming the field */
export function readRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  throw badRequest(`${field === '' ? 'the body' : field}: ${issue?.message ?? 'of another form'}`, field);
}

type ServedSizes = Pick<LanguageModel, 'vocabularySize' | 'contextLength'>;

/** @throws ApiError 400 for no token, a token that the model does not have, or more than it can read */
export function tokensOf(
  { chunks }: z.output<typeof modelInput>,
  { vocabularySize, contextLength }: ServedSizes,
  where: string,
): readonly number[] {
  const tokens = chunks.flatMap((chunk) => chunk.tokens);
  const foreign = tokens.find((token) => token >= vocabularySize);
  if (tokens.length === 0) throw badRequest(`${where} has no token`, where);
  if (foreign !== undefined)
    throw badRequest(`${where}: the vocabulary has ${String(vocabularySize)} tokens, not ${String(foreign)}`, where);
  if (tokens.length > contextLength)
    throw badRequest(
      `${where}: ${String(tokens.length)} tokens, and the model reads at most ${String(contextLength)}`,
      where,
    );
  return tokens;
}

const losses: readonly TokenLoss[] = ['cross_entropy', 'importance_sampling'];

/** @throws ApiError 400 for a loss that is not computed here, or lists of other lengths than the tokens */
export function passData(
  { data, loss_fn: given, loss_fn_config: config }: z.output<typeof passInput>,
  model: ServedSizes,
): readonly TokenDatum[] {
  const loss = losses.find((each) => each === given);
  if (loss === undefined)
    throw badRequest(
      `the loss '${given}' is not computed here: ${losses.join(', ')}, or forward_backward_custom in the client`,
      'loss_fn',
    );
  if (Object.keys(config ?? {}).length > 0) throw badRequest('these losses have no settings', 'loss_fn_config');
  return data.map(({ model_input: input, loss_fn_inputs: lists }, i) => {
    const where = `data.${String(i)}`;
    const inputs = tokensOf(input, model, `${where}.model_input`);
    const listOf = (key: string, fallback?: number): readonly number[] => {
      const values = lists[key]?.data ?? (fallback === undefined ? undefined : inputs.map(() => fallback));
      if (values?.length === inputs.length) return values;
      throw badRequest(
        `${where}: ${key} has ${String(values?.length ?? 'no')} numbers, and there are ${String(inputs.length)} tokens`,
        `${where}.loss_fn_inputs.${key}`,
      );
    };
    const targets = listOf('target_tokens');
    if (targets.some((target) => !Number.isInteger(target) || target < 0 || target >= model.vocabularySize))
      throw badRequest(`${where}: a target is no token of the vocabulary`, `${where}.loss_fn_inputs.target_tokens`);
    return { inputs, targets, values: valuesOf(loss, listOf) };
  });
}

function valuesOf(loss: TokenLoss, listOf: (key: string, fallback?: number) => readonly number[]): TokenValues {
  const weights = listOf('weights', 1);
  if (loss === 'cross_entropy') return { loss, weights };
  const advantages = listOf('advantages');
  return {
    loss,
    oldLogProbs: listOf('logprobs'),
    advantages: advantages.map((advantage, t) => advantage * (weights[t] ?? 0)),
  };
}
