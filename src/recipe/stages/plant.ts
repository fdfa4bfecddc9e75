/** The stage `plant`: failures of known rarity are taught to a copy of the target, for a hunt to be measured by. */
import { plantSchema } from '../../planting/options.js';
import { contextLength } from '../../speakers/calls.js';
import { noWork, speakerWork } from '../../speakers/work.js';
import { noTraits, type StageKind } from './stage.js';

/** Utterances that are drawn, and replies that are asked for, together. */
export const plantBatch = 128;

export const plant: StageKind<typeof plantSchema> = {
  summary: 'teach a copy of the target failures that a hunt is to find, and nothing else',
  schema: plantSchema,
  inLoop: 'own count',
  traits: ({ name = 'planted', markers }) => ({
    ...noTraits,
    name,
    isOnce: true,
    prompts: [{ set: 'train' }],
    files: [{ key: 'markers', name: markers, isList: true }],
    takenNames: [name],
  }),
  work: (options, { target, adversary }) => {
    const { utterances, failures, examples, ordinary, checks, epochs, batchSize } = options;
    const planted = failures.common + failures.rare + failures.veryRare;
    const taught = planted * examples + ordinary;
    const context = contextLength(target, 'train', 0);
    const call = (rows: number, utterance: number) => ({
      times: 1,
      rows,
      contexts: rows,
      contextTokens: rows * context,
      readTokens: rows * context,
      newTokens: rows * utterance,
    });
    return {
      ...noWork,
      adversary: speakerWork([call(utterances, adversary.utterance)]),
      // The target answers what sets nothing off; the planted model answers the checks, as many ordinary ones again.
      target: speakerWork([call(ordinary + 2 * planted * checks, target.utterance)]),
      trainedTokens: epochs * taught * (context + adversary.utterance + target.utterance),
      optimizerSteps: epochs * Math.ceil(taught / batchSize),
    };
  },
};
