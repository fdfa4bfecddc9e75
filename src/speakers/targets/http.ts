/** A target that is any JSON service. It gives text only. */
import type { TargetReply } from '../../dialogue/types.js';
import { askAll } from '../../remote/askAll.js';
import type { JsonService } from '../../remote/jsonService.js';
import { systemText } from '../formats/opening.js';
import { dialogueMessages, dialogueText } from '../formats/texts.js';
import { countsOf, type EndpointSpeakerOptions, streamSeed, textUtterance } from '../textSpeaker.js';
import type { OpenTarget } from './openTarget.js';

export function createHttpTarget(service: JsonService, options: EndpointSpeakerOptions): OpenTarget {
  const { format, maxNewTokens: maxTokens, temperature, topP, system } = options;
  let queries = 0;
  return {
    name: options.name ?? service.name,
    provides: { logProbs: false, weights: false },
    counts: () => countsOf(queries, service.usage()),
    reply: (requests) =>
      askAll(requests, service.concurrency, async ({ dialogue, stream }): Promise<TargetReply> => {
        // The slots of a request template; recipe/remoteRules.ts checks that no other is named.
        const answer = await service.ask({
          utterance: dialogue.turns.at(-1)?.text.trim() ?? '',
          messages: dialogueMessages(dialogue, 'target', system),
          text: dialogueText(dialogue, 'target', format === 'lines' ? 'lines' : 'plain'),
          system: systemText(dialogue.prompt, 'target', system) ?? '',
          seed: streamSeed(stream),
          maxTokens,
          temperature,
          topP,
        });
        queries++;
        options.onReply?.();
        return { reply: textUtterance('target', answer, options.reasoning), reading: null };
      }),
  };
}
