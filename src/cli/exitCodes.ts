/** The one place where errors become exit codes. */
import { CommanderError } from 'commander';
import { GadflyError } from '../base/errors.js';

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  thresholdExceeded: 3,
  budgetReached: 4,
  interrupted: 130,
} as const;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return exitCodes.usage;
  if (!(error instanceof GadflyError)) return exitCodes.error;
  switch (error.code) {
    case 'config':
      return exitCodes.usage;
    case 'budget':
      return exitCodes.budgetReached;
    case 'interrupted':
      return exitCodes.interrupted;
    default:
      return exitCodes.error;
  }
}
