/** Errors across the thread boundary: a GadflyError thrown in the worker is thrown again on the main thread as the same
 *  class, with its code, its details and the worker's stack as `cause`. Structured clone alone would lose class and
 *  code. */
import {
  BudgetError,
  ConfigError,
  EnvironmentError,
  FormatError,
  GadflyError,
  InterruptedError,
  ShapeError,
  TargetError,
  type ErrorDetails,
} from '../../base/errors.js';

/** An error as plain data. `code` is null for errors that are not ours. */
export interface ErrorRecord {
  readonly code: string | null;
  readonly message: string;
  readonly stack: string;
  readonly details: Omit<ErrorDetails, 'cause'>;
}

const classByCode: Readonly<Record<string, new (summary: string, details: ErrorDetails) => GadflyError>> = {
  shape: ShapeError,
  format: FormatError,
  config: ConfigError,
  target: TargetError,
  environment: EnvironmentError,
  budget: BudgetError,
  interrupted: InterruptedError,
};

export function recordError(error: unknown): ErrorRecord {
  if (!(error instanceof Error)) return { code: null, message: String(error), stack: '', details: {} };
  const stack = error.stack ?? '';
  if (!(error instanceof GadflyError)) return { code: null, message: error.message, stack, details: {} };
  const { cause, ...details } = error.details;
  return {
    code: error.code,
    message: error.message,
    stack: cause instanceof Error ? `${stack}\nCaused by: ${cause.stack ?? cause.message}` : stack,
    details,
  };
}

/** The error to throw on this side. Errors that are not ours become an EnvironmentError: the runtime refused. */
export function reviveError(record: ErrorRecord): GadflyError {
  const cause = new Error(record.message);
  cause.stack = record.stack;
  if (record.code === null) return new EnvironmentError(`The engine failed: ${record.message}`, { cause });
  const summary = summaryOf(record);
  const details = { ...record.details, cause };
  const Known = classByCode[record.code];
  return Known === undefined ? new GadflyError(record.code, summary, details) : new Known(summary, details);
}

/** The summary alone: the message is summary and details composed, and composing again must not repeat the details. */
function summaryOf({ message, details }: ErrorRecord): string {
  const mark = '\u0000';
  const [before = '', after = ''] = new GadflyError('', mark, details).message.split(mark);
  return message.slice(before.length, message.length - after.length);
}
