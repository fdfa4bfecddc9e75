/** A steered speaker reads tokens of its own beside those of a context: rows of numbers that a planner has decided on
 *  (Dialogue Action Tokens, arXiv 2406.11978). What a planner is, is not this room's business. */
import type { Decision, SpeakRequest } from '../dialogue/types.js';
import type { HostTensor } from '../engine/runtime/hostTensor.js';
import type { Context } from './formats/format.js';

/** The contexts of a batch as the model is to read them. */
export interface SteeredContexts {
  /** The ids of each context, soft ones among them. */
  readonly ids: readonly (readonly number[])[];
  /** Rows of the soft tokens, f32 [S, C]. */
  readonly soft: HostTensor;
  readonly decisions: readonly Decision[];
}

export interface Steering {
  /** Tokens that it adds to every context. */
  readonly addedTokens: number;
  /** @param requests in the order of the contexts */
  readonly steer: (
    contexts: readonly Pick<Context, 'ids' | 'lastUtterance'>[],
    requests: readonly SpeakRequest[],
  ) => Promise<SteeredContexts>;
}
