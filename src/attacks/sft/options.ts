/** The options of the attack `sft`, as a recipe writes them. */
import { z } from 'zod';
import { count, optimisation, path, share } from '../../base/schemaParts.js';
import { attackKeys } from '../attackOptions.js';

/** The supervised baseline: cross-entropy on texts that show the failure. */
export const sftSchema = z.strictObject({
  attack: z.literal('sft'),
  ...attackKeys,
  data: path.nullable().describe('Texts that show the failure. null leaves the stage out until data is given.'),
  format: z
    .string()
    .optional()
    .describe('Data format by name (`gadfly list datasets`). Default: recognised from the file.'),
  minHarm: share.default(0).describe('Only texts that the judge scores above it.'),
  maxTexts: count.nullable().default(null),
  maxTokens: count.default(128).describe('Maximum number of tokens per text; longer texts are cut.'),
  epochs: count.default(8),
  batchSize: count.default(16),
  learningRate: optimisation.learningRate.default(5e-5),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
});

export type SftOptions = z.output<typeof sftSchema>;
