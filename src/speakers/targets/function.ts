/** A target that is a function of the calling program: an application, a chain of models, a person. It gives text only.
 */
import { isBlank } from '../../base/blank.js';
import { GadflyError, TargetError } from '../../base/errors.js';
import type { Dialogue, TargetReply } from '../../dialogue/types.js';
import { askAll } from '../../remote/askAll.js';
import { noReply } from '../../remote/noReply.js';
import { dialogueMessages, type TextMessage } from '../formats/texts.js';
import { streamSeed, textUtterance } from '../textSpeaker.js';
import type { ReasoningRule } from '../visibleText.js';
import type { OpenTarget } from './openTarget.js';

export interface FunctionRequest {
  /** The adversary's last utterance. */
  readonly utterance: string;
  /** The dialogue so far as a chat in which the adversary is the user. */
  readonly messages: readonly TextMessage[];
  readonly dialogue: Dialogue;
  /** Belongs to this reply: the same in every run of the same seed. */
  readonly seed: number;
}

export interface FunctionTargetOptions {
  /** Its name in reports. */
  readonly name: string;
  readonly reply: (request: FunctionRequest) => string | Promise<string>;
  /** Calls in flight at once; default 1. */
  readonly concurrency?: number;
  readonly system?: string;
  /** Says whether reasoning in its replies is cut; default: it is. */
  readonly reasoning?: ReasoningRule;
}

export function createFunctionTarget({
  name,
  reply,
  concurrency = 1,
  system,
  reasoning,
}: FunctionTargetOptions): OpenTarget {
  let [queries, characters] = [0, 0];
  return {
    name,
    provides: { logProbs: false, weights: false },
    counts: () => ({
      queries,
      contextTokens: 0,
      generatedTokens: Math.ceil(characters / 4),
      truncatedContexts: 0,
      retokenisedUtterances: 0,
    }),
    reply: (requests) =>
      askAll(requests, concurrency, async ({ dialogue, stream }): Promise<TargetReply> => {
        const text = await called(name, () =>
          reply({
            utterance: dialogue.turns.at(-1)?.text ?? '',
            messages: dialogueMessages(dialogue, 'target', system),
            dialogue,
            seed: streamSeed(stream),
          }),
        );
        queries++;
        characters += text.length;
        const answer = isBlank(text) ? noReply('empty') : ({ kind: 'reply', text, finishReason: 'stop' } as const);
        return { reply: textUtterance('target', answer, reasoning), reading: null };
      }),
  };
}

async function called(name: string, call: () => string | Promise<string>): Promise<string> {
  let text: unknown;
  try {
    text = await call();
  } catch (error) {
    if (error instanceof GadflyError) throw error;
    throw new TargetError('the target’s function failed', {
      where: name,
      expected: 'a text',
      got: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
  if (typeof text === 'string') return text;
  throw new TargetError('the target’s function gave no text', {
    where: name,
    expected: 'a text',
    got: typeof text,
    remedy: 'Return the reply as a string.',
  });
}
