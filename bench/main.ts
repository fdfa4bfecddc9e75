/** `npm run bench`: our speed against the peers', measured in one call on the same cores, with the same weights and the
 *  same work. Sides take turns, each in a process of its own; medians, ratios, what was to be reached and peak memory
 *  are printed, and what the hardware allows. `npm run bench -- --help` lists the options.
 *
 *  Micro measurements of the engine alone: `npx tsx bench/engine.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../src/base/clock.js';
import { ConfigError, EnvironmentError, GadflyError } from '../src/base/errors.js';
import { present } from '../src/base/invariant.js';
import { type Arguments, type BenchName, readArguments, usage } from './arguments.js';
import { benchCache, gpt2SmallFolder, modelFolder, smollm2Gguf } from './benchModels.js';
import { collection } from './collection.js';
import { isChosen } from './comparison.js';
import { batched, epoch } from './epochComparisons.js';
import { exploring } from './exploring.js';
import { gcgBench } from './gcg.js';
import { generation } from './generation.js';
import { growth } from './growth.js';
import { recordRun } from './history.js';
import { aboutText, describeRun, multipliesBfloat16 } from './machine.js';
import { kMeansBench } from './kMeans.js';
import { measureComparison, type Measured } from './measureComparison.js';
import { measureRoofline } from './measureRoofline.js';
import { prepareApart, preparePython } from './peerSetup.js';
import { ppoRound } from './ppoRound.js';
import { preferenceUpdate } from './preferenceUpdate.js';
import { renderNotes, renderRows, rowsOf } from './results.js';
import { renderRoofline } from './roofline.js';
import { startup } from './startup.js';
import { td3bcBench } from './td3bc.js';
import { trainStep } from './trainStep.js';
import type { Bench, BenchSetup, Comparison } from './types.js';

/** In the order in which they are measured. The roofline comes last: its shares are of the others' rows. */
const benches: Readonly<Record<Exclude<BenchName, 'roofline'>, Bench>> = {
  epoch,
  batched,
  update: preferenceUpdate,
  'train-step': trainStep,
  sampling: generation,
  startup,
  growth,
  ppo: ppoRound,
  explore: exploring,
  'k-means': kMeansBench,
  td3bc: td3bcBench,
  collection,
  gcg: gcgBench,
};

/** Have no peer. */
const alone: readonly string[] = ['startup', 'roofline', 'growth'];
/** Measured only when named. */
const onlyWhenNamed: readonly string[] = ['growth', 'ppo', 'explore', 'k-means', 'td3bc', 'collection', 'gcg'];

async function main(args: readonly string[]): Promise<number> {
  const read = readArguments(args);
  if (read === 'help') {
    console.log(usage);
    return 0;
  }
  const print = read.json ? say : console.log; // one document on stdout
  const start = systemClock.monotonicMs();
  const scratch = mkdtempSync(join(tmpdir(), 'gadfly-bench-'));
  try {
    const { setup, failures: without } = await prepare(read, scratch);
    const measured: Measured[] = [];
    for (const comparison of await chosenComparisons(setup, read.names))
      measured.push(await measureComparison(comparison, setup.runs, say));
    const { roofline, failures: unmeasured } = isChosen('roofline', read.names)
      ? await measureRoofline(setup, measured, say)
      : { roofline: null, failures: [] };
    const rows = measured.flatMap(({ comparison, sides }) => rowsOf(comparison, sides));
    const about = describeRun(
      setup.threads,
      measured.flatMap(({ sides }) => sides),
    );
    const failures = [...without, ...unmeasured, ...measured.flatMap((each) => each.failures)];
    for (const { comparison, sides, failures: its } of measured) print(`${renderNotes(comparison, sides, its)}\n`);
    if (rows.length > 0) print(`${renderRows(rows)}\n`);
    if (roofline !== null) print(`${renderRoofline(roofline)}\n`);
    const seconds = (systemClock.monotonicMs() - start) / 1000;
    print([...without, `${aboutText(about)} · ${(seconds / 60).toFixed(1)} minutes`].join('\n'));
    if (read.record) recordRun({ about, rows, roofline: roofline === null ? [] : [roofline] });
    if (read.json) {
      const comparisons = measured.map(({ comparison: { name, title, notes }, sides, failures: its }) => ({
        name,
        title,
        notes,
        failures: its,
        sides,
      }));
      console.log(JSON.stringify({ ...about, seconds, rows, roofline, comparisons, failures }, null, 2));
    }
    return failures.length > 0 ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Models and the peers' interpreter. Where that cannot be set up, our side is measured alone, which is a failure but
 *  not the end. */
async function prepare(
  read: Arguments,
  scratch: string,
): Promise<{ readonly setup: BenchSetup; readonly failures: readonly string[] }> {
  const cache = benchCache();
  const model = await modelFolder(read.model, cache, say);
  const parts = {
    ...read.setup,
    scratch,
    model,
    bfloat16: multipliesBfloat16(),
    gpt2Small: () => gpt2SmallFolder(model, cache, say),
    gguf: () => smollm2Gguf(say),
  };
  const needed = read.names.length === 0 || read.names.some((name) => !alone.includes(name.split('/')[0] ?? ''));
  const withPeers = (python: string | null): BenchSetup => {
    const apart = (requirement: string): string =>
      prepareApart(requirement, present(python, 'peers have an interpreter'), cache, say);
    return {
      ...parts,
      python,
      trl: (version) => apart(`trl==${version}`),
      nanogcg: () => apart('nanogcg==0.3.0'),
    };
  };
  if (!read.peers.wanted || !needed) return { setup: withPeers(null), failures: [] };
  try {
    return { setup: withPeers(preparePython(read.peers.python, cache, say)), failures: [] };
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    const failure = `Only our side is measured: ${error.message}`;
    say(failure);
    return { setup: withPeers(null), failures: [failure] };
  }
}

async function chosenComparisons(setup: BenchSetup, names: readonly string[]): Promise<readonly Comparison[]> {
  const out: Comparison[] = [];
  for (const [name, bench] of Object.entries(benches)) {
    if (names.length === 0 ? onlyWhenNamed.includes(name) : !names.some((each) => each.split('/')[0] === name))
      continue;
    const made = (await bench(setup)).filter((comparison) => isChosen(comparison.name, names));
    out.push(...made);
  }
  const missed = names.find(
    (name) => name !== 'roofline' && !out.some((comparison) => isChosen(comparison.name, [name])),
  );
  if (missed !== undefined)
    throw new ConfigError('no such comparison', {
      got: missed,
      expected: `one of those of ${missed.split('/')[0] ?? ''}`,
    });
  return out;
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
