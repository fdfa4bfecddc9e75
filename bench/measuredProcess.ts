/** Runs a program and watches it from outside, the same way for every program: wall time, peak memory, and how much of
 *  the machine others used meanwhile. The last two are read from /proc and are null where there is none. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { EnvironmentError } from '../src/base/errors.js';
import { systemClock } from '../src/base/clock.js';

export interface ProcessReport {
  readonly output: string;
  readonly seconds: number;
  /** Largest resident set (VmHWM), MiB. */
  readonly peakMiB: number | null;
  /** Share of all cores' time that went to other processes while this one ran: 0 on a quiet machine. */
  readonly others: number | null;
}

/** Memory and processor time are looked at this often; what a process takes in its last interval is missed. */
const intervalMs = 100;

/** @throws EnvironmentError with the end of its stderr when the program fails */
export async function runMeasured(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly environment?: Readonly<Record<string, string>> },
): Promise<ProcessReport> {
  const start = systemClock.monotonicMs();
  const machineBefore = machineTicks();
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  let [peakMiB, ownTicks]: [number | null, number | null] = [null, null];
  const look = (): void => {
    if (child.pid === undefined) return;
    peakMiB = peakOf(child.pid) ?? peakMiB;
    ownTicks = ticksOf(child.pid) ?? ownTicks;
  };
  const timer = setInterval(look, intervalMs);
  try {
    await new Promise<void>((resolve, reject) => {
      const failed = (got: string, cause?: unknown): void => {
        reject(
          new EnvironmentError('a measured program failed', {
            where: [command, ...args].join(' '),
            got: `${got}\n${errors.trim()}`,
            cause,
          }),
        );
      };
      child.on('error', (error) => failed(error.message, error));
      child.on('close', (code, signal) => (code === 0 ? resolve() : failed(signal ?? `exit code ${String(code)}`)));
    });
  } finally {
    clearInterval(timer);
  }
  return {
    output,
    seconds: (systemClock.monotonicMs() - start) / 1000,
    peakMiB,
    others: othersShare(machineBefore, machineTicks(), ownTicks),
  };
}

interface MachineTicks {
  readonly busy: number;
  readonly all: number;
}

export function othersShare(
  before: MachineTicks | null,
  after: MachineTicks | null,
  own: number | null,
): number | null {
  if (before === null || after === null || own === null || after.all <= before.all) return null;
  return Math.max(0, (after.busy - before.busy - own) / (after.all - before.all));
}

/** /proc/stat, all processors: user nice system idle iowait irq softirq steal (guest times are inside user). */
function machineTicks(): MachineTicks | null {
  const line = textOf('/proc/stat')?.split('\n', 1)[0];
  if (line === undefined) return null;
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, ticks) => sum + ticks, 0);
  return { busy: all - (fields[3] ?? 0) - (fields[4] ?? 0), all };
}

/** User and system time of a process, all its threads and the children it has waited for, in the unit of /proc/stat. */
function ticksOf(pid: number): number | null {
  // The second field is the program's name in brackets and may hold spaces.
  const fields = textOf(`/proc/${String(pid)}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  return fields === undefined ? null : fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
}

function peakOf(pid: number): number | null {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(textOf(`/proc/${String(pid)}/status`) ?? '')?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) / 1024;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
