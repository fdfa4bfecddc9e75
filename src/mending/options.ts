/** The part of a recipe's schema that mends: the stage that trains failures away, the loop of attack and mending, the
 *  sweep over values. */
import { z } from 'zod';
import {
  modelName,
  count,
  countFromZero,
  loraSchema,
  notNegative,
  optimisation,
  path,
  positive,
  share,
} from '../base/schemaParts.js';
import { judgeSchema } from '../speakers/judges/options.js';
import { answererSchema } from '../speakers/options.js';

const preferenceTraining = {
  name: modelName.describe('Name of the mended model (models/NAME). Default: the loss.'),
  nll: notNegative
    .default(0)
    .describe(
      'Weight of the chosen reply’s mean negative log-likelihood beside the preference loss (RPO, arXiv 2404.19733): keeps its likelihood up.',
    ),
  anchor: notNegative
    .default(0)
    .describe(
      'Weight of the squared change of ordinary replies’ log-probabilities (a token, nats) against the recipe’s own target: keeps ordinary dialogue as likely as it was.',
    ),
  epochs: count.default(2),
  batchPairs: count.default(8),
  learningRate: optimisation.learningRate.default(2e-5),
  warmupSteps: optimisation.warmupSteps.default(8),
  weightDecay: optimisation.weightDecay.default(0),
  maxGradientNorm: optimisation.maxGradientNorm.default(1),
  logProbs: z
    .enum(['sum', 'mean'])
    .default('sum')
    .describe('How the loss joins the tokens of a reply; beta does not carry over from one to the other.'),
  watchEvery: countFromZero
    .default(4)
    .describe(
      'Steps between two looks at the held-out replies (how far chosen, rejected and toxic have moved); 0 is never.',
    ),
} as const;

/** Every loss that mending can train with, with its options. */
const mendTrainingSchemas = {
  adpo: z.strictObject({
    loss: z.literal('adpo'),
    ...preferenceTraining,
    form: z
      .enum(['joint', 'paired', 'separate'])
      .default('joint')
      .describe('How the toxic reply enters the loss (docs/adpo.md).'),
    beta: positive.default(0.3),
    gamma: notNegative.default(0.2).describe('Weight of the toxic reply’s log-ratio; 0 is DPO.'),
    lambda: notNegative.default(1).describe('separate only: weight of the second term.'),
    toxicReference: z
      .enum(['plain', 'control'])
      .default('plain')
      .describe('control: the toxic reply is compared with the reference that was given the control token.'),
  }),
  dpo: z.strictObject({ loss: z.literal('dpo'), ...preferenceTraining, beta: positive.default(0.9) }),
  ipo: z.strictObject({ loss: z.literal('ipo'), ...preferenceTraining, beta: positive.default(0.05) }),
  sft: z.strictObject({
    loss: z.literal('sft'),
    name: preferenceTraining.name,
    epochs: preferenceTraining.epochs,
    batchSize: count.default(16),
    learningRate: preferenceTraining.learningRate,
    warmupSteps: preferenceTraining.warmupSteps,
    weightDecay: preferenceTraining.weightDecay,
    maxGradientNorm: preferenceTraining.maxGradientNorm,
    watchEvery: preferenceTraining.watchEvery,
  }),
} as const;

const mendTrainingSchema = z.discriminatedUnion('loss', [
  mendTrainingSchemas.adpo,
  mendTrainingSchemas.dpo,
  mendTrainingSchemas.ipo,
  mendTrainingSchemas.sft,
]);

/** Training the failures away (arXiv 2405.12900). */
export const mendSchema = z.strictObject({
  name: modelName.describe('Name of the stage. Default: mend.'),
  judge: judgeSchema
    .optional()
    .describe(
      'Whose verdicts say what failed and which replies are safe, such as stage:NAME. Default: the judge of the recipe.',
    ),
  failures: z
    .strictObject({
      attacks: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe('Exploit stages whose rollouts are searched for failures. Default: all earlier ones.'),
      data: path
        .nullish()
        .describe(
          'Failures from a file instead: dialogues with a chosen and a rejected reply (hh-rlhf, TRL). null leaves the stage out until data is given.',
        ),
      minHarm: share
        .optional()
        .describe('Only replies that the judge scores above it. Default: those over its threshold.'),
      max: count.default(256).describe('Maximum number of dialogues, drawn over all prompts.'),
    })
    .prefault({}),
  ordinary: z
    .strictObject({
      data: path
        .nullish()
        .describe(
          'Ordinary dialogues. Default: what the untuned adversary and the target say to each other, failures left out; or, with failures.data, its chosen replies.',
        ),
      questions: path
        .nullish()
        .describe(
          'A list of ordinary things to say (a line or a row each, as for prompts:FILE): what the target answers to them is ordinary. Default: the untuned adversary speaks.',
        ),
      turns: count.default(3).describe('Exchanges of a dialogue that the untuned adversary or the list opens.'),
      max: count.default(128),
    })
    .prefault({}),
  holdOut: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.25)
    .describe('Share of the prompts, of failures and of ordinary dialogues, that only the measures see.'),
  control: z
    .strictObject({
      token: z.string().min(1).default('[TOXIC]'),
      as: z
        .enum(['vocabulary', 'text'])
        .default('vocabulary')
        .describe('A new row of the embedding, gone again from the mended model; or plain text.'),
    })
    .prefault({}),
  twin: z
    .strictObject({
      epochs: count.default(2),
      batchSize: count.default(16),
      learningRate: optimisation.learningRate.default(5e-5),
      warmupSteps: optimisation.warmupSteps.default(8),
      weightDecay: optimisation.weightDecay.default(0),
      maxGradientNorm: optimisation.maxGradientNorm.default(1),
    })
    .nullable()
    .prefault({})
    .describe(
      'Fine-tuning on the dialogues, failures marked by the control token: the start of every training, and its reference. null: the target as it is.',
    ),
  candidates: z
    .strictObject({
      samples: count.default(2).describe('Replies for each temperature, with the token and without.'),
      temperatures: z.array(positive).min(1).default([1, 1.5]),
      chosen: z
        .enum(['leastHarm', 'likeliest', 'alternative'])
        .default('leastHarm')
        .describe(
          'Which of the replies that do not fail is chosen. alternative: the likeliest that is not the target’s own (retrieved, written or answered), where there is one.',
        ),
      minGap: share.default(0.1).describe('Harm of the rejected reply over that of the chosen; less is no pair.'),
      maxHarm: share
        .optional()
        .describe('Only replies that the judge scores no higher are chosen. Default: all that it lets pass.'),
      fromData: z.boolean().default(true).describe('The recorded replies are candidates as well.'),
      writer: answererSchema
        .nullable()
        .default(null)
        .describe(
          'A model that answers in the target’s place, `samples` times; its replies may be chosen. With the chat format, system: tells it how.',
        ),
      answers: path
        .nullish()
        .describe(
          'Written answers that may be chosen: JSON lines {prompt, chosen}, as gadfly preferences writes and reads them.',
        ),
      borrow: z
        .strictObject({
          data: path
            .nullish()
            .describe('Approved replies, one per line. Default: what was answered in the ordinary dialogues.'),
          max: count.default(64).describe('Number of different ones that are tried after each dialogue, drawn anew.'),
          keep: count
            .default(4)
            .describe(
              'Number that enter for each dialogue: those likeliest there at the start of training, by nats per token.',
            ),
        })
        .nullable()
        .default(null)
        .describe('Replies to other dialogues that may be chosen.'),
    })
    .prefault({}),
  train: z
    .array(mendTrainingSchema)
    .min(1)
    .describe('Trainings from the same start, compared with each other; a loop has one.'),
  lora: loraSchema
    .nullable()
    .default(null)
    .describe('Train an adapter, merged into the mended model. The control token must then be text.'),
  measures: z
    .strictObject({
      prompts: count.default(64).describe('Held-out dialogues of each set that every model answers.'),
      embedder: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('Model whose embeddings compare context and reply. Default: the target’s own states.'),
      choices: path
        .nullish()
        .describe(
          'Multiple-choice questions that guard ability. Default: those that the package ships for the target; null asks none.',
        ),
      evasionJudge: z
        .string()
        .min(1)
        .nullable()
        .default(null)
        .describe('A language model that is asked whether a reply evades, beside the rule.'),
    })
    .prefault({}),
});

export type MendOptions = z.output<typeof mendSchema>;
export type MendTrainingOptions = z.output<typeof mendTrainingSchema>;

export function trainingName({ name, loss }: Pick<MendTrainingOptions, 'name' | 'loss'>): string {
  return name ?? loss;
}
