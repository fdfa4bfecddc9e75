import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openStream, standardNormals, streamKey } from '../../base/random.js';
import { drawTransitions } from './drawTransitions.js';
import { ReplayBuffer, type Episode } from './replayBuffer.js';
import type { ReplaySettings } from './replaySettings.js';
import { stateStatistics } from './stateStatistics.js';

const settings: ReplaySettings = {
  actions: 'absolute',
  actionWidth: 2,
  actionUnit: 1,
  stateWidth: 3,
  state: { layer: -1, position: 'last token' },
  model: 'a1b2',
  planner: 'c3d4',
  stepIsVisible: false,
};

const root = mkdtempSync(join(tmpdir(), 'gadfly-replay-'));
let made = 0;
const newFolder = (): string => join(root, String((made += 1)));
afterAll(() => {
  rmSync(root, { recursive: true });
});

/** Every number says where it belongs. */
function episode(number: number, length: number, ending: 'exit' | 'limit'): Episode {
  const state = (step: number): Float32Array => Float32Array.of(number, step, 100 * number + step);
  return {
    steps: Array.from({ length }, (_, step) => ({
      state: state(step),
      action: Float32Array.of(number, step + 0.5),
      reward: number + step / 10,
    })),
    ending: ending === 'exit' ? { kind: 'exit' } : { kind: 'limit', state: state(length) },
  };
}

const episodes = [episode(1, 3, 'exit'), episode(2, 2, 'limit'), episode(3, 1, 'exit'), episode(4, 3, 'limit')];

function filled(folder: string, count = episodes.length): ReplayBuffer {
  const buffer = ReplayBuffer.open(folder, settings);
  for (const each of episodes.slice(0, count)) buffer.append(each);
  return buffer;
}

describe('a replay buffer', () => {
  it('gives every step with its reward and next state; only exits are terminals', () => {
    const buffer = filled(newFolder());
    expect([buffer.episodes, buffer.transitions(), buffer.transitions(2)]).toEqual([4, 9, 5]);
    const read = buffer.read([8, 0, 2, 4, 5, 0]);
    expect([...read.states].filter((_, i) => i % 3 === 2)).toEqual([402, 100, 102, 201, 300, 100]);
    expect([...read.actions].filter((_, i) => i % 2 === 1)).toEqual([2.5, 0.5, 2.5, 1.5, 0.5, 0.5]);
    expect([...read.alive]).toEqual([1, 1, 0, 1, 0, 1]);
    expect([...read.nextStates].filter((_, i) => i % 3 === 2)).toEqual([403, 101, 0, 202, 0, 101]);
    read.rewards.forEach((r, i) => expect(r).toBeCloseTo([4.2, 1, 1.2, 2.1, 3, 1][i] ?? NaN, 6));
    buffer.close();
  });

  it('takes the last step at the limit for a terminal where states say how many steps remain', () => {
    const buffer = ReplayBuffer.open(newFolder(), { ...settings, stepIsVisible: true });
    buffer.append({ ...episode(1, 3, 'limit'), ending: { kind: 'limit', state: null } });
    expect([...buffer.read([0, 1, 2]).alive]).toEqual([1, 1, 0]);
    buffer.close();
    const hidden = ReplayBuffer.open(newFolder(), settings);
    expect(() => hidden.append({ ...episode(1, 3, 'limit'), ending: { kind: 'limit', state: null } })).toThrow(
      /cut off/,
    );
    hidden.close();
  });

  it('goes on where it was closed, and is then the same bytes as one written at once', () => {
    const [whole, parts] = [newFolder(), newFolder()];
    filled(whole).close();
    for (const each of episodes) {
      const buffer = ReplayBuffer.open(parts, settings);
      expect(buffer.cut).toBeNull();
      buffer.append(each);
      buffer.close();
    }
    for (const name of ['steps.f32', 'episodes.u32', 'buffer.json'])
      expect(readFileSync(join(parts, name))).toEqual(readFileSync(join(whole, name)));
  });

  it('a kill at any byte of either file leaves whole episodes, says what was cut, and can be gone on from', () => {
    const whole = newFolder();
    filled(whole, 2).close();
    const size = (name: string): number => statSync(join(whole, name)).size;
    for (const name of ['steps.f32', 'episodes.u32']) {
      for (let kept = 0; kept < size(name); kept++) {
        const folder = newFolder();
        cpSync(whole, folder, { recursive: true });
        truncateSync(join(folder, name), kept);
        const buffer = ReplayBuffer.open(folder, settings);
        expect(buffer.episodes).toBeLessThan(2);
        expect(buffer.cut?.bytes).toBeGreaterThan(0);
        expect(buffer.cut?.episodes).toBe(name === 'steps.f32' ? 2 - buffer.episodes : 0);
        for (const each of episodes.slice(buffer.episodes, 2)) buffer.append(each);
        buffer.close();
        expect(readFileSync(join(folder, 'steps.f32'))).toEqual(readFileSync(join(whole, 'steps.f32')));
        expect(readFileSync(join(folder, 'episodes.u32'))).toEqual(readFileSync(join(whole, 'episodes.u32')));
        rmSync(folder, { recursive: true });
      }
    }
  });

  it('refuses transitions of another kind, naming what differs', () => {
    const folder = newFolder();
    filled(folder).close();
    expect(() => ReplayBuffer.open(folder, { ...settings, actions: 'residual' })).toThrow(
      /actions "residual".*actions "absolute"/s,
    );
    for (const other of [
      { actionWidth: 3 },
      { stateWidth: 4 },
      { state: { layer: 6, position: 'last token' } },
      { model: 'ffff' },
      { stepIsVisible: true },
    ])
      expect(() => ReplayBuffer.open(folder, { ...settings, ...other })).toThrow(/transitions of another kind/);
    writeFileSync(join(folder, 'buffer.json'), JSON.stringify({ ...settings, schema: 99 }));
    expect(() => ReplayBuffer.open(folder, settings)).toThrow(/newer version/);
  });

  it('refuses steps of other widths, without steps, or with what is no number, and keeps nothing of them', () => {
    const folder = newFolder();
    const buffer = filled(folder, 1);
    const [first] = episode(1, 1, 'exit').steps;
    if (first === undefined) throw new Error('a step');
    const append = (change: Partial<typeof first>): void => {
      buffer.append({ steps: [{ ...first, ...change }], ending: { kind: 'exit' } });
    };
    expect(() => append({ state: new Float32Array(2) })).toThrow(/a state of 3 numbers, an action of 2/);
    expect(() => append({ reward: NaN })).toThrow(/what is no number/);
    expect(() => append({ action: Float32Array.of(0, Infinity) })).toThrow(/what is no number/);
    expect(() => buffer.append({ steps: [], ending: { kind: 'exit' } })).toThrow(/no steps/);
    expect(() => buffer.transitions(2)).toThrow(/at most 1/);
    buffer.append(episodes[1] as Episode);
    expect([...buffer.read([3]).states]).toEqual([2, 0, 200]);
    buffer.close();
  });

  it('draws uniformly with replacement, the same batch for the same seed and step', () => {
    const buffer = filled(newFolder());
    const draw = { seed: 3, batch: 900 };
    const batch = drawTransitions(buffer, 7, draw);
    expect(drawTransitions(buffer, 7, draw)).toEqual(batch);
    expect(drawTransitions(buffer, 8, draw).states).not.toEqual(batch.states);
    const counts = new Map<number, number>();
    for (let i = 2; i < batch.states.length; i += 3)
      counts.set(batch.states[i] ?? NaN, (counts.get(batch.states[i] ?? NaN) ?? 0) + 1);
    expect(counts.size).toBe(9);
    // 100 each, four standard deviations of a binomial count.
    for (const count of counts.values())
      expect(Math.abs(count - 100)).toBeLessThan(4 * Math.sqrt(900 * (1 / 9) * (8 / 9)));
    const few = drawTransitions(buffer, 7, { ...draw, episodes: 1 });
    expect(new Set([...few.states].filter((_, i) => i % 3 === 0))).toEqual(new Set([1]));
    buffer.close();
    const empty = ReplayBuffer.open(newFolder(), settings);
    expect(() => drawTransitions(empty, 1, draw)).toThrow(/empty/);
    empty.close();
  });

  it('statistics of states are the population’s, whatever the mean, and leave out states without an action', () => {
    const buffer = ReplayBuffer.open(newFolder(), settings);
    const numbers = standardNormals(openStream(streamKey(0, 'states')), 3000);
    const states = Array.from({ length: 1000 }, (_, i) =>
      Float32Array.of(1e4 + (numbers[3 * i] ?? 0), 5 * (numbers[3 * i + 1] ?? 0), 7),
    );
    for (let i = 0; i < states.length; i += 2)
      buffer.append({
        steps: states.slice(i, i + 2).map((state) => ({ state, action: new Float32Array(2), reward: 0 })),
        ending: { kind: 'limit', state: Float32Array.of(-1e6, 1e6, 0) },
      });
    const { mean, scale } = stateStatistics(buffer);
    for (const axis of [0, 1, 2]) {
      const values = states.map((state) => state[axis] ?? NaN);
      const average = values.reduce((sum, x) => sum + x, 0) / 1000;
      const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - average) ** 2, 0) / 1000);
      expect(Math.abs((mean[axis] ?? NaN) - average)).toBeLessThan(1e-3);
      expect(Math.abs((scale[axis] ?? NaN) - (deviation + 1e-3))).toBeLessThan(1e-6 * (1 + deviation));
    }
    buffer.close();
  });
});
