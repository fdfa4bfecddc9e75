import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStream, standardNormals, streamKey } from '../../base/random.js';
import { openSafetensors } from '../../engine/models/checkpoints/safetensors.js';
import { encodeSafetensorsHeader } from '../../engine/models/checkpoints/safetensorsHeader.js';
import { openDevice, type Device, type TensorStore } from '../../engine/runtime/device.js';
import { openActor } from './actor.js';
import { createTd3BcTrainer, type Td3Batch, type Td3BcOptions, type Td3BcTrainer } from './td3bc.js';

type Named = Readonly<Record<string, readonly number[]>>;

interface GoldenCase extends Omit<Td3BcOptions, 'actor' | 'critic'> {
  readonly title: string;
  readonly activation: 'relu' | 'silu';
  readonly hidden: readonly number[];
  readonly stateWidth: number;
  readonly actionWidth: number;
  readonly batch: number;
  readonly mean: readonly number[];
  readonly scale: readonly number[];
  readonly initial: Named;
  readonly weights: Named;
  readonly targets: Named;
  readonly steps: readonly (Readonly<
    Record<'states' | 'actions' | 'rewards' | 'nextStates' | 'alive' | 'noise', readonly number[]>
  > & {
    readonly criticLoss: number;
    readonly actorLoss: number | null;
  })[];
}

/** Written by tests/golden/td3bc.py, in float64. */
const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../tests/golden/td3bc/updates.json'), 'utf8'),
) as { readonly cases: readonly GoldenCase[] };

function optionsOf(golden: GoldenCase): Partial<Td3BcOptions> {
  const { space, objective, bootstrap, twin, alpha, gamma, tau, policyNoise, noiseClip, delay, actorRate, criticRate } =
    golden;
  return { space, objective, bootstrap, twin, alpha, gamma, tau, policyNoise, noiseClip, delay, actorRate, criticRate };
}

const f32 = (values: readonly number[]): Float32Array => Float32Array.from(values);

function goldenBatch({ batch }: GoldenCase, step: GoldenCase['steps'][number]): Td3Batch {
  const { states, actions, rewards, nextStates, alive, noise } = step;
  return {
    count: batch,
    states: f32(states),
    actions: f32(actions),
    rewards: f32(rewards),
    nextStates: f32(nextStates),
    alive: f32(alive),
    noise: f32(noise),
  };
}

const small = { hidden: [16, 16], activation: 'relu' } as const;
const setup = {
  stateWidth: 4,
  actionWidth: 3,
  statistics: { mean: new Float32Array(4), scale: new Float32Array(4).fill(1) },
  seed: 5,
};

/** Made-up transitions of a step. */
function madeUp(step: number, { reward = 1 } = {}): Td3Batch {
  const count = 16;
  const draw = (width: number, name: string): Float32Array =>
    standardNormals(openStream(streamKey(1, name, step)), count * width);
  return {
    count,
    states: draw(4, 'states'),
    actions: draw(3, 'actions').map(Math.tanh),
    rewards: draw(1, 'rewards').map((x) => reward * x),
    nextStates: draw(4, 'next states'),
    alive: draw(1, 'alive').map((x) => Number(x > 0)),
    noise: draw(3, 'noise'),
  };
}

async function trained(trainer: Td3BcTrainer, from: number, to: number): Promise<void> {
  for (let step = from; step <= to; step++) await trainer.train(madeUp(step));
}

describe('TD3+BC', () => {
  let device: Device;
  let folder: string;
  beforeAll(async () => {
    device = await openDevice();
    folder = mkdtempSync(join(tmpdir(), 'gadfly-td3bc-'));
  });
  afterAll(async () => {
    await device.close();
    rmSync(folder, { recursive: true });
  });

  /** The trainer writes its state as tensors: what they are called there is what the fixture calls them. */
  async function startFrom(trainer: Td3BcTrainer, golden: GoldenCase): Promise<void> {
    const from = mkdtempSync(join(folder, 'from-'));
    await trainer.save(from);
    const file = await openSafetensors(join(from, 'td3bc.safetensors'));
    const tensors = await Promise.all(
      [...file.tensors].map(async ([name, tensor]) => {
        const initial = golden.initial[name.replace(/^target\./, '')];
        return { name, shape: tensor.shape, data: initial === undefined ? await tensor.read() : f32(initial) };
      }),
    );
    await file.close();
    const header = tensors.map(({ name, shape, data }) => ({ name, shape, bytes: data.byteLength }));
    const bytes = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    writeFileSync(join(from, 'td3bc.safetensors'), Buffer.concat([encodeSafetensorsHeader(header, 'F32'), ...bytes]));
    await trainer.load(from);
  }

  async function stateOf(trainer: Td3BcTrainer): Promise<ReadonlyMap<string, Float32Array>> {
    const to = mkdtempSync(join(folder, 'to-'));
    await trainer.save(to);
    const file = await openSafetensors(join(to, 'td3bc.safetensors'));
    const state = new Map<string, Float32Array>();
    for (const [name, tensor] of file.tensors) state.set(name, await tensor.read());
    await file.close();
    return state;
  }

  it.each(cases.map((each) => [each.title, each] as const))(
    'equals the published update in float64 to 1e-5 over several steps: %s',
    async (_, golden) => {
      const { stateWidth, actionWidth, hidden, activation, bootstrap } = golden;
      const network = { hidden, activation };
      const trainer = await createTd3BcTrainer(
        device,
        { stateWidth, actionWidth, statistics: { mean: f32(golden.mean), scale: f32(golden.scale) }, seed: 0 },
        { ...optionsOf(golden), actor: network, critic: network },
      );
      await startFrom(trainer, golden);
      const near = (got: number, wanted: number): void => {
        expect(Math.abs(got - wanted)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(wanted)));
      };
      for (const step of golden.steps) {
        const values = await trainer.train(goldenBatch(golden, step));
        near(values['loss/critic'] ?? NaN, step.criticLoss);
        expect('loss/actor' in values).toBe(step.actorLoss !== null);
        if (step.actorLoss !== null) near(values['loss/actor'] ?? NaN, step.actorLoss);
      }
      const state = await stateOf(trainer);
      const compare = (wanted: Named, prefix: string): void => {
        for (const [name, values] of Object.entries(wanted)) {
          const got = state.get(prefix + name);
          expect(got).toHaveLength(values.length);
          values.forEach((value, i) => {
            near(got?.[i] ?? NaN, value);
          });
        }
      };
      compare(golden.weights, '');
      if (bootstrap) compare(golden.targets, 'target.');
      await trainer.release();
      await trainer.actor.release();
    },
  );

  it('a run that goes on from a checkpoint is the uninterrupted one, bit for bit', async () => {
    const options = { actor: small, critic: small };
    const whole = await createTd3BcTrainer(device, setup, options);
    await trained(whole, 1, 9);
    const first = await createTd3BcTrainer(device, setup, options);
    await trained(first, 1, 5);
    const at = mkdtempSync(join(folder, 'at-'));
    await first.save(at);
    const second = await createTd3BcTrainer(device, { ...setup, seed: 99 }, options);
    await second.load(at);
    expect(second.step()).toBe(5);
    await trained(second, 6, 9);
    expect(await stateOf(second)).toEqual(await stateOf(whole));
    expect(await stateOf(first)).not.toEqual(await stateOf(whole));
  });

  it('refuses the checkpoint of other networks', async () => {
    const trainer = await createTd3BcTrainer(device, setup, { actor: small, critic: small });
    const at = mkdtempSync(join(folder, 'at-'));
    await trainer.save(at);
    const wider = await createTd3BcTrainer(device, setup, { actor: small, critic: { ...small, hidden: [16, 17] } });
    await expect(wider.load(at)).rejects.toThrow(/critic1.1.weight.*of another model|another model.*critic1.1.weight/s);
  });

  it('behaviour cloning alone moves the actor as α = 0 does, without critics', async () => {
    const cloned = await createTd3BcTrainer(device, setup, { actor: small, critic: small, objective: 'bc' });
    const unpaid = await createTd3BcTrainer(device, setup, { actor: small, critic: small, alpha: 0 });
    await trained(cloned, 1, 4);
    await trained(unpaid, 1, 4);
    const read = (store: TensorStore): Promise<Float32Array> => device.readAll(store);
    const [a, b] = [await read(cloned.actor.weights), await read(unpaid.actor.weights)];
    a.forEach((x, i) => expect(Math.abs(x - (b[i] ?? NaN))).toBeLessThan(1e-6));
    expect([...(await stateOf(cloned)).keys()].some((name) => name.includes('critic'))).toBe(false);
  });

  it('stops with an error where a loss is not finite, and the weights are as before', async () => {
    const trainer = await createTd3BcTrainer(device, setup, { actor: small, critic: small });
    await trained(trainer, 1, 3);
    const before = await stateOf(trainer);
    await expect(trainer.train(madeUp(4, { reward: 1e30 }))).rejects.toThrow(
      /step 4: the loss of the critic is not finite/,
    );
    await expect(trainer.train(madeUp(4, { reward: NaN }))).rejects.toThrow(/not finite/);
    expect(await stateOf(trainer)).toEqual(before);
    expect(trainer.step()).toBe(3);
    await trained(trainer, 4, 5);
    for (const values of (await stateOf(trainer)).values()) expect(values.every(Number.isFinite)).toBe(true);
  });

  it('an actor acts the same after it was saved and opened, by the statistics it was trained with', async () => {
    const statistics = { mean: f32([1, 2, 3, 4]), scale: f32([2, 1, 0.5, 1]) };
    for (const space of [
      { kind: 'box', max: 0.5 },
      { kind: 'sphere', radius: 2 },
    ] as const) {
      const trainer = await createTd3BcTrainer(
        device,
        { ...setup, statistics },
        { actor: small, critic: small, space },
      );
      await trained(trainer, 1, 2);
      const at = mkdtempSync(join(folder, 'actor-'));
      await trainer.actor.save(at);
      const actor = await openActor(device, at);
      const { states } = madeUp(9);
      const actions = await actor.act(states);
      expect(actions).toEqual(await trainer.actor.act(states));
      expect(actor.shape).toEqual({ stateWidth: 4, actionWidth: 3, space, ...small });
      if (space.kind === 'box') expect(actions.every((x) => Math.abs(x) <= 0.5)).toBe(true);
      else
        for (let i = 0; i < actions.length; i += 3) expect(Math.hypot(...actions.subarray(i, i + 3))).toBeCloseTo(2, 5);
      await actor.release();
    }
  });
});
