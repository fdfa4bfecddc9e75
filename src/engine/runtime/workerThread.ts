/** The worker thread as the main thread sees it: typed calls with answers, progress, errors carried over, and no call
 *  left hanging when the thread ends. An idle worker does not keep the process alive. */
import { Worker } from 'node:worker_threads';
import { EnvironmentError } from '../../base/errors.js';
import type { DecodeProgress } from './decodeRow.js';
import { reviveError } from './errorTransfer.js';
import type { CallKind, Calls, Response, WorkerSettings } from './protocol.js';

export interface CallOptions {
  /** Buffers to move instead of copying; the caller's arrays over them become empty. */
  readonly transfer?: readonly ArrayBuffer[];
  readonly onProgress?: (progress: DecodeProgress) => void;
}

interface PendingCall {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((progress: DecodeProgress) => void) | undefined;
}

/** From compiled code the compiled worker; from TypeScript sources (tests, tsx) the source, through tsx's loader. */
function workerEntry(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './fromSource.mjs' : './worker.js', import.meta.url);
}

/** Guards the table of pending calls. */
export class WorkerThread {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  readonly #ended: Promise<void>;
  #running = true;
  #nextCall = 0;
  /** Why no further call is possible. */
  #failure: EnvironmentError | null = null;

  /** @param signal ends, once aborted, what is computed after the pass that runs */
  constructor(signal?: AbortSignal) {
    const workerData: WorkerSettings = { stop: new Int32Array(new SharedArrayBuffer(4)) };
    const stop = (): void => void Atomics.store(workerData.stop, 0, 1);
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    // Without execArgv: the loaders and flags of the main thread are its own.
    this.#worker = new Worker(workerEntry(), { execArgv: [], name: 'gadfly engine', workerData });
    this.#worker.unref();
    this.#worker.on('message', (response: Response) => {
      this.#receive(response);
    });
    this.#worker.on('error', (cause) => {
      this.#fail(new EnvironmentError('The engine thread failed', { got: cause.message, cause }));
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#running = false;
        signal?.removeEventListener('abort', stop);
        this.#fail(
          new EnvironmentError('The engine thread has ended', {
            got: `exit code ${code}`,
            remedy: 'Open a new device.',
          }),
        );
        resolve();
      });
    });
  }

  /** False once the thread has ended. */
  get isOpen(): boolean {
    return this.#running;
  }

  call<K extends CallKind>(
    kind: K,
    args: Calls[K]['args'],
    { transfer = [], onProgress }: CallOptions = {},
  ): Promise<Calls[K]['answer']> {
    const failure = this.#failure;
    if (failure !== null) return Promise.reject(failure);
    return new Promise((resolve, reject) => {
      const call = this.#nextCall;
      this.#nextCall += 1;
      this.#pending.set(call, { resolve: resolve as (answer: unknown) => void, reject, onProgress });
      this.#worker.ref();
      try {
        this.#worker.postMessage({ kind, call, args }, transfer);
      } catch (error) {
        this.#settle(call);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Lets pending calls finish, then ends the thread. */
  async close(): Promise<void> {
    if (this.#failure === null) {
      await this.call('close', {}).catch(() => undefined); // a thread that died meanwhile is closed too
      this.#fail(new EnvironmentError('The device was closed'));
    }
    await this.#worker.terminate();
    await this.#ended;
  }

  /** Ends the thread at once; pending calls are rejected. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
    await this.#ended;
  }

  #receive(response: Response): void {
    if (response.kind === 'progress') {
      this.#pending.get(response.call)?.onProgress?.(response.progress);
      return;
    }
    const pending = this.#settle(response.call);
    if (response.kind === 'done') pending?.resolve(response.answer);
    else pending?.reject(reviveError(response.error));
  }

  #settle(call: number): PendingCall | undefined {
    const pending = this.#pending.get(call);
    this.#pending.delete(call);
    if (this.#pending.size === 0) this.#worker.unref();
    return pending;
  }

  #fail(failure: EnvironmentError): void {
    this.#failure ??= failure;
    for (const [call, { reject }] of [...this.#pending]) {
      this.#settle(call);
      reject(this.#failure);
    }
  }
}
