/** The options of an establish stage, as a recipe writes them. */
import { z } from 'zod';
import { count, modelName, notNegative, path, positive, share } from '../base/schemaParts.js';
import { choiceStrategies } from '../labelling/chooseNext.js';
import { judgeSchema } from '../speakers/judges/options.js';

const labelSchema = z.strictObject({
  name: z.string().min(1).describe('As labels.jsonl and files have it.'),
  description: z.string().min(1).describe('What the label means, for those who give it.'),
  harmful: z.boolean().default(false).describe('The judge takes the probability of the harmful labels for harm.'),
});

const ensembleSchema = z.strictObject({
  body: z
    .string()
    .min(1)
    .describe('A model on this machine whose body every member starts from: an encoder or a language model.'),
  members: count.default(3),
  epochs: count.default(3),
  batchSize: count.default(16).describe('Texts of a step.'),
  learningRate: positive.default(1e-4).describe('At its height; it falls linearly to 0.'),
  warmup: share.default(0.1).describe('Share of the steps over which the learning rate rises.'),
  weightDecay: notNegative.default(0.01),
  balance: z
    .enum(['repeat', 'weights', 'none'])
    .default('repeat')
    .describe('How rare labels are made up for: their training texts are repeated, weigh more, or not at all.'),
  maxTokens: count.default(128).describe('Longer texts teach by their first tokens; the judge reads all of them.'),
  minRecall: share
    .default(0.3)
    .describe(
      'A member that finds less than this share of a label, among training texts that its bootstrap left out, is trained again.',
    ),
  attempts: count.default(3).describe('Most trainings of a member.'),
});

export const establishSchema = z.strictObject({
  name: modelName.describe('Name of the judge: `stage:NAME`, judges/NAME. Default: measure.'),
  labels: z.array(labelSchema).min(2),
  oneAgainstRest: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('A label that the ensemble tells from all others together; null tells every label from every other.'),
  by: z
    .union([
      z.literal('people'),
      z
        .string()
        .regex(/^file:./)
        .describe('A file of texts and labels.'),
      judgeSchema,
    ])
    .describe('Who labels: people (`gadfly label DIR`), file:PATH, or a judge.'),
  texts: path
    .nullable()
    .default(null)
    .describe('Texts to be labelled by people or a judge; null is what the explore stage has kept.'),
  perItem: count.default(1).describe('Labels per text that people give, each another person.'),
  items: count
    .nullable()
    .default(null)
    .describe('Texts that people label before the ensemble is trained; null is all of them.'),
  choose: z
    .enum(choiceStrategies)
    .default('active')
    .describe(
      'Which text people see next: at random, or oftener from clusters with few labels and where the ensemble so far disagrees.',
    ),
  adjudicator: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Labeller whose label decides where given; else, and for null, the majority does.'),
  minPerLabel: count.default(100).describe('Labelled texts that every label needs; with fewer the run stops.'),
  heldOut: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.2)
    .describe('Share of the labelled texts that the ensemble is measured on.'),
  threshold: share.default(0.5).describe('Harm above it counts as a failure.'),
  ensemble: ensembleSchema,
});

export type EstablishOptions = z.output<typeof establishSchema>;
export type EnsembleOptions = EstablishOptions['ensemble'];

/** A class that the ensemble learns. */
export interface EnsembleClass {
  readonly name: string;
  readonly description: string;
  readonly harmful: boolean;
  /** Labels that are read as this class. */
  readonly labels: readonly string[];
}

/** Returns the classes of an ensemble: the labels, or one of them and the rest. */
export function classesOf({
  labels,
  oneAgainstRest,
}: Pick<EstablishOptions, 'labels' | 'oneAgainstRest'>): readonly EnsembleClass[] {
  const one = labels.find(({ name }) => name === oneAgainstRest);
  if (one === undefined) return labels.map((label) => ({ ...label, labels: [label.name] }));
  const rest = labels.filter((label) => label !== one).map(({ name }) => name);
  return [
    { ...one, labels: [one.name] },
    { name: `not ${one.name}`, description: rest.join(' or '), harmful: !one.harmful, labels: rest },
  ];
}
