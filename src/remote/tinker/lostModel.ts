/** The server has no such model any more, or may have changed it without our hearing of it: what was trained since the
 *  last checkpoint has to be done again, on a model that is opened again (`model.ts`). */
export class LostModelError extends Error {
  /** Thrown once nothing more is tried. */
  readonly error: unknown;

  constructor(error: unknown) {
    super(error instanceof Error ? error.message : String(error), { cause: error });
    this.name = 'LostModelError';
    this.error = error;
  }
}
