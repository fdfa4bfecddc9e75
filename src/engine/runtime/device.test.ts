import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, EnvironmentError, ShapeError } from '../../base/errors.js';
import { differentiate } from '../tensor/differentiate.js';
import { finishGraph, type Graph } from '../tensor/graph.js';
import { add, gatherRows, matmul, mul, reduceSum } from '../tensor/ops/all.js';
import { createTrace } from '../tensor/trace.js';
import type { Value } from '../tensor/value.js';
import { openDevice, type Device } from './device.js';
import { f32Tensor, i64Tensor } from './hostTensor.js';

/** y = x·w + e[ids]; w [3, 2], e [4, 2]. */
function linearGraph(): Graph {
  const trace = createTrace();
  const x = trace.input('x', 'f32', ['N', 3]);
  const rows = gatherRows(trace.parameter('e', [4, 2]), trace.input('ids', 'i64', ['N']));
  return finishGraph(trace, { y: add(matmul(x, trace.parameter('w', [3, 2])), rows), twice: add(x, x) });
}

/** Loss = Σ (x·w + e[ids])², with gradients of w (dense) and e (rows). */
function trainingGraph(): Graph {
  const trace = createTrace();
  const x = trace.input('x', 'f32', ['N', 3]);
  const [w, e] = [trace.parameter('w', [3, 2]), trace.parameter('e', [4, 2])];
  const y = add(matmul(x, w), gatherRows(e, trace.input('ids', 'i64', ['N'])));
  const loss = reduceSum(mul(y, y), [0, 1]);
  const gradients = differentiate(loss, [w, e]);
  return finishGraph(trace, {
    loss,
    ...Object.fromEntries(
      [['w', w] as const, ['e', e] as const].flatMap(([name, value]): (readonly [string, Value])[] => {
        const gradient = gradients.get(value);
        return [
          ...(gradient?.dense == null ? [] : [[`grad:${name}`, gradient.dense] as const]),
          ...(gradient?.rows ?? []).flatMap(({ ids, rows }, i) => [
            [`rows:${name}:${String(i)}:ids`, ids] as const,
            [`rows:${name}:${String(i)}:rows`, rows] as const,
          ]),
        ];
      }),
    ),
  });
}

const entries = [
  { name: 'w', shape: [3, 2] },
  { name: 'e', shape: [4, 2] },
] as const;
const w = [1, 2, 3, 4, 5, 6];
const e = [10, 20, 30, 40, 50, 60, 70, 80];
const feeds = { x: f32Tensor([2, 3], [1, 0, 0, 0, 1, 1]), ids: i64Tensor([2], [3, 1]) };
/** Row 0: w[0] + e[3]; row 1: w[1] + w[2] + e[1]. */
const y = [71, 82, 38, 50];

describe('device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.close());

  const filled = async (): Promise<Awaited<ReturnType<Device['createStore']>>> => {
    const store = await device.createStore(entries);
    await device.write(store, 'w', Float32Array.from(w));
    await device.write(store, 'e', Float32Array.from(e), { transfer: true });
    return store;
  };

  it('reads back what was written, tensor by tensor and flat', async () => {
    const store = await filled();
    expect([...(await device.read(store, 'e'))]).toEqual(e);
    expect([...(await device.readAll(store))]).toEqual([...w, ...e]);
    await device.writeAll(store, Float32Array.from([...e, ...w]));
    expect([...(await device.read(store, 'w'))]).toEqual(e.slice(0, 6));
    const other = await device.createStore(entries);
    expect(await device.hash(other)).not.toBe(await device.hash(store));
    await device.copy(store, other);
    expect(await device.hash(other)).toBe(await device.hash(store));
    await device.fill(other, 2);
    expect([...(await device.read(other, 'w'))]).toEqual([2, 2, 2, 2, 2, 2]);
  });

  it('a part of a larger array is written without the rest of it', async () => {
    const store = await filled();
    const large = Float32Array.from({ length: 100 }, (_, i) => i);
    await device.write(store, 'w', large.subarray(10, 16), { transfer: true });
    expect([...(await device.read(store, 'w'))]).toEqual([10, 11, 12, 13, 14, 15]);
    expect(large.length).toBe(100);
  });

  it('a program sees later writes when its weights are inputs, and does not when they are frozen', async () => {
    const store = await filled();
    const live = await device.compile(linearGraph(), { store });
    const frozen = await device.compile(linearGraph(), { store, frozen: true });
    for (const program of [live, frozen]) expect([...((await device.run(program, feeds))['y']?.data ?? [])]).toEqual(y);
    await device.fill(store, 0);
    expect([...((await device.run(live, feeds))['y']?.data ?? [])]).toEqual([0, 0, 0, 0]);
    expect([...((await device.run(frozen, feeds))['y']?.data ?? [])]).toEqual(y);
    await expect(device.release(store)).rejects.toThrow(/program still reads/);
    await device.release(live);
    await device.release(store);
    expect([...((await device.run(frozen, feeds))['y']?.data ?? [])]).toEqual(y);
    await expect(device.read(store, 'w')).rejects.toThrow(ConfigError);
  });

  it('parameters may come from several stores', async () => {
    const [first, second] = [await device.createStore([entries[0]]), await device.createStore([entries[1]])];
    await device.writeAll(first, Float32Array.from(w));
    await device.writeAll(second, Float32Array.from(e));
    const program = await device.compile(linearGraph(), { store: [first, second] });
    expect([...((await device.run(program, feeds, ['y']))['y']?.data ?? [])]).toEqual(y);
  });

  it('returns the outputs asked for, and no others', async () => {
    const program = await device.compile(linearGraph(), { store: await filled() });
    expect(Object.keys(await device.run(program, feeds, ['twice']))).toEqual(['twice']);
    await expect(device.run(program, feeds, ['z'])).rejects.toThrow(/no such output/);
  });

  it('names the input that is missing or does not fit', async () => {
    const program = await device.compile(linearGraph(), { store: await filled() });
    await expect(device.run(program, { x: feeds.x })).rejects.toThrow(/^ids: an input is missing/);
    await expect(device.run(program, { ...feeds, x: f32Tensor([3, 2], [1, 0, 0, 0, 1, 1]) })).rejects.toThrow(
      ShapeError,
    );
    await expect(device.run(program, { ...feeds, ids: i64Tensor([3], [1, 1, 1]) })).rejects.toThrow(/N = 2/);
    await expect(device.run(program, { ...feeds, ids: f32Tensor([2], [1, 1]) })).rejects.toThrow(/expected: i64 \[N\]/);
  });

  it('errors of the worker keep class, code and details', async () => {
    const store = await filled();
    const error: unknown = await device.write(store, 'w', new Float32Array(5)).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ShapeError);
    expect(error).toMatchObject({ code: 'shape', details: { where: 'w', got: '5' } });
    expect((error as ShapeError).message.match(/got:/g)).toHaveLength(1);
    const outside = { ...feeds, ids: i64Tensor([2], [99, 0]) };
    const program = await device.compile(linearGraph(), { store });
    await expect(device.run(program, outside)).rejects.toThrow(EnvironmentError);
    await expect(device.compile(linearGraph(), { store: await device.createStore([entries[0]]) })).rejects.toThrow(
      /^e: a parameter of the graph is in none/,
    );
  });

  it('accumulates dense gradients and rows, twice = twice as much, in any store', async () => {
    const program = await device.compile(trainingGraph(), { store: await filled() });
    const gradients = await device.createStore(entries);
    const twice = { x: f32Tensor([2, 3], [1, 0, 0, 0, 1, 1]), ids: i64Tensor([2], [1, 1]) };
    const first = await device.accumulate(program, feeds, gradients);
    expect(Object.keys(first)).toEqual(['loss']);
    // dL/dy = 2y; dW = xᵀ·2y; de[3] = 2y[0], de[1] = 2y[1]
    expect(first['loss']?.data[0]).toBe(71 ** 2 + 82 ** 2 + 38 ** 2 + 50 ** 2);
    const expected = [142, 164, 76, 100, 76, 100, 0, 0, 76, 100, 0, 0, 142, 164];
    expect([...(await device.readAll(gradients))]).toEqual(expected);
    await device.accumulate(program, feeds, gradients);
    expect([...(await device.readAll(gradients))]).toEqual(expected.map((each) => 2 * each));
    await device.fill(gradients, 0);
    await device.accumulate(program, twice, gradients);
    // Row 0: w[0] + e[1] = [31, 42]; both rows fall on e[1].
    expect([...(await device.read(gradients, 'e'))]).toEqual([0, 0, 62 + 76, 84 + 100, 0, 0, 0, 0]);
  });

  it('a gradient that is not finite stops the step before anything changes', async () => {
    const [parameters, gradients] = [await filled(), await filled()];
    const [firstMoment, secondMoment] = [await device.createStore(entries), await device.createStore(entries)];
    await device.write(gradients, 'e', Float32Array.from([1, 2, NaN, 4, 5, 6, 7, 8]));
    const before = await device.hash(parameters);
    const step = {
      parameters,
      gradients,
      firstMoment,
      secondMoment,
      step: 1,
      learningRate: 1,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
      decayed: new Set<string>(),
      maxGradientNorm: 1,
      gradientScale: 1,
    };
    await expect(device.adamw(step)).rejects.toThrow(/^e: The gradient is not finite/);
    expect(await device.hash(parameters)).toBe(before);
  });
});

describe('the worker thread', () => {
  it('rejects pending and later calls when it dies, and closing is still clean', async () => {
    const device = await openDevice();
    const pending = device.createStore(entries);
    await device.terminate();
    await expect(pending).rejects.toThrow(EnvironmentError);
    await expect(device.createStore(entries)).rejects.toThrow(/has ended/);
    await device.close();
  });

  it('close lets pending calls finish and refuses later ones', async () => {
    const device = await openDevice();
    const pending = device.createStore(entries);
    await device.close();
    await expect(pending).resolves.toMatchObject({ length: 14 });
    await expect(device.createStore(entries)).rejects.toThrow(/was closed/);
    await device.close();
  });

  it('a store of one device is refused by another', async () => {
    const [one, other] = await Promise.all([openDevice(), openDevice()]);
    const store = await one.createStore(entries);
    await expect(other.read(store, 'w')).rejects.toThrow(/another device/);
    await Promise.all([one.close(), other.close()]);
  });
});
