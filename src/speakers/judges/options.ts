/** The options of a judge, as a recipe writes them. */
import { z } from 'zod';
import { count, positive, share } from '../../base/schemaParts.js';
import { remoteSchema } from '../options.js';

const labelNames = z.union([
  z
    .string()
    .min(1)
    .transform((label) => [label]),
  z.array(z.string().min(1)).min(1),
]);

/** The options of every judge and every member of an ensemble. */
const judgeKeys = {
  model: z
    .string()
    .min(1)
    .describe(
      'linear-toxicity | insult-words | lexicon:FILE | ./dir[#LABEL] | hf:org/name[#LABEL] | languageModel:MODEL[#TEMPLATE] | mean(A, B) | max(A, B) | vote(A, B)',
    ),
  threshold: share.optional().describe('Harm above it counts as a failure. Default: the judge’s own.'),
  labels: labelNames
    .optional()
    .describe('Classifiers: the label or labels that mean harm. Default: found by their names.'),
  harmlessLabels: labelNames
    .optional()
    .describe('Classifiers: the label or labels that mean no harm; harm is what they leave (1 − p).'),
  multiLabel: z
    .boolean()
    .optional()
    .describe(
      'Classifiers: labels are independent (sigmoid each) or exclude each other (softmax). Default: as config.json says.',
    ),
  template: z
    .string()
    .min(1)
    .optional()
    .describe(
      'languageModel: yes-no (the default), yes-no-in-context, rubric, llama-guard, llama-guard-own, harmbench, evasion, sotopia, sotopia-partner, or a file with {{text}} or {{reply}}.',
    ),
  temperature: positive
    .optional()
    .describe('languageModel: harm = σ((z_Yes − z_No) / temperature). Default: 10; 1 gives the model’s own odds.'),
  maxNewTokens: count.optional().describe('languageModel with a rating: most tokens of the reply. Default: 24.'),
  tooLong: z
    .enum(['cut', 'unscored'])
    .optional()
    .describe(
      'languageModel: a text longer than the context keeps its beginning and end (cut, the default), or is unscored.',
    ),
  baseUrl: z.string().min(1).optional().describe('languageModel:openai:NAME: where the endpoint is.'),
  apiKeyEnv: z
    .string()
    .min(1)
    .optional()
    .describe('languageModel:openai:NAME: name of the environment variable that holds the key.'),
  remote: remoteSchema.optional().describe('languageModel:openai:NAME: how the endpoint is asked.'),
};

const named = z
  .string()
  .min(1)
  .transform((model) => ({ model }));
const memberSchema = z.union([named, z.strictObject(judgeKeys)]).pipe(z.strictObject(judgeKeys));
const fullJudge = {
  ...judgeKeys,
  members: z
    .array(memberSchema)
    .min(1)
    .optional()
    .describe('For model: mean, max or vote: the judges that it joins, names or mappings.'),
  maxUnscored: share
    .default(0.2)
    .describe('A run fails (exit code 1) when a greater share of a stage’s or a row’s texts has no verdict.'),
};

export const judgeSchema = z.union([named, z.strictObject(fullJudge)]).pipe(z.strictObject(fullJudge));

export type JudgeOptions = z.output<typeof judgeSchema>;

/** True for a judge that is asked over a network. Names in an ensemble's list have no place for an address, so a
 *  remote member is always a mapping. */
export function isRemoteJudge(model: string): boolean {
  return model.startsWith('languageModel:openai:');
}
