/** What a command sees of the world outside: two streams, a clock, the environment, and whether somebody asked to stop.
 *  Tests give another one. */
import { systemClock } from '../base/clock.js';
import type { Clock } from '../base/clock.js';

export interface Terminal {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a screen: bars and colours go there only then. */
  readonly interactive: boolean;
  readonly columns: number;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Calls back on every request to stop (Ctrl-C, SIGTERM); returns how to stop listening. */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
}

export function systemTerminal(): Terminal {
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 100,
    clock: systemClock,
    environment: process.env,
    onInterrupt: (listener) => {
      process.on('SIGINT', listener);
      process.on('SIGTERM', listener);
      return () => {
        process.off('SIGINT', listener);
        process.off('SIGTERM', listener);
      };
    },
    exit: (code) => process.exit(code),
  };
}
