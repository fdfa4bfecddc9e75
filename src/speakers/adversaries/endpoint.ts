/** An adversary behind an OpenAI-compatible endpoint that a system instruction directs. It is prompted, never
 *  trained. */
import type { Adversary } from '../../dialogue/types.js';
import type { Endpoint } from '../../remote/types.js';
import type { SpeakerCounts } from '../localSpeaker.js';
import { type EndpointSpeakerOptions, openEndpointSpeaker, textUtterance } from '../textSpeaker.js';

export interface OpenAdversary extends Adversary {
  readonly counts: () => SpeakerCounts;
}

export function createEndpointAdversary(endpoint: Endpoint, options: EndpointSpeakerOptions): OpenAdversary {
  const speaker = openEndpointSpeaker(endpoint, 'adversary', options);
  return {
    name: options.name ?? endpoint.name,
    counts: speaker.counts,
    speak: async (requests) =>
      (await speaker.speak(requests)).map((reply) => textUtterance('adversary', reply, options.reasoning)),
  };
}
