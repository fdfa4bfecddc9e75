/** The part of a recipe's schema about who speaks: models on this machine, endpoints, JSON services, lists of prompts.
 */
import { z } from 'zod';
import { reasoningRules } from './visibleText.js';
import { loraSchema, count, countFromZero, duration, notNegative, positive, share } from '../base/schemaParts.js';

/** How a model that is not on this machine is asked. */
export const remoteSchema = z.strictObject({
  timeout: duration.default(120).describe('Of one attempt, answer included, such as 30s.'),
  retries: countFromZero
    .default(4)
    .describe(
      'Further attempts on 408, 429, 5xx, timeouts and broken connections; Retry-After is honoured up to two minutes.',
    ),
  concurrency: count.default(8).describe('Requests in flight at once.'),
  requestsPerMinute: positive.nullable().default(null),
  prices: z
    .strictObject({ input: notNegative, output: notNegative })
    .nullable()
    .default(null)
    .describe('US dollars per million tokens read (input) and written (output); limits.maxCost needs them.'),
  servedAs: z
    .string()
    .min(1)
    .optional()
    .describe(
      'openai: models. How the server’s answers call the model, where that is not its name. Another name is refused.',
    ),
  promptLogProbs: z
    .enum(['auto', 'vllm', 'echo', 'none'])
    .default('auto')
    .describe(
      'openai: targets. How the server scores a prompt: prompt_logprobs (vLLM), echo with logprobs (completions), or not. auto asks it once.',
    ),
  extraBody: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('openai: models. Further fields of every request, as the server knows them: { top_k: 40 }.'),
});

const httpSchema = z.strictObject({
  url: z.string().min(1),
  headers: z
    .record(z.string(), z.string())
    .default({})
    .describe('Values may hold {{env:NAME}}: an environment variable, which is never written anywhere.'),
  body: z
    .record(z.string(), z.unknown())
    .describe(
      'The JSON body, with {{utterance}}, {{messages}}, {{text}}, {{system}}, {{seed}}, {{maxTokens}}, {{temperature}}, {{topP}} or {{env:NAME}} filled in.',
    ),
  reply: z
    .string()
    .min(1)
    .describe(
      'Where in the answer the reply lies, such as choices.0.message.content; * is every entry of a list, $ the whole answer, plain text too.',
    ),
  tokens: z
    .strictObject({ input: z.string().min(1), output: z.string().min(1) })
    .nullable()
    .default(null)
    .describe(
      'Where in the answer the counts of tokens lie, such as usage.input. Default: 4 characters are taken for a token.',
    ),
});

const speaker = {
  model: z
    .string()
    .min(1)
    .describe(
      'organism | ./dir | ./file.gguf | hf:org/name[@revision][/file.gguf] | smollm2 | openai:NAME | http:NAME (targets) | prompts:FILE (adversaries)',
    ),
  format: z
    .enum(['plain', 'lines', 'chat'])
    .optional()
    .describe(
      'How a dialogue becomes a prompt. Default: lines for the organism, chat for openai: and http: models, else plain.',
    ),
  maxNewTokens: count.default(24),
  minNewTokens: countFromZero.default(2).describe('An utterance does not end before this many tokens. Local models.'),
  temperature: notNegative.default(0.7).describe('0 is greedy.'),
  topP: z.number().gt(0).max(1).default(0.7).describe('1 is off.'),
  topK: countFromZero.default(0).describe('0 is off. Local models.'),
  minP: share.default(0).describe('0 is off. Local models.'),
  repetitionPenalty: positive.default(1.1).describe('1 is off. Local models.'),
  maxContextTokens: count
    .default(950)
    .describe('Longer contexts keep their last tokens; never more than the model can read. Local models.'),
  system: z.string().optional().describe('System instruction; chat format only.'),
  reasoning: z
    .enum(reasoningRules)
    .default('cut')
    .describe(
      'What becomes of reasoning (<think>…</think>, or a server’s field for it): cut before replies are judged and before later turns, and kept in the records; or kept as part of the reply.',
    ),
  baseUrl: z.string().optional().describe('openai: models only. Where the endpoint is.'),
  apiKeyEnv: z
    .string()
    .optional()
    .describe('openai: models only. Name of the environment variable that holds the key.'),
  remote: remoteSchema.optional().describe('openai: and http: models only.'),
};

const precision = z.enum(['f32', 'int8']).default('f32');

/** The options of a speaker that only answers. */
export const answererSchema = z.strictObject({
  ...speaker,
  http: httpSchema.optional().describe('http: targets only: the service that answers.'),
});

export const targetSchema = answererSchema.extend({
  precision: precision.describe(
    'int8: replies in training rollouts come from 8-bit weights, faster and a little rounded. Evaluation is always f32.',
  ),
});

const trainerSchema = z.strictObject({
  kind: z.literal('tinker').describe('A server of the Tinker protocol.'),
  baseUrl: z.string().min(1).describe('Where it is, such as http://127.0.0.1:8321.'),
  apiKeyEnv: z.string().optional().describe('Name of the environment variable that holds the key.'),
  baseModel: z
    .string()
    .min(1)
    .optional()
    .describe('How the server calls the model that is trained. Default: as adversary.model.'),
  rank: count.default(16).describe('Of the adapter. Its alpha is the server’s.'),
  timeout: duration.default(120).describe('Of one request, answer included; results are waited for up to an hour.'),
  retries: countFromZero.default(4).describe('Further attempts of calls that change nothing there.'),
  requestsPerMinute: positive.nullable().default(null),
  prices: z
    .strictObject({ forward: notNegative, train: notNegative })
    .nullable()
    .default(null)
    .describe('US dollars per million tokens, read and trained; limits.maxCost needs them.'),
});

export const adversarySchema = z.strictObject({
  ...speaker,
  trainer: trainerSchema
    .nullable()
    .default(null)
    .describe(
      'Train an adapter elsewhere; the adversary speaks on this machine, with the adapter as it is fetched. null trains here.',
    ),
  lora: loraSchema
    .nullable()
    .default(null)
    .describe(
      'Train a low-rank adapter and leave the weights as they are: less memory, quicker steps, usually a higher learningRate. null trains all weights.',
    ),
  rolloutPrecision: precision.describe(
    'int8: training rollouts are sampled from 8-bit weights. Losses and evaluation are always f32.',
  ),
});

type Bare<Field> =
  Field extends z.ZodDefault<infer Inner> ? Inner : Field extends z.ZodOptional<infer Inner> ? Inner : Field;

/** The same fields, each of which may be left out and has no default. */
function changesOf<Fields extends Readonly<Record<string, z.ZodType>>>(
  fields: Fields,
): { [Name in keyof Fields]: z.ZodExactOptional<Bare<Fields[Name]>> } {
  const bare = (field: z.ZodType): z.ZodType => {
    const inner =
      field instanceof z.ZodDefault || field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : field;
    const left = inner.exactOptional();
    return field.description === undefined ? left : left.describe(field.description);
  };
  const changes = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, bare(field)]));
  return changes as { [Name in keyof Fields]: z.ZodExactOptional<Bare<Fields[Name]>> }; // Field by field as above.
}

/** The options that another adversary of an evaluation has of its own; the rest is the recipe’s `adversary`. */
export const adversaryChangesSchema = z.strictObject(changesOf(speaker));

export type RemoteOptions = z.output<typeof remoteSchema>;
export type TargetOptions = z.output<typeof targetSchema>;
export type TrainerOptions = z.output<typeof trainerSchema>;
export type AdversaryOptions = z.output<typeof adversarySchema>;
export type AdversaryChanges = z.output<typeof adversaryChangesSchema>;
export type SpeakerOptions = z.output<typeof answererSchema>;

/** Says what the speaker is: a model on this machine, an endpoint, a JSON service, or a list of prompts. */
export function speakerKind(model: string): 'local' | 'openai' | 'http' | 'prompts' {
  const kind = /^(openai|http|prompts):/.exec(model)?.[1];
  return kind === 'openai' || kind === 'http' || kind === 'prompts' ? kind : 'local';
}

/** The file of `prompts:FILE`, as written; null for every other model. */
export function promptListFile(model: string): string | null {
  return speakerKind(model) === 'prompts' ? model.slice('prompts:'.length) : null;
}

/** Lays changes over an adversary. A model of another kind (a list or an endpoint in the place of a model on this
 *  machine) takes over only what has a meaning for both: the instruction, the length and the draws. */
export function withChanges(adversary: AdversaryOptions, changes: AdversaryChanges): AdversaryOptions {
  const model = changes.model ?? adversary.model;
  const kind = speakerKind(model);
  if (kind === speakerKind(adversary.model)) return { ...adversary, ...changes };
  const { maxNewTokens, temperature, topP, system, reasoning } = adversary;
  const shared = { model, maxNewTokens, temperature, topP, reasoning };
  const instruction = system === undefined || kind === 'prompts' ? {} : { system };
  return adversarySchema.parse({ ...shared, ...instruction, ...changes });
}
