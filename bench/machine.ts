/** On what a run was measured, and with which versions. */
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { systemClock } from '../src/base/clock.js';
import { describeVersions } from '../src/runs/manifest.js';
import type { MeasuredSide } from './results.js';

export interface About {
  readonly date: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly system: string;
    /** Threads of the rows that do not name another number. */
    readonly threads: number;
  };
  readonly versions: Readonly<Record<string, string>>;
}

export function describeRun(threads: number, sides: readonly MeasuredSide[]): About {
  const processors = cpus();
  const measured = sides.flatMap(({ samples }) => samples.map(({ outcome }) => outcome.versions ?? {}));
  return {
    date: systemClock.isoNow(),
    machine: {
      processor: processors[0]?.model.trim() ?? 'unknown',
      cores: processors.length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      system: `${platform()} ${release()} ${arch()}`,
      threads,
    },
    versions: Object.fromEntries([describeVersions(), ...measured].flatMap((versions) => Object.entries(versions))),
  };
}

/** By the flags that Linux names; elsewhere unknown, which counts as yes. */
export function multipliesBfloat16(
  cpuinfo: string | null = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : null,
): boolean {
  return cpuinfo === null || /\b(avx512_bf16|amx_bf16|avx_ne_convert|bf16)\b/.test(cpuinfo);
}

export function aboutText({ date, machine, versions }: About): string {
  const { processor, cores, memoryGiB, system, threads } = machine;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${date} · ${processor}, ${String(cores)} cores, ${String(memoryGiB)} GiB, ${system} · ${String(threads)} thread(s) unless said · ${named.join(', ')}`;
}
