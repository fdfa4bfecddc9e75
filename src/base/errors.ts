/** Errors as users meet them. One base class with a stable `code`; the command line alone maps codes to exit codes.
 *  A message says where, what was expected, what was found, and what to do. */

export interface ErrorDetails {
  /** The place: a file, a line, a key, a tensor. */
  readonly where?: string;
  readonly expected?: string;
  readonly got?: string;
  /** The reader can do this about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

export class GadflyError extends Error {
  /** Stable, for programs: never translated, never reused for another meaning. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, summary: string, details: ErrorDetails = {}) {
    super(composeMessage(summary, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** A tensor has another shape or element type than its consumer needs: a defect in calling code. */
export class ShapeError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('shape', summary, details);
  }
}

/** A file or reply does not have the form it claims to have. */
export class FormatError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('format', summary, details);
  }
}

/** Thrown when a request cannot be done as asked: recipe, flag, argument, missing file. Exit code 2. */
export class ConfigError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('config', summary, details);
  }
}

/** A target could not answer. */
export class TargetError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('target', summary, details);
  }
}

/** A judge cannot be trusted with what it was asked: too many texts without a verdict, or answers that mean nothing. */
export class JudgeError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('judge', summary, details);
  }
}

/** The disk, the runtime or another thing outside the program refused. */
export class EnvironmentError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('environment', summary, details);
  }
}

/** A limit of the recipe (time, tokens, cost) was reached; what was done is saved. Exit code 4. */
export class BudgetError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('budget', summary, details);
  }
}

/** The user asked to stop; the state is saved. Exit code 130. */
export class InterruptedError extends GadflyError {
  constructor(summary: string, details: ErrorDetails = {}) {
    super('interrupted', summary, details);
  }
}

/** The run waits for people to label; the state is saved. Exit code 130. */
export class WaitingError extends InterruptedError {}

function composeMessage(summary: string, { where, expected, got, remedy }: ErrorDetails): string {
  const lines = [where === undefined ? summary : `${where}: ${summary}`];
  if (expected !== undefined) lines.push(`  expected: ${expected}`);
  if (got !== undefined) lines.push(`  got:      ${got}`);
  if (remedy !== undefined) lines.push(`  remedy:   ${remedy}`);
  return lines.join('\n');
}
