/** `gadfly doctor`: what works on this machine. Asks no network. */
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { assetPath } from '../../base/packageRoot.js';
import { packageVersion } from '../../runs/manifest.js';
import type { CommandContext, CommandDefinition } from '../command.js';
import { exitCodes } from '../exitCodes.js';
import { cacheFolder, isOffline } from '../modelCache.js';

type Outcome = 'ok' | 'warning' | 'fails';

interface Check {
  readonly name: string;
  readonly outcome: Outcome;
  readonly detail: string;
}

export const doctorCommand: CommandDefinition = {
  name: 'doctor',
  summary: 'what works on this machine',
  flags: [],
  examples: ['gadfly doctor', 'gadfly doctor --json'],
  run: async (_argument, _flags, context) => {
    const checks: Check[] = [];
    for (const check of allChecks) checks.push(await guarded(check, context));
    const works = checks.every(({ outcome }) => outcome !== 'fails');
    const mark: Readonly<Record<Outcome, string>> = { ok: '✓', warning: '!', fails: '✗' };
    return {
      json: { works, version: packageVersion(), checks: checks.map((check) => ({ ...check })) },
      text: [
        `gadfly ${packageVersion()}`,
        ...checks.map(({ name, outcome, detail }) => `${mark[outcome]} ${name}: ${detail}`),
      ].join('\n'),
      exitCode: works ? exitCodes.ok : exitCodes.error,
    };
  },
};

type CheckFunction = (context: CommandContext) => Promise<Check> | Check;

const allChecks: readonly CheckFunction[] = [
  nodeCheck,
  memoryCheck,
  runtimeCheck,
  webgpuCheck,
  cudaCheck,
  assetsCheck,
  cacheCheck,
  hereCheck,
  networkCheck,
];

async function guarded(check: CheckFunction, context: CommandContext): Promise<Check> {
  try {
    return await check(context);
  } catch (error) {
    return {
      name: check.name.replace(/Check$/, ''),
      outcome: 'fails',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    outcome: enough ? 'ok' : 'fails',
    detail: `${process.version} on ${process.platform}-${process.arch}${enough ? '' : '; 20.19 or newer is needed'}`,
  };
}

function memoryCheck(): Check {
  const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GB`;
  const free = freemem();
  const outcome = free < 2 ** 31 ? 'warning' : 'ok';
  return {
    name: 'memory',
    outcome,
    detail: `${gigabytes(free)} free of ${gigabytes(totalmem())}; ${availableParallelism()} processors; training a 135M model takes about 4 GB`,
  };
}

async function runtimeCheck(context: CommandContext): Promise<Check> {
  const { probeRuntime } = await import('../probeRuntime.js');
  return { name: 'runtime', ...(await probeRuntime(context)) };
}

function webgpuCheck(): Promise<Check> {
  return providerCheck('webgpu');
}

function cudaCheck(): Promise<Check> {
  return providerCheck('cuda');
}

/** Devices that a run may do without: one that is not usable is no failure. */
async function providerCheck(provider: 'webgpu' | 'cuda'): Promise<Check> {
  const { probeProvider } = await import('../../engine/runtime/probeProvider.js');
  const probe = await probeProvider(provider);
  if (probe.kind === 'usable') return { name: provider, outcome: 'ok', detail: `usable with --device ${provider}` };
  return { name: provider, outcome: 'warning', detail: `not usable: ${probe.reason}. ${probe.remedy}` };
}

function assetsCheck(): Check {
  const missing = [
    ['organism', 'config.json'],
    ['organism-judge', 'config.json'],
    ['linear-toxicity', 'model.bin.gz'],
  ].filter((parts) => !existsSync(assetPath(...parts)));
  return missing.length === 0
    ? { name: 'assets', outcome: 'ok', detail: assetPath() }
    : {
        name: 'assets',
        outcome: 'fails',
        detail: `missing: ${missing.map((parts) => assetPath(...parts)).join(', ')}`,
      };
}

function cacheCheck({ globals, terminal }: CommandContext): Check {
  const folder = cacheFolder(globals, terminal.environment);
  refuseUnwritable(existsSync(folder) ? folder : existingParent(folder));
  const existing = existingParent(folder);
  const { bavail, bsize } = statfsSync(existing);
  const gigabytes = (bavail * bsize) / 2 ** 30;
  return {
    name: 'cache',
    outcome: gigabytes < 2 ? 'warning' : 'ok',
    detail: `${folder}, ${gigabytes.toFixed(1)} GB free`,
  };
}

function hereCheck(): Check {
  refuseUnwritable(process.cwd());
  return { name: 'folder', outcome: 'ok', detail: `${process.cwd()} can be written` };
}

function networkCheck({ terminal }: CommandContext): Check {
  const endpoint = terminal.environment['HF_ENDPOINT'] ?? 'https://huggingface.co';
  return {
    name: 'hub',
    outcome: 'ok',
    detail: isOffline(terminal.environment)
      ? 'offline (HF_HUB_OFFLINE)'
      : `${endpoint}; asked only when a model is named that is not here`,
  };
}

function existingParent(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : existingParent(dirname(folder));
}

function refuseUnwritable(folder: string): void {
  const probe = join(folder, `.gadfly-doctor-${process.pid}`);
  mkdirSync(probe);
  try {
    writeFileSync(join(probe, 'file'), 'x');
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
