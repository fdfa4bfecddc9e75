/** A target that answers by rule: for tests, and for trying a recipe without a model. */
import type { Dialogue, Target, TargetReply } from '../../dialogue/types.js';

export interface ScriptedTarget extends Target {
  /** Every dialogue it was shown, in order. */
  readonly seen: readonly Dialogue[];
}

/** @param answer the reply's text to a dialogue
 *  @param logProbs log p of each token of the last utterance, nats; left out: the target cannot tell */
export function createScriptedTarget(answer: (dialogue: Dialogue) => string, logProbs?: (dialogue: Dialogue) => readonly number[]): ScriptedTarget {
  const seen: Dialogue[] = [];
  return {
    name: 'scripted',
    provides: { logProbs: logProbs !== undefined, gradients: false },
    seen,
    reply: (requests) =>
      Promise.resolve(
        requests.map(({ dialogue }): TargetReply => {
          seen.push(dialogue);
          return {
            reply: { author: 'target', text: answer(dialogue), tokens: null, finishReason: 'stop' },
            utteranceLogProbs: logProbs === undefined ? null : logProbs(dialogue),
          };
        }),
      ),
  };
}
