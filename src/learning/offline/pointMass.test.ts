/** TD3+BC on a problem whose best policy is known, before it is trusted on language. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../../engine/runtime/device.js';
import { trainOnBuffer } from './drawTransitions.js';
import { ReplayBuffer } from './replayBuffer.js';
import { stateStatistics } from './stateStatistics.js';
import { createTd3BcTrainer, type Td3BcOptions } from './td3bc.js';
import {
  actorPolicy,
  behaviourPolicy,
  bestPolicy,
  collectPointMass,
  meanReturn,
  pointMass,
  pointMassSettings,
  startStates,
} from './testing/pointMass.js';

const network = { hidden: [32, 32], activation: 'relu' } as const;
const starts = startStates(500, 1);

describe('a mass on a line that is to be brought to rest', () => {
  let device: Device;
  let folder: string;
  let buffer: ReplayBuffer;
  let returns: { readonly behaviour: number; readonly best: number };
  beforeAll(async () => {
    device = await openDevice();
    folder = mkdtempSync(join(tmpdir(), 'gadfly-point-'));
    buffer = ReplayBuffer.open(folder, pointMassSettings);
    await collectPointMass(buffer, 0);
    returns = { behaviour: await meanReturn(behaviourPolicy(7), starts), best: await meanReturn(bestPolicy, starts) };
  });
  afterAll(async () => {
    await device.close();
    buffer.close();
    rmSync(folder, { recursive: true });
  });

  /** The share of the way from the behaviour's return (0) to the best one (1). */
  async function share(options: Partial<Td3BcOptions>, steps: number): Promise<number> {
    const trainer = await createTd3BcTrainer(
      device,
      { stateWidth: 2, actionWidth: 1, statistics: stateStatistics(buffer), seed: 0 },
      {
        actor: network,
        critic: network,
        gamma: pointMass.discount,
        actorRate: 3e-3,
        criticRate: 3e-3,
        tau: 0.05,
        ...options,
      },
    );
    await trainOnBuffer(trainer, buffer, { steps, seed: 0, batch: 64 });
    const reached = await meanReturn(actorPolicy(trainer.actor), starts);
    await trainer.release();
    await trainer.actor.release();
    return (reached - returns.behaviour) / (returns.best - returns.behaviour);
  }

  it('TD3+BC comes near the best policy from data of a noisy, timid one; cloning and a bandit do not', async () => {
    expect(returns.best - returns.behaviour).toBeGreaterThan(4);
    expect(await share({}, 400)).toBeGreaterThan(0.85);
    // Cloning takes the noise away, not the timidity.
    const cloned = await share({ objective: 'bc' }, 200);
    expect(cloned).toBeGreaterThan(0.3);
    expect(cloned).toBeLessThan(0.75);
    expect(await share({ bootstrap: false }, 300)).toBeLessThan(0.75);
  });
});
