/** Speakers that are asked over a wire, or through a function, have this in common on either side of a dialogue: text
 *  in, text out, a seed from the request's stream, counts. */
import { openStream, type StreamKey } from '../base/random.js';
import type { Author, SpeakRequest, Utterance } from '../dialogue/types.js';
import { askAll } from '../remote/askAll.js';
import type { Endpoint, NoReply, RemoteReply, TextReply, Usage } from '../remote/types.js';
import { dialogueMessages, dialogueText } from './formats/texts.js';
import type { FormatKind } from './formats/format.js';
import type { SpeakerCounts } from './localSpeaker.js';
import { type ReasoningRule, saidPart } from './visibleText.js';

export interface EndpointSpeakerOptions {
  /** Its name in reports; the endpoint's name when absent. */
  readonly name?: string;
  /** chat asks for messages, plain and lines for a continuation. */
  readonly format: FormatKind;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  /** Chat only. */
  readonly system?: string;
  /** Says whether reasoning in its replies is cut; default: it is. */
  readonly reasoning?: ReasoningRule;
  /** Called with every reply. */
  readonly onReply?: () => void;
  /** Called with every request that only scores what was said. */
  readonly onScored?: () => void;
}

export type TextAnswer =
  | (Pick<TextReply, 'kind' | 'text' | 'finishReason'> & { readonly reasoning?: string | null })
  | Pick<NoReply, 'kind' | 'reason'>;

/** A seed for a server, from the stream of an utterance: 31 bits, which every server takes. */
export function streamSeed(stream: StreamKey): number {
  return openStream(stream).integer(2 ** 31 - 1);
}

/** @param rule what becomes of the reasoning in it; default: it is cut */
export function textUtterance(author: Author, answer: TextAnswer, rule: ReasoningRule = 'cut'): Utterance {
  return answer.kind === 'reply'
    ? { author, tokens: null, ...saidPart(answer.text, { ...answer, rule }) }
    : { author, text: '', tokens: null, finishReason: 'stop', noReply: answer.reason };
}

export interface EndpointSpeaker {
  readonly speak: (requests: readonly SpeakRequest[]) => Promise<readonly RemoteReply[]>;
  readonly counts: () => SpeakerCounts;
}

export function openEndpointSpeaker(
  endpoint: Endpoint,
  author: Author,
  options: EndpointSpeakerOptions,
): EndpointSpeaker {
  const { format, maxNewTokens: maxTokens, temperature, topP, system } = options;
  let [queries, filtered] = [0, 0];
  const ask = async ({ dialogue, stream }: SpeakRequest): Promise<RemoteReply> => {
    const sampling = { maxTokens, temperature, topP, seed: streamSeed(stream) };
    const reply =
      format === 'chat'
        ? await endpoint.chat({ ...sampling, messages: dialogueMessages(dialogue, author, system) })
        : await endpoint.complete({
            ...sampling,
            prompt: dialogueText(dialogue, author, format),
            ...(format === 'lines' ? { stop: ['\n'] } : {}),
          });
    queries++;
    options.onReply?.();
    if (reply.kind === 'reply' ? reply.filtered : reply.cause === 'contentFilter') filtered++;
    return reply;
  };
  return {
    speak: (requests) => askAll(requests, endpoint.concurrency, ask),
    counts: () => ({ ...countsOf(queries, endpoint.usage()), filteredReplies: filtered }),
  };
}

export function countsOf(queries: number, usage: Usage): SpeakerCounts {
  const { promptTokens, completionTokens, cost, cachedRequests } = usage;
  return {
    queries,
    contextTokens: promptTokens,
    generatedTokens: completionTokens,
    truncatedContexts: 0,
    retokenisedUtterances: 0,
    cost,
    cachedRequests,
  };
}
