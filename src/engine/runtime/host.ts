/** The worker's state and what each call does to it. Calls are served one at a time, in the order in which they arrive.
 */
import { ConfigError, InterruptedError } from '../../base/errors.js';
import { accumulate } from './accumulate.js';
import { adamwStep } from './adamwStep.js';
import { averageStore } from './averageStore.js';
import { decode } from './decode.js';
import type { DecodeProgress } from './decodeRow.js';
import type { PassContext } from './inferenceSession.js';
import { createLiveBatch, type LiveBatch } from './liveBatch.js';
import { MemoryPool } from './memoryPool.js';
import type { CallKind, Calls } from './protocol.js';
import { compileProgram, runProgram, type ResidentProgram, type SessionSettings } from './residentProgram.js';
import {
  copyStore,
  createResidentStore,
  fillStore,
  hashStore,
  readFlat,
  residentTensor,
  viewOf,
  writeFlat,
  writeTensor,
  type ResidentStore,
} from './residentStore.js';

export interface Host {
  readonly pool: MemoryPool;
  readonly stores: Map<number, ResidentStore>;
  readonly programs: Map<number, ResidentProgram>;
  readonly liveBatches: Map<number, LiveBatch>;
  /** All passes use these; their working memory is given up when a model is trained, which needs the room. */
  readonly passes: PassContext;
  settings: SessionSettings;
}

/** @param isStopped true once nothing more shall be computed */
export function createHost(isStopped: () => boolean): Host {
  return {
    pool: new MemoryPool(),
    stores: new Map(),
    programs: new Map(),
    liveBatches: new Map(),
    passes: {
      buffers: new Map(),
      mayGoOn: () => {
        if (isStopped()) throw new InterruptedError('stopped as asked');
      },
    },
    settings: { threads: 1, provider: 'cpu' },
  };
}

type Handlers = {
  readonly [K in CallKind]: (
    host: Host,
    args: Calls[K]['args'],
    onProgress: (progress: DecodeProgress) => void,
  ) => Calls[K]['answer'] | Promise<Calls[K]['answer']>;
};

export const handlers: Handlers = {
  open(host, settings) {
    host.settings = settings;
    return null;
  },
  createStore(host, { id, entries, besideId }) {
    host.stores.set(
      id,
      createResidentStore(host.pool, id, entries, besideId === null ? null : storeOf(host, besideId)),
    );
    return null;
  },
  write(host, { storeId, name, data }) {
    forgetContexts(host, storeId);
    writeTensor(storeOf(host, storeId), name, data);
    return null;
  },
  read: (host, { storeId, name }) => viewOf(residentTensor(storeOf(host, storeId), name)).slice(),
  writeAll(host, { storeId, data }) {
    forgetContexts(host, storeId);
    writeFlat(storeOf(host, storeId), data);
    return null;
  },
  readAll: (host, { storeId }) => readFlat(storeOf(host, storeId)),
  copy(host, { fromId, toId }) {
    forgetContexts(host, toId);
    copyStore(storeOf(host, fromId), storeOf(host, toId));
    return null;
  },
  fill(host, { storeId, value }) {
    forgetContexts(host, storeId);
    fillStore(storeOf(host, storeId), value);
    return null;
  },
  hash: (host, { storeId }) => hashStore(storeOf(host, storeId)),
  async compile(host, { id, source }) {
    host.passes.mayGoOn();
    host.programs.set(
      id,
      await compileProgram(
        id,
        source,
        source.storeIds.map((storeId) => storeOf(host, storeId)),
        host.settings,
      ),
    );
    return null;
  },
  run(host, { programId, feeds, fetches }) {
    host.passes.mayGoOn();
    return runProgram(programOf(host, programId), feeds, fetches);
  },
  accumulate(host, { programId, feeds, gradientsId }) {
    host.passes.mayGoOn();
    host.passes.buffers.clear();
    return accumulate(host.pool, programOf(host, programId), feeds, storeOf(host, gradientsId));
  },
  adamw(host, { stores, step }) {
    host.passes.mayGoOn();
    const { parameters, gradients, firstMoment, secondMoment } = stores;
    forgetContexts(host, parameters);
    return adamwStep(
      {
        parameters: storeOf(host, parameters),
        gradients: storeOf(host, gradients),
        firstMoment: storeOf(host, firstMoment),
        secondMoment: storeOf(host, secondMoment),
      },
      step,
    );
  },
  average(host, { fromId, toId, share }) {
    forgetContexts(host, toId);
    averageStore(storeOf(host, fromId), storeOf(host, toId), share);
    return null;
  },
  registerVocabulary(host, { programId, tokenBytes }) {
    programOf(host, programId).tokenBytes = tokenBytes;
    return null;
  },
  decode: (host, { programId, ...job }, onProgress) => decode(programOf(host, programId), job, host.passes, onProgress),
  openLive(host, { id, programId, shape, soft }) {
    host.liveBatches.set(id, createLiveBatch(programOf(host, programId), shape, soft));
    return null;
  },
  stepLive: (host, { id, ...change }) => {
    const batch = host.liveBatches.get(id);
    if (batch === undefined) throw new ConfigError('the batch was closed');
    return batch.step(change, host.passes);
  },
  closeLive(host, { id }) {
    host.liveBatches.delete(id);
    return null;
  },
  async release(host, { kind, id }) {
    if (kind === 'program') {
      await programOf(host, id).session.release();
      host.programs.delete(id);
      return null;
    }
    const reader = [...host.programs.values()].find(({ storeIds }) => storeIds.includes(id));
    if (reader !== undefined)
      throw new ConfigError('a program still reads the store', { remedy: 'Release the program first.' });
    for (const region of storeOf(host, id).regions) host.pool.free(region);
    host.stores.delete(id);
    return null;
  },
  async close(host) {
    for (const { session } of host.programs.values()) await session.release();
    host.programs.clear();
    host.liveBatches.clear();
    host.stores.clear();
    return null;
  },
};

/** Forgets contexts read with weights that are about to change. */
function forgetContexts({ programs }: Host, storeId: number): void {
  for (const program of programs.values()) if (program.storeIds.includes(storeId)) program.kept = [];
}

function storeOf(host: Host, id: number): ResidentStore {
  const store = host.stores.get(id);
  if (store === undefined) throw new ConfigError('the store was released');
  return store;
}

function programOf(host: Host, id: number): ResidentProgram {
  const program = host.programs.get(id);
  if (program === undefined) throw new ConfigError('the program was released');
  return program;
}
