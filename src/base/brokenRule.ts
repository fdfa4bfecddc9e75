/** A rule of a recipe that reaches across keys, broken. */
export interface BrokenRule {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly remedy: string | null;
}
