/** A planner sees this before an utterance: the state of a context's last token in the frozen model, and the share of
 *  exchanges that are left. It is read from the context alone: the released code of the paper trains its clone on states
 *  that have seen what is to be said. */
import type { LanguageModel } from '../../engine/models/languageModel.js';
import { openEmbedder } from '../../engine/models/embedder.js';
import { present } from '../../base/invariant.js';
import { type PlannerSettings, stateWidth } from './plannerSettings.js';

/** A context to decide on. */
export interface Situation {
  readonly ids: readonly number[];
  /** The start of the dialogue's last utterance in it; null before the first. */
  readonly lastUtterance: number | null;
  /** Exchanges that the dialogue has had. */
  readonly exchanges: number;
}

export interface StateReader {
  /** @returns a state per situation, [S] each, in order */
  readonly read: (situations: readonly Situation[]) => Promise<readonly Float32Array[]>;
  readonly close: () => Promise<void>;
}

/** @throws ConfigError for a layer that the model does not have */
export async function openStateReader(
  model: LanguageModel,
  settings: Pick<PlannerSettings, 'layer' | 'horizon' | 'width'>,
): Promise<StateReader> {
  const embedder = await openEmbedder(model, { pooling: 'last', layer: settings.layer });
  return {
    read: async (situations) => {
      const vectors = await embedder.embed(situations.map(({ ids }) => ids));
      return vectors.map((vector, i) => {
        const { exchanges } = present(situations[i], 'a situation per vector');
        const state = new Float32Array(stateWidth(settings));
        state.set(vector);
        state[settings.width] = Math.max(0, settings.horizon - exchanges) / settings.horizon;
        return state;
      });
    },
    close: () => embedder.close(),
  };
}
