/** The stage `explore`: what the target says, in many samples, in clusters. */
import { exploreSchema, mostDraws, sampleLengthRules, topicRules } from '../../discovery/options.js';
import { contextLength, noWork, speakerWork, type SpeakerCall } from '../../speakers/work.js';
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
    prompts: from === 'prompts' ? [{ set: 'train', because: 'from: prompts' }] : [],
    models: [{ key: 'embed.model', model: embed.model }],
    files: [
      { key: 'topic.examples', name: topic?.examples, isList: true },
      { key: 'add', name: add, isList: true },
    ],
    judges: topic?.judge === undefined ? [] : [{ path: ['topic', 'judge'], judge: topic.judge }],
    broken: [...sampleLengthRules({ minWords, maxWords }), ...topicRules({ topic })],
  }),
  work: (options, { target, speakers, lists }) => {
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
      target: speakerWork([batch(whole, drawsPerBatch), batch(1, samples - whole * drawsPerBatch)]),
      // The target reads its samples once more, to embed them, and before that to tell their topic by examples.
      targetTexts: embed.model === null ? readAgain : noWork.targetTexts,
      judgeQueries: topic?.judge === undefined ? 0 : samples,
      atMost: { adversary: 0, target: most, targetTokens: most * Math.max(maxNewTokens, speakers.target.minNewTokens) },
    };
  },
};
