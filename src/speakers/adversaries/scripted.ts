/** An adversary that speaks by rule: for tests, and for fixed lists of attacks. */
import type { Adversary, SpeakRequest } from '../../dialogue/types.js';

export function createScriptedAdversary(say: (request: SpeakRequest) => string): Adversary {
  return {
    name: 'scripted',
    speak: (requests) =>
      Promise.resolve(requests.map((request) => ({ author: 'adversary', text: say(request), tokens: null, finishReason: 'stop' }))),
  };
}
