/** Assertions about our own code: a failure is a defect of Gadfly, not of its input. */
import { GadflyError } from './errors.js';

export function invariant(condition: boolean, claim: string): asserts condition {
  if (!condition)
    throw new GadflyError('invariant', `Broken invariant: ${claim}`, { remedy: 'Please report this as a bug.' });
}

/** The value, or an error when it is absent: for look-ups that the surrounding code proves present. */
export function present<T>(value: T | undefined | null, claim: string): T {
  invariant(value !== undefined && value !== null, claim);
  return value;
}

/** Marks the unreachable end of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new GadflyError('invariant', `Unhandled alternative: ${JSON.stringify(value)}`);
}
