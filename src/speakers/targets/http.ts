/** A target that is any JSON service. It gives text only. */
import type { TargetReply } from '../../dialogue/types.js';
import { askAll } from '../../remote/askAll.js';
import type { JsonService } from '../../remote/jsonService.js';
import { dialogueMessages, dialogueText } from '../formats/texts.js';
import { countsOf, type EndpointSpeakerOptions, seedOf, textUtterance } from '../textSpeaker.js';
import type { OpenTarget } from './openTarget.js';

/** What the places of a request template stand for. */
export const httpPlaces = {
  utterance: 'the last utterance',
  messages: 'the dialogue as a list of { role, content }',
  text: 'the dialogue as one text',
  system: 'the system instruction',
  seed: 'a number that belongs to this reply',
  maxTokens: 'maxNewTokens',
  temperature: 'temperature',
  topP: 'topP',
} as const;

export function createHttpTarget(service: JsonService, options: EndpointSpeakerOptions): OpenTarget {
  const { format, maxNewTokens: maxTokens, temperature, topP, system } = options;
  let queries = 0;
  return {
    name: options.name ?? service.name,
    provides: { logProbs: false, weights: false },
    counts: () => countsOf(queries, service.usage()),
    reply: (requests) =>
      askAll(requests, service.concurrency, async ({ dialogue, stream }): Promise<TargetReply> => {
        const text = await service.ask({
          utterance: dialogue.turns.at(-1)?.text.trim() ?? '',
          messages: dialogueMessages(dialogue, 'target', system),
          text: dialogueText(dialogue, format === 'lines' ? 'lines' : 'plain'),
          system: system ?? '',
          seed: seedOf(stream),
          maxTokens,
          temperature,
          topP,
        } satisfies Record<keyof typeof httpPlaces, unknown>);
        queries++;
        return { reply: textUtterance('target', { text, finishReason: 'stop' }), utteranceLogProbs: null };
      }),
  };
}
