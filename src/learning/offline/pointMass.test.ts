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
  pointMassSettings,
} from './testing/pointMass.js';

const network = { hidden: [32, 32], activation: 'relu' } as const;

describe('a point mass that must be brought to rest at the origin', () => {
  let device: Device;
  let folder: string;
  let buffer: ReplayBuffer;
  let returns: { readonly behaviour: number; readonly best: number };
  beforeAll(async () => {
    device = await openDevice();
    folder = mkdtempSync(join(tmpdir(), 'gadfly-point-'));
    buffer = ReplayBuffer.open(folder, pointMassSettings);
    await collectPointMass(buffer, 500, 0);
    returns = { behaviour: await meanReturn(behaviourPolicy(7), 1), best: await meanReturn(bestPolicy, 1) };
  });
  afterAll(async () => {
    await device.close();
    buffer.close();
    rmSync(folder, { recursive: true });
  });

  /** The share of the way from the behaviour's return to the best one: 0 and 1. */
  async function share(options: Partial<Td3BcOptions>, seed: number): Promise<number> {
    const trainer = await createTd3BcTrainer(
      device,
      { stateWidth: 2, actionWidth: 2, statistics: stateStatistics(buffer), seed },
      { actor: network, critic: network, actorRate: 3e-3, criticRate: 3e-3, tau: 0.05, ...options },
    );
    await trainOnBuffer(trainer, buffer, { steps: 400, seed, batch: 64 });
    const reached = await meanReturn(actorPolicy(trainer.actor), 1);
    await trainer.release();
    await trainer.actor.release();
    return (reached - returns.behaviour) / (returns.best - returns.behaviour);
  }

  it('TD3+BC comes near the best policy from data of a noisy, timid one; cloning that behaviour does not', async () => {
    expect(returns.best).toBeGreaterThan(returns.behaviour + 3);
    expect(await share({}, 0)).toBeGreaterThan(0.85);
    const cloned = await share({ objective: 'bc' }, 0);
    // Cloning takes the noise away, not the timidity.
    expect(cloned).toBeGreaterThan(0.1);
    expect(cloned).toBeLessThan(0.6);
  });
});
