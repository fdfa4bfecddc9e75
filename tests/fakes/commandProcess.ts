/** The command as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { packageRoot } from '../../src/base/packageRoot.js';

export interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

export interface CommandProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the built command, as people run it. */
export function gadfly(args: readonly string[]): CommandProcess {
  const child = spawn(process.execPath, ['dist/src/cli/main.js', ...args], {
    cwd: packageRoot(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      resolve({ code, errors });
    });
  });
  return { child, ended };
}
