/** Why one attempt brought no answer, and whether another may. Never holds a key: texts of the server are redacted
 *  before they come here. */
import type { TargetError } from '../base/errors.js';

/** Why a server refuses one prompt and would take another. */
export type PromptRefusal = 'content' | 'length';

export class RemoteFailure extends Error {
  /** Thrown once nothing more is tried. */
  readonly error: TargetError;
  readonly retryable: boolean;
  /** The wait that the server asks for; null when it does not say. */
  readonly retryAfterMs: number | null;
  /** HTTP status; null when there was no answer. */
  readonly status: number | null;
  /** The refusal of the prompt; null when the server refuses something else. */
  readonly refusedPrompt: PromptRefusal | null;

  constructor(
    error: TargetError,
    options: {
      readonly retryable: boolean;
      readonly retryAfterMs?: number | null;
      readonly status?: number | null;
      readonly refusedPrompt?: PromptRefusal | null;
    },
  ) {
    super(error.message, { cause: error });
    this.name = 'RemoteFailure';
    this.error = error;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.status = options.status ?? null;
    this.refusedPrompt = options.refusedPrompt ?? null;
  }
}

/** The failure in a chain of causes: the error that ends a question has it as its cause. */
export function failureIn(error: unknown): RemoteFailure | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    if (at instanceof RemoteFailure) return at;
  return null;
}
