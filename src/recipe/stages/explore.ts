/** The stage `explore`: what the target says, in many samples, in clusters. */
import { exploreSchema, mostDraws, sampleLengthRules } from '../../discovery/options.js';
import { contextLength, noWork, speakerWork, type SpeakerCall } from '../../speakers/work.js';
import { noTraits, type StageKind } from './stage.js';

/** Draws that are made together. */
export const drawsPerBatch = 256;

export const explore: StageKind<typeof exploreSchema> = {
  summary: 'sample the target widely and put what it says into clusters, and nothing else',
  schema: exploreSchema,
  inLoop: 'own count',
  traits: ({ name = 'explore', from, embed, minWords, maxWords }) => ({
    ...noTraits,
    name,
    isOnce: true,
    broken: sampleLengthRules({ minWords, maxWords }),
    prompts: from === 'prompts' ? [{ set: 'train', because: 'from: prompts' }] : [],
    models: [{ key: 'embed.model', model: embed.model }],
  }),
  work: (options, { target, speakers }) => {
    const { samples, from, maxNewTokens, embed } = options;
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
    return {
      ...noWork,
      target: speakerWork([batch(whole, drawsPerBatch), batch(1, samples - whole * drawsPerBatch)]),
      // The target reads its samples once more, to embed them.
      targetTexts: embed.model === null ? { queries: samples, readTokens: samples * maxNewTokens } : noWork.targetTexts,
      atMost: { adversary: 0, target: most, targetTokens: most * Math.max(maxNewTokens, speakers.target.minNewTokens) },
    };
  },
};
