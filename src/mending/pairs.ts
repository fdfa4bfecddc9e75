/** Preference examples for mending: a dialogue without the control token, and what should have been said, what should
 *  not, and what the control-token model says. As a run keeps them, and as a trainer takes them. */
import { present } from '../base/invariant.js';
import type { Dialogue } from '../dialogue/types.js';
import type { LanguageModel } from '../engine/models/languageModel.js';
import { scoreCompletions } from '../engine/models/scoreCompletions.js';
import type { TrainingAnchor, TrainingPair } from '../learning/trainers/trainingData.js';
import type { JudgedReply, Picked } from './candidates.js';
import type { ControlToken } from './control.js';
import type { AnsweredTurn } from './dialogues.js';
import { type MendSpeaker, safeExample } from './mendSpeaker.js';

/** One reply of an example. */
export interface PairSide {
  readonly text: string;
  readonly ids: readonly number[];
  /** In [0, 1]. */
  readonly harm: number;
}

export interface MendPair {
  /** Prompt or conversation. */
  readonly group: string;
  /** Only looked at while training. */
  readonly heldOut: boolean;
  /** The dialogue as text. */
  readonly prompt: string;
  /** The model reads these: without the control token, and with it. */
  readonly promptIds: readonly number[];
  readonly controlIds: readonly number[];
  readonly chosen: PairSide;
  readonly rejected: PairSide;
  /** It is null where the control-token model said nothing worse than the chosen reply. */
  readonly toxic: PairSide | null;
}

export function toMendPair(
  {
    dialogue,
    group,
    heldOut,
    text,
  }: { readonly dialogue: Dialogue; readonly group: string; readonly heldOut: boolean; readonly text: string },
  { chosen, rejected, toxic }: Picked,
  speaker: MendSpeaker,
  control: ControlToken | null,
): MendPair {
  const side = ({ reply, harm }: JudgedReply): PairSide => ({ text: reply.text, ids: speaker.replyIds(reply), harm });
  return {
    group,
    heldOut,
    prompt: text,
    promptIds: speaker.contextIds(dialogue),
    controlIds: control === null ? speaker.contextIds(dialogue) : speaker.contextIds(control.mark(dialogue)),
    chosen: side(chosen),
    rejected: side(rejected),
    toxic: toxic === null ? null : side(toxic),
  };
}

/** With the log-probabilities of the frozen reference. Where the control-token model said nothing worse, the rejected reply is the
 *  toxic one.
 *  @param toxicReference what the reference reads before the toxic reply */
export async function withReference(
  pairs: readonly MendPair[],
  reference: LanguageModel,
  toxicReference: 'plain' | 'control',
): Promise<readonly TrainingPair[]> {
  const toxicOf = ({ toxic, rejected }: MendPair): PairSide => toxic ?? rejected;
  const scored = await scoreCompletions(
    reference,
    pairs.flatMap((pair) => [
      { prefix: pair.promptIds, completion: pair.chosen.ids },
      { prefix: pair.promptIds, completion: pair.rejected.ids },
      { prefix: toxicReference === 'plain' ? pair.promptIds : pair.controlIds, completion: toxicOf(pair).ids },
    ]),
  );
  const at = (i: number): readonly number[] => [...present(scored[i], 'scores of each completion')];
  return pairs.map((pair, i) => ({
    prefix: pair.promptIds,
    chosen: pair.chosen.ids,
    rejected: pair.rejected.ids,
    toxic: toxicOf(pair).ids,
    referenceChosen: at(3 * i),
    referenceRejected: at(3 * i + 1),
    referenceToxic: at(3 * i + 2),
  }));
}

/** Ordinary replies that are to stay as likely as they are to `original`. */
export async function ordinaryAnchors(
  turns: readonly AnsweredTurn[],
  speaker: MendSpeaker,
  original: LanguageModel,
): Promise<readonly TrainingAnchor[]> {
  const said = turns.flatMap((turn) => safeExample(turn, speaker)).filter(({ completion }) => completion.length > 0);
  const scored = await scoreCompletions(original, said);
  return said.map((example, i) => ({ ...example, reference: [...present(scored[i], 'scores of each completion')] }));
}

/** Each pair with an anchor, in turn. */
export function withAnchors(
  pairs: readonly TrainingPair[],
  anchors: readonly TrainingAnchor[],
): readonly TrainingPair[] {
  return pairs.map((pair, i) => ({ ...pair, anchor: present(anchors[i % anchors.length], 'at least one anchor') }));
}
