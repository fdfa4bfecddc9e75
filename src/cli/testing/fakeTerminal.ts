/** A terminal for tests: keeps what is printed, interrupts when told. */
import { manualClock } from '../../base/clock.js';
import { runCommandLine } from '../commandLine.js';
import type { Terminal } from '../terminal.js';

export interface FakeTerminal extends Terminal {
  readonly output: () => string;
  readonly errors: () => string;
  readonly interrupt: () => void;
  readonly exits: readonly number[];
}

export interface FakeTerminalOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly onStderr?: (text: string) => void;
}

export function fakeTerminal(options: FakeTerminalOptions = {}): FakeTerminal {
  const [out, err, exits]: [string[], string[], number[]] = [[], [], []];
  const listeners = new Set<() => void>();
  return {
    stdout: (text) => void out.push(text),
    stderr: (text) => {
      err.push(text);
      options.onStderr?.(text);
    },
    interactive: false,
    columns: 100,
    clock: manualClock(),
    environment: options.environment ?? {},
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    exit: (code) => void exits.push(code),
    output: () => out.join(''),
    errors: () => err.join(''),
    interrupt: () => {
      for (const listener of [...listeners]) listener();
    },
    exits,
  };
}

export interface CliResult {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command in this process. */
export async function runCli(argv: readonly string[], terminal = fakeTerminal()): Promise<CliResult> {
  const code = await runCommandLine(argv, terminal);
  return { code, output: terminal.output(), errors: terminal.errors() };
}

/** The one document on stdout. */
export function jsonOf({ output }: { readonly output: string }): Record<string, unknown> {
  return JSON.parse(output) as Record<string, unknown>;
}
