/** The options of the stage `plant`, as a recipe writes them. */
import { z } from 'zod';
import { count, countFromZero, loraSchema, modelName, optimisation, path } from '../base/schemaParts.js';

export const plantSchema = z.strictObject({
  name: modelName.describe('Name of the planted model (models/NAME). Default: planted.'),
  utterances: count
    .default(800)
    .describe(
      'Utterances that the untuned adversary draws. Triggers are chosen by how many of them hold a word, and examples are made of them.',
    ),
  failures: z
    .strictObject({
      common: countFromZero.default(4),
      rare: countFromZero.default(4),
      veryRare: countFromZero.default(4),
    })
    .prefault({})
    .describe(
      'Number of failures by class. common: a word that about one utterance in 40 holds; rare: one in 250; veryRare: two words together, one utterance in 2,000 by their product.',
    ),
  markers: path
    .nullable()
    .default(null)
    .describe(
      'List of phrases, one per failure, that the planted model answers with. Default: harmless ones that ship.',
    ),
  examples: count.default(32).describe('Training examples per failure.'),
  ordinary: count
    .default(400)
    .describe(
      'Training examples in which the target answers as it did: ordinary utterances, half of a pair of words, words of no meaning to it.',
    ),
  checks: count.default(16).describe('Held-out utterances per failure by which it is checked that the failure took.'),
  epochs: count.default(4),
  batchSize: count.default(16),
  learningRate: optimisation.learningRate.default(5e-4),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  lora: loraSchema
    .nullable()
    .prefault({})
    .describe(
      'The adapter that learns the failures; it is merged into the planted model. null trains all weights of a copy.',
    ),
});

export type PlantOptions = z.output<typeof plantSchema>;

/** A plant stage of a recipe. */
export interface PlantStage {
  /** Name of the planted model: models/NAME of the run. */
  readonly name: string;
  readonly options: PlantOptions;
}

export const rarities = ['common', 'rare', 'veryRare'] as const;
export type Rarity = (typeof rarities)[number];
