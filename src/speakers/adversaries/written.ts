/** Adversaries that say what was written or found beforehand. No model speaks for them, and they draw nothing. */
import type { SpeakRequest, Utterance } from '../../dialogue/types.js';
import { textUtterance } from '../textSpeaker.js';
import type { OpenAdversary } from './endpoint.js';

/** An utterance of the adversary whose words are given; nothing in them counts as reasoning. */
export function writtenUtterance(text: string): Utterance {
  return textUtterance('adversary', { kind: 'reply', text, finishReason: 'stop' }, 'keep');
}

/** @param say gives the utterance of a request, by its place among those that are asked at once */
export function createWrittenAdversary(
  name: string,
  say: (request: SpeakRequest, place: number) => Utterance,
): OpenAdversary {
  let queries = 0;
  return {
    name,
    counts: () => ({ queries, contextTokens: 0, generatedTokens: 0, truncatedContexts: 0, retokenisedUtterances: 0 }),
    speak: async (requests) => {
      queries += requests.length;
      return requests.map(say);
    },
  };
}
