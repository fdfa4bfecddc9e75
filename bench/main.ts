/** `npm run bench`: our speed against the peers', measured in one call on the same cores, with the same weights and the same work.
 *  Sides take turns (ours, peer, ours, peer …), each in a process of its own; medians, extremes, ratios and peak memory are printed.
 *
 *    npm run bench -- [NAME…] [--peers DIR --python PATH] [--astra DIR] [--astprompter DIR] [--model M] [--threads N] [--runs N] …
 *
 *  Micro measurements of the engine alone: `npx tsx bench/engine.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from '../src/base/clock.js';
import { ConfigError, GadflyError } from '../src/base/errors.js';
import { packageRoot } from '../src/base/packageRoot.js';
import { convertModel } from '../src/cli/convertModel.js';
import { silentProgress } from '../src/cli/progress.js';
import { resolveModel } from '../src/engine/models/checkpoints/resolveModel.js';
import { withCheckpoint } from '../src/engine/models/storedModel.js';
import { describeVersions } from '../src/runs/manifest.js';
import { type BenchName, readArguments, usage } from './arguments.js';
import { isChosen, recordsIn, type Bench, type BenchSetup, type Comparison, type Side } from './comparison.js';
import { generation } from './generation.js';
import { ipoEpoch } from './ipoEpoch.js';
import { runMeasured } from './measuredProcess.js';
import { peerEnvironment } from './peer.js';
import { renderComparison, rowsOf, withSamples, type MeasuredSide, type Sample } from './results.js';
import { trainStep } from './trainStep.js';

const benches: Readonly<Record<BenchName, Bench>> = { 'train-step': trainStep, generation, 'ipo-epoch': ipoEpoch };

/** The model as a path that every side can read. Peers take folders in Hugging Face layout and compute in the type that is stored, so
 *  anything else is written as float32 first. */
async function modelFor(notation: string, forPeers: boolean, scratch: string): Promise<string> {
  const resolved = await resolveModel(notation, { cacheDir: null, offline: false, onNotice: say });
  if (resolved.kind !== 'local') throw new ConfigError('a remote model cannot be measured', { got: notation });
  const path = resolve(resolved.path);
  if (!forPeers || (!path.toLowerCase().endsWith('.gguf') && (await isFloat32(path)))) return path;
  say('The weights are written as float32 for the peers …');
  const folder = join(scratch, 'model');
  await convertModel(path, folder, 'f32', silentProgress);
  return folder;
}

function isFloat32(path: string): Promise<boolean> {
  return withCheckpoint(path, async ({ tensors }) => [...tensors.values()].every(({ dtype }) => dtype === 'F32'));
}

interface Measured {
  readonly comparison: Comparison;
  readonly sides: readonly MeasuredSide[];
  /** What went wrong on which side. */
  readonly failures: readonly string[];
}

/** All sides in turn, as often as asked. A side that fails once is not run again. */
async function measure(comparison: Comparison): Promise<Measured> {
  const samples = new Map<Side, Sample[]>(comparison.sides.map((side) => [side, []]));
  const failures = new Map<Side, string>();
  for (let run = 1; run <= comparison.runs; run++) {
    for (const [side, collected] of samples) {
      if (failures.has(side)) continue;
      try {
        const { output, ...report } = await runMeasured(side.command, side.args, {
          cwd: packageRoot(),
          ...(side.isPeer ? { environment: peerEnvironment } : {}),
        });
        collected.push({ outcome: side.read(recordsIn(output)), ...report });
        say(`${comparison.name}: ${side.label}, run ${String(run)} of ${String(comparison.runs)}, ${report.seconds.toFixed(1)} s`);
      } catch (error) {
        if (!(error instanceof GadflyError)) throw error;
        failures.set(side, `${side.label} failed: ${error.message}`);
        say(`${comparison.name}: ${failures.get(side) ?? ''}`);
      }
    }
  }
  return {
    comparison,
    sides: [...samples].filter(([side]) => !failures.has(side)).map(([side, collected]) => withSamples(side, collected)),
    failures: [...failures.values()],
  };
}

async function main(args: readonly string[]): Promise<number> {
  const read = readArguments(args);
  if (read === 'help') {
    console.log(usage);
    return 0;
  }
  const print = read.json ? say : console.log; // one document on stdout
  const scratch = mkdtempSync(join(tmpdir(), 'gadfly-bench-'));
  try {
    const setup: BenchSetup = { ...read.setup, scratch, model: await modelFor(read.model, read.setup.peers !== null, scratch) };
    const wanted = Object.entries(benches).filter(([name]) => read.names.length === 0 || read.names.some((each) => each.split('/')[0] === name));
    const comparisons = (await Promise.all(wanted.map(([, bench]) => bench(setup)))).flat().filter(({ name }) => isChosen(name, read.names));
    if (comparisons.length === 0) throw new ConfigError('no such bench', { got: read.names.join(' ') });
    const measured: Measured[] = [];
    for (const comparison of comparisons) {
      const result = await measure(comparison);
      measured.push(result);
      print(`\n${renderComparison(result.comparison, result.sides, result.failures)}`);
    }
    const about = aboutMachine(setup, measured);
    print(`\n${aboutText(about)}`);
    if (read.json) console.log(JSON.stringify({ ...about, comparisons: measured.map(asJson) }, null, 2));
    return measured.some(({ failures }) => failures.length > 0) ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function asJson({ comparison, sides, failures }: Measured): object {
  const { name, title, notes } = comparison;
  return { name, title, rows: rowsOf(comparison, sides), sides, notes, failures };
}

interface About {
  readonly date: string;
  readonly machine: string;
  readonly threads: number;
  readonly versions: Readonly<Record<string, string>>;
}

function aboutMachine({ threads }: BenchSetup, measured: readonly Measured[]): About {
  const processors = cpus();
  const outcomes = measured.flatMap(({ sides }) => sides.flatMap(({ samples }) => samples.map(({ outcome }) => outcome)));
  return {
    date: systemClock.isoNow(),
    machine: `${processors[0]?.model.trim() ?? 'unknown processor'}, ${String(processors.length)} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    threads,
    versions: Object.fromEntries([describeVersions(), ...outcomes.map(({ versions }) => versions ?? {})].flatMap((versions) => Object.entries(versions))),
  };
}

function aboutText({ date, machine, threads, versions }: About): string {
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${date} · ${machine} · ${String(threads)} thread(s) · ${named.join(', ')}`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GadflyError)) throw error;
  say(error.message);
  process.exitCode = 2;
}
