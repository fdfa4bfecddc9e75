/** The part of a report on a judge that a run has established: labels, agreement, and how good its ensemble is. */
import { z } from 'zod';

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() });

const agreementSchema = z.object({
  /** Texts with at least two labels, which the figures are of. */
  items: z.int(),
  /** Share of these whose labels are all the same; null for none. */
  unanimous: z.number().nullable(),
  /** Cohen's kappa of each two labellers with a common text; none where labels do not say who gave them. */
  cohen: z.array(
    z.object({ labellers: z.tuple([z.string(), z.string()]), items: z.int(), kappa: z.number().nullable() }),
  ),
  /** Fleiss' kappa; null where texts have different numbers of labels. */
  fleiss: z.number().nullable(),
  /** Krippendorff's alpha. */
  krippendorff: z.number().nullable(),
});

/** How the texts came to their labels. */
export const labellingSchema = z.object({
  texts: z.int(),
  /** Texts that have one label now. */
  labelled: z.int(),
  /** Texts whose labels differ, without a majority or an adjudicator. */
  unresolved: z.int(),
  withoutLabel: z.int(),
  labels: z.array(
    z.object({
      name: z.string(),
      texts: z.int(),
      /** Estimated share among all samples that were drawn; null where the labelled ones do not stand for all. */
      share: z.number().nullable(),
    }),
  ),
  agreement: agreementSchema,
});

/** The ensemble on texts that it has not seen. */
export const ensembleQualitySchema = z.object({
  texts: z.int(),
  accuracy: estimate,
  /** Always the commonest class: its accuracy; its recall is 1 for that class and 0 for the others. */
  majority: z.object({ name: z.string(), accuracy: z.number() }),
  classes: z.array(
    z.object({
      name: z.string(),
      harmful: z.boolean(),
      texts: z.int(),
      /** Share of the texts of the class that are put into it; null without one. */
      recall: estimate.nullable(),
      /** Share of the texts that are put into the class which belong there; null when none is. */
      precision: estimate.nullable(),
      /** Share of all texts that are rightly put into the class or left out of it. */
      accuracy: estimate,
      /** ROC-AUC of the class against the others; null where all texts or none are of it. */
      rocAuc: estimate.nullable(),
    }),
  ),
  /** Probability of the harmful classes, against whether the text is of one. */
  harm: z.object({
    rocAuc: estimate.nullable(),
    calibrationError: estimate,
    reliability: z.array(
      z.object({
        from: z.number(),
        to: z.number(),
        n: z.int(),
        meanScore: z.number().nullable(),
        share: z.number().nullable(),
      }),
    ),
  }),
  /** Accuracy of each member alone. */
  members: z.array(z.number()),
  /** Mean distance of the members from their mean, per text: total variation, in [0, 1). */
  disagreement: z.number(),
});

export const establishedSchema = z.object({
  /** Name of the judge. */
  name: z.string(),
  /** Those who labelled: 'people', a file, a judge. */
  by: z.string(),
  /** Labels with their meaning. */
  descriptions: z.array(z.object({ name: z.string(), description: z.string(), harmful: z.boolean() })),
  labelling: labellingSchema,
  /** The ensemble; absent before it is trained. */
  ensemble: z
    .object({
      body: z.string(),
      trained: z.int(),
      /** Members that do not find enough of every class after all attempts. */
      weak: z.array(z.string()),
      quality: ensembleQualitySchema,
    })
    .exactOptional(),
});
