/** A command sees this of the world outside: two streams, a clock, the environment, and whether the user asked to stop.
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
  /** Calls back on every request to stop (Ctrl-C, SIGTERM); returns how to stop listening. Signals that come together
   *  are one request: npm, npx and timeout pass on the signal that the terminal has sent to the whole group. */
  readonly onInterrupt: (listener: () => void) => () => void;
  /** Ends the process at once: nothing more is waited for. */
  readonly exit: (code: number) => void;
}

/** A key is not pressed twice within this time. */
const sameRequestMs = 200;

export function systemTerminal(): Terminal {
  return {
    stdout: outputTo(process.stdout, 'stdout'),
    stderr: outputTo(process.stderr, 'stderr'),
    interactive: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 100,
    clock: systemClock,
    environment: process.env,
    onInterrupt: (listener) => {
      let latestMs = -Infinity;
      const hear = (): void => {
        const nowMs = systemClock.monotonicMs();
        const isNew = nowMs - latestMs > sameRequestMs;
        latestMs = nowMs;
        if (isNew) listener();
      };
      process.on('SIGINT', hear);
      process.on('SIGTERM', hear);
      return () => {
        process.off('SIGINT', hear);
        process.off('SIGTERM', hear);
      };
    },
    exit: endAtOnce,
  };
}

/** A reader that has left (`| head`) is no error: the rest is dropped. Output that cannot be written otherwise makes
 *  the exit code 1. */
function outputTo(stream: NodeJS.WriteStream, name: string): (text: string) => void {
  let ended = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (ended) return;
    ended = true;
    if (error.code === 'EPIPE') return;
    process.once('exit', () => {
      process.exitCode = 1;
    });
    if (name !== 'stderr')
      process.stderr.write(`gadfly: ${name}: the output cannot be written (${error.code ?? error.message})\n`);
  });
  return (text) => {
    if (!ended) stream.write(text);
  };
}

/** `process.exit` would wait for the engine's thread, and a thread that is stopped inside native code aborts the
 *  process ("terminate called …"). The signal ends every thread where it is; a shell reports it as exit code 130. Where
 *  signals do not end a process (Windows reports them otherwise), the ordinary way remains. */
function endAtOnce(code: number): void {
  process.removeAllListeners('SIGINT');
  process.kill(process.pid, 'SIGINT');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  process.exit(code);
}
