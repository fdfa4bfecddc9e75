/** Puts the dialogues that are cloned into the state of a checkpoint: a resumed run goes on with those that were played,
 *  without playing them again. */
import { invariant } from '../../base/invariant.js';
import type { CloningExample } from '../../learning/planner/selfCloning.js';
import { type PlannerSettings, stateWidth } from '../../learning/planner/plannerSettings.js';
import { joinRows } from '../../learning/planner/steer.js';
import type { CheckpointState } from '../../runs/checkpointState.js';

export interface CloningData {
  readonly train: readonly CloningExample[];
  /** Examples of other dialogues. */
  readonly heldOut: readonly CloningExample[];
}

/** Numbers per example: context tokens, completion tokens, start of the last utterance (-1 for none), exchanges. */
const facts = 4;

export function dataState({ train, heldOut }: CloningData): CheckpointState {
  const all = [...heldOut, ...train];
  return {
    heldOut: heldOut.length,
    cloneFacts: Int32Array.from(
      all.flatMap(({ situation: { ids, lastUtterance, exchanges }, completion }) => [
        ids.length,
        completion.length,
        lastUtterance ?? -1,
        exchanges,
      ]),
    ),
    cloneIds: Int32Array.from(all.flatMap(({ situation, completion }) => [...situation.ids, ...completion])),
    cloneStates: joinRows(all.map(({ state }) => state)),
  };
}

export function restoredData(state: CheckpointState, settings: PlannerSettings): CloningData {
  const { heldOut, cloneFacts, cloneIds, cloneStates } = state;
  invariant(
    typeof heldOut === 'number' &&
      cloneFacts instanceof Int32Array &&
      cloneIds instanceof Int32Array &&
      cloneStates instanceof Float32Array,
    'a checkpoint of cloning holds what is cloned',
  );
  const width = stateWidth(settings);
  const examples: CloningExample[] = [];
  let at = 0;
  for (let i = 0; i * facts < cloneFacts.length; i++) {
    const [context = 0, completion = 0, last = -1, exchanges = 0] = cloneFacts.subarray(i * facts, (i + 1) * facts);
    const ids = [...cloneIds.subarray(at, at + context + completion)];
    at += context + completion;
    examples.push({
      situation: { ids: ids.slice(0, context), lastUtterance: last < 0 ? null : last, exchanges },
      completion: ids.slice(context),
      state: cloneStates.slice(i * width, (i + 1) * width),
    });
  }
  return { heldOut: examples.slice(0, heldOut), train: examples.slice(heldOut) };
}
