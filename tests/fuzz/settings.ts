/** How long and from which seed the fuzz tests search (docs/testing.md), and what may come out of them. */
import { GadflyError } from '../../src/base/errors.js';

/** A search of a second or two each, unless asked for more. */
const runs = Number(process.env['GADFLY_FUZZ_RUNS'] ?? 60);
const seed = Number(process.env['GADFLY_FUZZ_SEED'] ?? 14);

export const timeoutMs = 10_000 + 200 * runs;

/** @param share of the runs, for cases that are slower or quicker than most */
export function settingsFor(share = 1): { readonly numRuns: number; readonly seed: number } {
  return { numRuns: Math.ceil(share * runs), seed };
}

/** Returns what is given, or null for a clear message. @throws whatever else is thrown */
export async function valueOrMessage<T>(act: () => T | Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof GadflyError && error.code !== 'invariant' && error.code !== 'shape') return null;
    throw error;
  }
}
