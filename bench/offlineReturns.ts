/** Returns of policies that TD3+BC learns from one buffer, ours and d3rlpy's with the same options: a mass on a line that is to be
 *  brought to rest (src/learning/offline/testing/pointMass.ts), whose best policy is known. Prints returns per seed.
 *
 *      npx tsx bench/offlineReturns.ts [--python PATH] [--seeds N] [--steps N]
 *
 *  Peer: peers/td3bc_d3rlpy.py, by an interpreter that has d3rlpy 2.8.1; left away without --python. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { openDevice, type Device } from '../src/engine/runtime/device.js';
import { trainOnBuffer } from '../src/learning/offline/drawTransitions.js';
import { ReplayBuffer } from '../src/learning/offline/replayBuffer.js';
import { stateStatistics } from '../src/learning/offline/stateStatistics.js';
import { createTd3BcTrainer, type Td3BcOptions } from '../src/learning/offline/td3bc.js';
import {
  actorPolicy,
  behaviourPolicy,
  bestPolicy,
  collectPointMass,
  meanReturn,
  pointMass,
  pointMassSettings,
  startStates,
} from '../src/learning/offline/testing/pointMass.js';
import { peersFolder } from './peer.js';

const options = {
  gamma: pointMass.discount,
  tau: 0.05,
  actorRate: 3e-3,
  criticRate: 3e-3,
  actor: { hidden: [32, 32], activation: 'relu' },
  critic: { hidden: [32, 32], activation: 'relu' },
} as const satisfies Partial<Td3BcOptions>;
const batch = 128;
const starts = startStates(500, 1);

const { values } = parseArgs({
  options: {
    python: { type: 'string' },
    seeds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '1000' },
  },
});
const [seeds, steps] = [Array.from({ length: Number(values.seeds) }, (_, i) => i), Number(values.steps)];

const folder = mkdtempSync(join(tmpdir(), 'gadfly-offline-'));
const buffer = ReplayBuffer.open(folder, pointMassSettings);
const device = await openDevice();
try {
  await collectPointMass(buffer, 0);
  print('behaviour', [await meanReturn(behaviourPolicy(7), starts)]);
  print('best known', [await meanReturn(bestPolicy, starts)]);
  for (const [name, change] of Object.entries({
    'TD3+BC': {},
    'BC alone': { objective: 'bc' },
    'one step (bandit)': { bootstrap: false },
    'Q alone': { objective: 'q' },
  } as const satisfies Record<string, Partial<Td3BcOptions>>))
    print(name, await ourReturns(device, change));
  if (values.python !== undefined) {
    print('d3rlpy, TD3+BC', peerReturns(values.python, 'td3bc'));
    print('d3rlpy, BC', peerReturns(values.python, 'bc'));
  }
} finally {
  buffer.close();
  await device.close();
  rmSync(folder, { recursive: true });
}

async function ourReturns(on: Device, change: Partial<Td3BcOptions>): Promise<readonly number[]> {
  const returns: number[] = [];
  for (const seed of seeds) {
    const setup = { stateWidth: 2, actionWidth: 1, statistics: stateStatistics(buffer), seed };
    const trainer = await createTd3BcTrainer(on, setup, { ...options, ...change });
    await trainOnBuffer(trainer, buffer, { steps, seed, batch });
    returns.push(await meanReturn(actorPolicy(trainer.actor), starts));
    await trainer.release();
    await trainer.actor.release();
  }
  return returns;
}

/** The peer reads the files of the buffer itself, and plays from the same states. */
function peerReturns(python: string, algorithm: 'td3bc' | 'bc'): readonly number[] {
  const { gamma, tau, actorRate, criticRate, actor } = options;
  const { steps: length, actionCost } = pointMass;
  const task = { length, actionCost, starts: [...starts] };
  const training = { algorithm, gamma, tau, actorRate, criticRate, hidden: actor.hidden, batch, steps, seeds };
  const path = join(folder, `${algorithm}.json`);
  writeFileSync(path, JSON.stringify({ folder, task, training }));
  const output = execFileSync(python, [join(peersFolder, 'td3bc_d3rlpy.py'), path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return z.array(z.number()).parse(JSON.parse(output.trim().split('\n').at(-1) ?? ''));
}

function print(name: string, returns: readonly number[]): void {
  const mean = returns.reduce((sum, x) => sum + x, 0) / returns.length;
  console.log(`${name.padEnd(20)} ${mean.toFixed(3).padStart(8)}   ${returns.map((x) => x.toFixed(3)).join('  ')}`);
}
