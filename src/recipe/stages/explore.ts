/** The stage `explore`: what the target says, in many samples, in clusters. */
import {
  type ExploreOptions,
  exploreSchema,
  mostDraws,
  sampleLengthRules,
  topicRules,
} from '../../discovery/options.js';
import { contextLength, type DialogueLengths, linearCalls, type SpeakerCall } from '../../speakers/calls.js';
import { noWork, speakerWork, type Work } from '../../speakers/work.js';
import { noTraits, type StageKind } from './stage.js';

/** Draws that are made together. */
export const drawsPerBatch = 256;

export const explore: StageKind<typeof exploreSchema> = {
  summary: 'sample the target widely and put what it says into clusters, and nothing else',
  schema: exploreSchema,
  inLoop: 'own count',
  traits: ({ name = 'explore', from, embed, minWords, maxWords, topic, add }) => ({
    ...noTraits,
    name,
    isOnce: true,
    prompts: from === 'start' ? [] : [{ set: 'train', because: `from: ${from}` }],
    models: [{ key: 'embed.model', model: embed.model }],
    files: [
      { key: 'topic.examples', name: topic?.examples, isList: true },
      { key: 'add', name: add, isList: true },
    ],
    judges: topic?.judge === undefined ? [] : [{ path: ['topic', 'judge'], judge: topic.judge }],
    broken: [...sampleLengthRules({ minWords, maxWords }), ...topicRules({ topic })],
  }),
  work: (options, { target, adversary, speakers, lists }) => {
    const { samples, from, maxNewTokens, embed, topic, add } = options;
    const context = from === 'start' ? 1 : contextLength(target, 'train', 0);
    const batch = (times: number, rows: number): SpeakerCall => ({
      times,
      rows,
      contexts: rows,
      contextTokens: rows * context,
      readTokens: from === 'start' ? context : rows * context,
      newTokens: rows * maxNewTokens,
    });
    const whole = Math.floor(samples / drawsPerBatch);
    const most = mostDraws(options);
    const times = topic?.examples === undefined ? 1 : 2;
    const own = [add, topic?.examples].map((file) => lists.get(file ?? '') ?? { texts: 0, tokens: 0 });
    const readAgain = {
      queries: own.reduce((sum, { texts }) => sum + texts, times * samples),
      readTokens: own.reduce((sum, { tokens }) => sum + tokens, times * samples * maxNewTokens),
    };
    return {
      ...noWork,
      ...(from === 'dialogues'
        ? dialogueWork(options, { target, adversary })
        : { target: speakerWork([batch(whole, drawsPerBatch), batch(1, samples - whole * drawsPerBatch)]) }),
      // The target, or another model, reads the samples once more, to embed them, and before that to tell their topic by
      // examples.
      ...(embed.model === null ? { targetTexts: readAgain } : { encoderTexts: readAgain.queries }),
      judgeQueries: topic?.judge === undefined ? 0 : samples,
      atMost: {
        adversary: from === 'dialogues' ? most : 0,
        target: most,
        targetTokens: most * Math.max(maxNewTokens, speakers.target.minNewTokens),
      },
    };
  },
};

/** Counts dialogues with the untuned adversary, whose replies are the draws. */
function dialogueWork(
  { samples, turns, maxNewTokens }: ExploreOptions,
  { target, adversary }: DialogueLengths,
): Pick<Work, 'adversary' | 'target'> {
  const sides = { adversary, target: { ...target, utterance: maxNewTokens } };
  const dialogues = Math.ceil(samples / turns);
  const atOnce = Math.min(dialogues, adversary.prompts.train.length, Math.ceil(drawsPerBatch / turns));
  const whole = Math.floor(dialogues / atOnce);
  const calls = [
    linearCalls(sides, 'train', atOnce, turns, whole),
    linearCalls(sides, 'train', dialogues - whole * atOnce, turns, 1),
  ];
  return {
    adversary: speakerWork(calls.flatMap((each) => each.adversary)),
    target: speakerWork(calls.flatMap((each) => each.target)),
  };
}
