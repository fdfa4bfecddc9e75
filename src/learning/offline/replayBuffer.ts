/** A replay buffer on disk: the steps of episodes, appended only. What is in memory are eight bytes per episode.
 *
 *  `buffer.json`   the settings (replaySettings.ts)
 *  `steps.f32`     rows of one size: state, action, reward, kind. A step's next state is the state of the row behind it.
 *                  An episode that was cut off before its end has one more row, for the state in which it was
 *  `episodes.u32`  a number per episode: 2 · its rows, + 1 where the last of them is such a state
 *
 *  Rows are written before the number that counts them. What a killed writer left behind, in either file, is cut off
 *  when the buffer is opened. */
import { closeSync, existsSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, FormatError } from '../../base/errors.js';
import { onDisk } from '../../base/files.js';
import { invariant, present } from '../../base/invariant.js';
import { makeFolder } from '../../base/makeFolder.js';
import {
  readReplaySettings,
  requireReplaySettings,
  writeReplaySettings,
  type ReplaySettings,
} from './replaySettings.js';

export interface EpisodeStep {
  readonly state: Float32Array;
  readonly action: Float32Array;
  readonly reward: number;
}

export type EpisodeEnding =
  /** It ended of itself: an early exit. */
  | { readonly kind: 'exit' }
  /** The number of steps was reached. A terminal where states say how many steps remain; where they do not, the episode
   *  would have gone on from `state`, and its value counts. */
  | { readonly kind: 'limit'; readonly state: Float32Array | null };

export interface Episode {
  readonly steps: readonly EpisodeStep[];
  readonly ending: EpisodeEnding;
}

/** Transitions as arrays, row by row. */
export interface Transitions {
  readonly count: number;
  /** [count, stateWidth] */
  readonly states: Float32Array;
  /** [count, actionWidth] */
  readonly actions: Float32Array;
  readonly rewards: Float32Array;
  /** [count, stateWidth]; zeros behind a terminal. */
  readonly nextStates: Float32Array;
  /** 0 where the step is a terminal, else 1. */
  readonly alive: Float32Array;
}

/** The unfinished end that a killed writer had left, and that is gone. */
export interface CutTail {
  readonly bytes: number;
  /** Episodes that were counted, but whose rows were not all there. */
  readonly episodes: number;
}

const rowKinds = { step: 0, terminal: 1, state: 2 } as const;
const bytesPerNumber = 4;

/** Guards two open files and the index of what they hold. */
export class ReplayBuffer {
  readonly settings: ReplaySettings;
  /** The unfinished end that was cut off when it was opened; null when there was none. */
  readonly cut: CutTail | null;
  readonly #folder: string;
  readonly #steps: number;
  readonly #episodes: number;
  readonly #rowNumbers: number;
  readonly #index: EpisodeIndex;

  private constructor(folder: string, settings: ReplaySettings) {
    this.#folder = folder;
    this.settings = settings;
    this.#rowNumbers = settings.stateWidth + settings.actionWidth + 2;
    this.#steps = openSync(join(folder, 'steps.f32'), 'a+');
    this.#episodes = openSync(join(folder, 'episodes.u32'), 'a+');
    this.#index = new EpisodeIndex();
    this.cut = this.#takeUp();
  }

  /** Opens a buffer, a new one where the folder has none.
   *  @throws ConfigError when it holds transitions of another kind, EnvironmentError when the disk refuses */
  static open(folder: string, settings: ReplaySettings): ReplayBuffer {
    return onDisk(folder, () => {
      makeFolder(folder);
      if (existsSync(join(folder, 'buffer.json'))) requireReplaySettings(folder, settings);
      else writeReplaySettings(folder, settings);
      return new ReplayBuffer(folder, readReplaySettings(folder));
    });
  }

  get episodes(): number {
    return this.#index.episodes;
  }

  /** Steps of the first `episodes` episodes, which can be learnt from. Default all. */
  transitions(episodes: number = this.episodes): number {
    return this.#index.stepsBefore(this.#requireEpisodes(episodes));
  }

  /** @throws ConfigError when an array has another width, a number is not finite, or the episode has no step or lacks
   *    the state in which it was cut off; nothing is written then */
  append({ steps, ending }: Episode): void {
    const { stepIsVisible } = this.settings;
    if (steps.length === 0) throw new ConfigError('an episode has no steps', { where: this.#folder });
    const isTerminal = ending.kind === 'exit' || stepIsVisible;
    const closing = isTerminal ? null : ending.state;
    if (!isTerminal && closing === null)
      throw new ConfigError('the state is missing in which an episode was cut off', {
        where: this.#folder,
        expected: 'a state, since states do not say how many steps remain',
      });
    const rows = new Float32Array(this.#rowNumbers * (steps.length + (closing === null ? 0 : 1)));
    steps.forEach((step, i) => {
      const kind = isTerminal && i === steps.length - 1 ? 'terminal' : 'step';
      this.#fillRow(rows, i, { ...step, kind });
    });
    if (closing !== null) {
      const action = new Float32Array(this.settings.actionWidth);
      this.#fillRow(rows, steps.length, { state: closing, action, reward: 0, kind: 'state' });
    }
    onDisk(this.#folder, () => {
      try {
        writeFully(this.#steps, rows);
        const count = rows.length / this.#rowNumbers;
        writeFully(this.#episodes, Uint32Array.of(2 * count + (closing === null ? 0 : 1)));
      } catch (error) {
        this.#cutToIndex(); // A part of a row would shift all that is appended later.
        throw error;
      }
      this.#index.add(steps.length, closing !== null);
    });
  }

  /** @param steps indices below `transitions()`, in any order, any of them repeatedly */
  read(steps: readonly number[]): Transitions {
    const { stateWidth, actionWidth } = this.settings;
    const count = steps.length;
    const taken = {
      states: new Float32Array(count * stateWidth),
      actions: new Float32Array(count * actionWidth),
      rewards: new Float32Array(count),
      nextStates: new Float32Array(count * stateWidth),
      alive: new Float32Array(count),
    };
    const two = new Float32Array(2 * this.#rowNumbers);
    steps.forEach((step, i) => {
      // A terminal step may be the last row of the file.
      const read = this.#readRows(two, this.#index.rowOf(step));
      const isAlive = two[this.#rowNumbers - 1] === rowKinds.step;
      invariant(read === 2 || !isAlive, 'a state follows a step that is no terminal');
      taken.states.set(two.subarray(0, stateWidth), i * stateWidth);
      taken.actions.set(two.subarray(stateWidth, stateWidth + actionWidth), i * actionWidth);
      taken.rewards[i] = two[this.#rowNumbers - 2] ?? 0;
      taken.alive[i] = isAlive ? 1 : 0;
      if (isAlive) taken.nextStates.set(two.subarray(this.#rowNumbers, this.#rowNumbers + stateWidth), i * stateWidth);
    });
    return { count, ...taken };
  }

  /** Gives every state in which an action was taken, once and in order; the array is used again for the next. */
  eachState(take: (state: Float32Array) => void, episodes: number = this.episodes): void {
    const { stateWidth } = this.settings;
    const rows = this.#index.rowsBefore(this.#requireEpisodes(episodes));
    const perChunk = Math.max(1, Math.floor(2 ** 20 / this.#rowNumbers));
    for (let row = 0; row < rows; row += perChunk) {
      const chunk = new Float32Array(Math.min(perChunk, rows - row) * this.#rowNumbers);
      this.#readRows(chunk, row);
      for (let at = 0; at < chunk.length; at += this.#rowNumbers)
        if (chunk[at + this.#rowNumbers - 1] !== rowKinds.state) take(chunk.subarray(at, at + stateWidth));
    }
  }

  /** Returns when everything appended is on the disk. */
  sync(): void {
    onDisk(this.#folder, () => {
      fsyncSync(this.#steps);
      fsyncSync(this.#episodes);
    });
  }

  close(): void {
    closeSync(this.#steps);
    closeSync(this.#episodes);
  }

  #fillRow(
    rows: Float32Array,
    row: number,
    { state, action, reward, kind }: EpisodeStep & { readonly kind: keyof typeof rowKinds },
  ): void {
    const { stateWidth, actionWidth } = this.settings;
    if (state.length !== stateWidth || action.length !== actionWidth)
      throw new ConfigError('a step does not fit the buffer', {
        where: this.#folder,
        expected: `a state of ${String(stateWidth)} numbers, an action of ${String(actionWidth)}`,
        got: `${String(state.length)}, ${String(action.length)}`,
      });
    const at = row * this.#rowNumbers;
    rows.set(state, at);
    rows.set(action, at + stateWidth);
    rows.set([reward, rowKinds[kind]], at + stateWidth + actionWidth);
    if (!rows.subarray(at, at + this.#rowNumbers).every(Number.isFinite))
      throw new ConfigError('a step holds what is no number', {
        where: this.#folder,
        expected: 'finite states, actions and rewards',
        remedy: 'Leave out episodes whose judge gave no score.',
      });
  }

  /** @returns the number of rows that were there */
  #readRows(into: Float32Array, row: number): number {
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    const rowBytes = this.#rowNumbers * bytesPerNumber;
    const read = onDisk(this.#folder, () => readFully(this.#steps, bytes, row * rowBytes));
    return Math.floor(read / rowBytes);
  }

  #requireEpisodes(episodes: number): number {
    if (Number.isInteger(episodes) && episodes >= 0 && episodes <= this.episodes) return episodes;
    throw new ConfigError('the buffer does not hold that many episodes', {
      where: this.#folder,
      expected: `at most ${String(this.episodes)}`,
      got: String(episodes),
    });
  }

  /** Reads the index and cuts both files to the episodes that are whole. */
  #takeUp(): CutTail | null {
    const rowBytes = this.#rowNumbers * bytesPerNumber;
    const sizes = [fstatSync(this.#steps).size, fstatSync(this.#episodes).size] as const;
    const numbers = new Uint32Array(Math.floor(sizes[1] / bytesPerNumber));
    readFully(this.#episodes, new Uint8Array(numbers.buffer), 0);
    for (const number of numbers) {
      const [rows, hasState] = [Math.floor(number / 2), number % 2 === 1];
      const steps = rows - (hasState ? 1 : 0);
      if (steps < 1)
        throw new FormatError('the list of episodes is damaged', {
          where: join(this.#folder, 'episodes.u32'),
          expected: 'episodes with steps',
          remedy: 'It was changed by something else than gadfly: restore it, or collect anew.',
        });
      if ((this.#index.rowsBefore(this.episodes) + rows) * rowBytes > sizes[0]) break;
      this.#index.add(steps, hasState);
    }
    const bytes = sizes[0] + sizes[1] - this.#cutToIndex();
    return bytes === 0 ? null : { bytes, episodes: numbers.length - this.episodes };
  }

  /** @returns the bytes that both files have now */
  #cutToIndex(): number {
    const rowBytes = this.#rowNumbers * bytesPerNumber;
    const kept = [this.#index.rowsBefore(this.episodes) * rowBytes, this.episodes * bytesPerNumber] as const;
    ftruncateSync(this.#steps, kept[0]);
    ftruncateSync(this.#episodes, kept[1]);
    return kept[0] + kept[1];
  }
}

/** Rows and steps that lie before each episode. Guards two arrays that grow. */
class EpisodeIndex {
  #rows = new Uint32Array(1024);
  #steps = new Uint32Array(1024);
  #count = 0;

  get episodes(): number {
    return this.#count;
  }

  add(steps: number, hasState: boolean): void {
    const next = this.#count + 1;
    if (next >= this.#rows.length) [this.#rows, this.#steps] = [twiceAsLong(this.#rows), twiceAsLong(this.#steps)];
    this.#rows[next] = this.rowsBefore(this.#count) + steps + (hasState ? 1 : 0);
    this.#steps[next] = this.stepsBefore(this.#count) + steps;
    this.#count = next;
  }

  rowsBefore(episode: number): number {
    return present(this.#rows[episode], 'the index knows the episode');
  }

  stepsBefore(episode: number): number {
    return present(this.#steps[episode], 'the index knows the episode');
  }

  /** The row of a step: the last episode that begins at it or before, by halving. */
  rowOf(step: number): number {
    invariant(Number.isInteger(step) && step >= 0 && step < this.stepsBefore(this.#count), 'the step is in the buffer');
    let [low, high] = [0, this.#count - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.stepsBefore(middle) <= step) low = middle;
      else high = middle - 1;
    }
    return this.rowsBefore(low) + step - this.stepsBefore(low);
  }
}

function twiceAsLong(numbers: Uint32Array): Uint32Array<ArrayBuffer> {
  const longer = new Uint32Array(2 * numbers.length);
  longer.set(numbers);
  return longer;
}

/** A write may take fewer bytes than it was given. */
function writeFully(file: number, numbers: Float32Array | Uint32Array): void {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/** @returns the bytes that were there */
function readFully(file: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  for (let read = 1; read > 0 && done < bytes.length; done += read)
    read = readSync(file, bytes, done, bytes.length - done, position + done);
  return done;
}
