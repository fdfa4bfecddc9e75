import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice, type Device } from '../runtime/device.js';
import { createAdamwState, decayedNames, defaultAdamw, releaseAdamwState, stepAdamw } from './adamw.js';

const entries = [
  { name: 'weight', shape: [2, 2] },
  { name: 'bias', shape: [2] },
];

describe('AdamW on a device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  it('steps with the scheduled rate, clears gradients and counts', async () => {
    const parameters = await device.createStore(entries);
    const state = await createAdamwState(device, parameters);
    const config = { ...defaultAdamw, learningRate: 0.1, schedule: { kind: 'constant', warmupSteps: 2 } as const };
    await device.fill(state.gradients, 0.25);
    const { gradientNorm, learningRate } = await stepAdamw(device, config, parameters, state, 2);
    expect(gradientNorm).toBeCloseTo(0.5 * Math.sqrt(6), 6);
    expect(learningRate).toBe(0.05);
    // The first step of Adam is the learning rate against the sign of the gradient.
    for (const value of await device.readAll(parameters)) expect(value).toBeCloseTo(-0.05, 5);
    expect([...(await device.readAll(state.gradients))]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(state.stepsDone).toBe(1);
    expect((await stepAdamw(device, config, parameters, state)).learningRate).toBe(0.1);
    await releaseAdamwState(device, state);
  });

  it('matrices decay, vectors do not', async () => {
    const parameters = await device.createStore(entries);
    expect([...decayedNames(parameters)]).toEqual(['weight']);
    await device.fill(parameters, 1);
    const state = await createAdamwState(device, parameters);
    await stepAdamw(device, { ...defaultAdamw, learningRate: 0.5, weightDecay: 0.5 }, parameters, state);
    expect([...(await device.readAll(parameters))]).toEqual([0.75, 0.75, 0.75, 0.75, 1, 1]);
  });

  it('trains a part of the parameters when told so', async () => {
    const parameters = await device.createStore(entries);
    const state = await createAdamwState(device, parameters, ['bias']);
    await device.fill(state.gradients, 1);
    await stepAdamw(device, { ...defaultAdamw, learningRate: 0.1, maxGradientNorm: null }, parameters, state);
    expect([...(await device.read(parameters, 'weight'))]).toEqual([0, 0, 0, 0]);
    expect((await device.read(parameters, 'bias'))[0]).toBeCloseTo(-0.1, 6);
    await expect(createAdamwState(device, parameters, ['other'])).rejects.toThrow(/^other: no such parameter/);
  });
});
