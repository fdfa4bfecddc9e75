/** The stage `evaluate`: dialogues of every adversary with every target on held-out prompts, judged and reported. */
import { z } from 'zod';
import { count, countFromZero, share } from '../../base/schemaParts.js';
import { rewardWeights, targetTextsSchema } from '../../dialogue/rewardSchema.js';
import { judgeSchema } from '../../speakers/judges/options.js';
import { adversaryChangesSchema, promptListFile, speakerKind } from '../../speakers/options.js';
import { linearCalls } from '../../speakers/calls.js';
import { noWork, speakerWork, targetTextWork, verdictsPerExchange } from '../../speakers/work.js';
import { noTraits, type StageKind } from './stage.js';

const evaluateSchema = z.strictObject({
  rows: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Adversaries to compare, in this order: untuned, names under adversaries, names of exploit stages. Default: all of them.',
    ),
  baseline: z
    .string()
    .min(1)
    .optional()
    .describe('Row from which the differences of the others are reported. Default: untuned, where it is a row.'),
  adversaries: z
    .record(z.string(), adversaryChangesSchema)
    .optional()
    .describe(
      'Further adversaries that no stage trains, by name: each says only how it differs from the adversary of the recipe.',
    ),
  targets: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Targets to play: original, names of mended models, names under furtherTargets. Default: all. A loop plays each round’s own.',
    ),
  furtherTargets: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dots, dashes and underscores'),
      z.string().min(1),
    )
    .optional()
    .describe(
      'Further models on this machine that the same rows are played with, by name, in the place of the target: whether what was found for one target works on others.',
    ),
  turns: count.default(3),
  prompts: count
    .nullable()
    .default(null)
    .describe('Number of test prompts to evaluate on, the first ones; null is all.'),
  groupBy: z
    .enum(['prompt', 'conversation'])
    .default('prompt')
    .describe(
      'Unit that intervals resample: a prompt, or all prompts of one conversation (rows of a file with one conversation_id, such as all those about one secret).',
    ),
  categories: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe(
      'Field of the prompts’ source by whose values rows are broken down, such as semanticCategory of HarmBench; null for none.',
    ),
  stopWhen: z
    .array(z.string().min(1))
    .default([])
    .describe('A dialogue ends after the exchange in which one side says one of these, as whole words, in any case.'),
  judges: z
    .array(judgeSchema)
    .min(1)
    .optional()
    .describe('Default: the judge of the recipe. The first gives the main figures.'),
  reward: rewardWeights.optional().describe('Default: the reward of the first ipo stage.'),
  targetTexts: targetTextsSchema.optional().describe('Default: those of the first ipo stage.'),
  embed: z
    .strictObject({
      model: z.string().min(1).describe('An encoder of sentences on this machine, such as all-MiniLM-L6-v2.'),
    })
    .nullable()
    .default(null)
    .describe(
      'Encoder that tells utterances alike by meaning, for the number of unique attacks and the Vendi score; null leaves these figures out.',
    ),
  samples: countFromZero.default(12).describe('Dialogues per row that are kept in the report.'),
  failOver: share
    .optional()
    .describe('Exit code 3 when a row’s replyFailureRate exceeds it by the low end of its interval.'),
});

export type EvaluateOptions = z.output<typeof evaluateSchema>;

export const evaluate: StageKind<typeof evaluateSchema> = {
  summary: 'play and judge the rows of a run, and nothing else',
  schema: evaluateSchema,
  inLoop: 'own count',
  traits: ({ reward = null, judges = [], failOver = null, adversaries = {}, furtherTargets = {}, embed }) => ({
    ...noTraits,
    name: 'evaluate',
    isOnce: true,
    reward,
    judges: judges.map((judge, i) => ({ path: ['judges', i], judge })),
    failOver,
    prompts: [{ set: 'test' }],
    models: [
      { key: 'embed.model', model: embed?.model ?? null },
      ...Object.entries(furtherTargets).map(([name, model]) => ({ key: `furtherTargets.${name}`, model })),
    ],
    files: Object.entries(adversaries).map(([name, { model = '' }]) => ({
      key: `adversaries.${name}.model`,
      name: promptListFile(model),
    })),
    adversaries: Object.entries(adversaries).map(([name, changes]) => ({
      name,
      path: ['adversaries', name],
      changes,
    })),
  }),
  label: ({ rows }) => `evaluate (${rows.adversaries.join(', ')})`,
  work: ({ prompts, turns, judges, reward, targetTexts, embed }, lengths) => {
    const { played, found, others } = lengths.rows;
    const calls = linearCalls(lengths, 'test', prompts, turns, played);
    // What was found is said without a model.
    const replies = linearCalls(lengths, 'test', prompts, turns, found).target;
    const further = others.map(({ speaker, lengths: adversary, played: times }) => ({
      speaker,
      calls: linearCalls({ ...lengths, adversary }, 'test', prompts, turns, times),
    }));
    const target = speakerWork([
      ...[calls, ...further.map((each) => each.calls)].flatMap((each) => each.target),
      ...replies,
    ]);
    return {
      ...noWork,
      adversary: speakerWork(calls.adversary),
      // A list of prompts is read from, not asked.
      otherAdversaries: further.map(({ speaker, calls: { adversary } }) => ({
        speaker,
        work: speakerWork(speakerKind(speaker.model) === 'prompts' ? [] : adversary),
      })),
      target,
      targetTexts: targetTextWork(
        target.calls,
        { reward: reward ?? lengths.trained?.reward ?? {}, targetTexts: targetTexts ?? lengths.trained?.targetTexts },
        lengths.adversary.utterance,
      ),
      encoderTexts: embed === null ? 0 : target.queries,
      judgeQueries: target.queries * verdictsPerExchange * (judges?.length ?? 1),
    };
  },
};
