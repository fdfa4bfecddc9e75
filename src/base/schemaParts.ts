/** Kinds of values that the schemas of recipes and kept files share. */
import { z } from 'zod';
import { isJsonObject, type JsonObject } from './json.js';
import { parseDuration } from './quantities.js';

export const count = z.int().min(1);
export const countFromZero = z.int().min(0);
export const positive = z.number().gt(0);
export const notNegative = z.number().min(0);
export const share = z.number().min(0).max(1);
/** Any object of JSON, as it is. */
export const jsonObject = z.custom<JsonObject>(isJsonObject, 'an object');
export const path = z.string().min(1).describe('Path of a file or folder, relative to the recipe.');

export const duration = z
  .union([z.number(), z.string()])
  .transform((value, context) => {
    const seconds = parseDuration(value);
    if (seconds !== null && seconds > 0) return seconds;
    context.addIssue({
      code: 'custom',
      message: `expected a duration such as 2h, 90m or 30s, got ${JSON.stringify(value)}`,
    });
    return z.NEVER;
  })
  .describe('Such as 2h, 90m, 30s; a plain number is seconds.');

export const optimisation = {
  learningRate: positive,
  warmupSteps: countFromZero,
  weightDecay: notNegative,
  maxGradientNorm: positive.nullable(),
};

/** A name that may become a folder's under models/. */
export const modelName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dot, dash and underscore only')
  .optional();

/** A low-rank adapter in place of full training (arXiv 2106.09685). */
export const loraSchema = z.strictObject({
  rank: count.default(16).describe('Rows of the smaller matrices: what the adapter can learn, and its size.'),
  alpha: positive.default(32).describe('The adapter counts alpha / rank; twice the rank is customary.'),
  rsLora: z
    .boolean()
    .default(false)
    .describe('It counts alpha / √rank instead, which keeps high ranks learning (arXiv 2312.03732).'),
  targetModules: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .default('all-linear')
    .describe('Which linear maps get one, as in PEFT: ends of their names, a pattern for whole names, or all-linear.'),
});
