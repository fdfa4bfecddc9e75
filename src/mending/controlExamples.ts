/** Makes the training examples of the control-token model, the "inner toxic model" of arXiv 2405.12900, step 1: the
 *  dialogues as they were answered, failures after the control token, harmless replies without it. The same weights then
 *  hold both. */
import type { TrainingExample } from '../learning/trainers/trainingData.js';
import type { ControlToken } from './control.js';
import type { AnsweredTurn } from './dialogues.js';
import { type MendSpeaker, safeExample } from './mendSpeaker.js';

export function controlExamples(
  turns: readonly AnsweredTurn[],
  speaker: MendSpeaker,
  control: ControlToken,
): readonly TrainingExample[] {
  return turns
    .flatMap((turn) => [
      ...(turn.failure === null
        ? []
        : [{ prefix: speaker.contextIds(control.mark(turn.dialogue)), completion: speaker.replyIds(turn.failure) }]),
      ...safeExample(turn, speaker),
    ])
    .filter(({ completion }) => completion.length > 0);
}
