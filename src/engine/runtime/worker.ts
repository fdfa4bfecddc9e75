/** Entry of the worker thread: takes requests from the parent port, serves them one after another, answers each. */
import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../base/invariant.js';
import { recordError } from './errorTransfer.js';
import { createHost, handlers } from './host.js';
import type { CallKind, Calls, Request, Response, WorkerSettings } from './protocol.js';

const port = present(parentPort, 'worker.ts runs in a worker thread');
const { stop } = workerData as WorkerSettings; // What WorkerThread has put there.
const host = createHost(() => Atomics.load(stop, 0) !== 0);
let queue: Promise<void> = Promise.resolve();

port.on('message', (request: Request) => {
  queue = queue.then(() => serve(request));
});

async function serve(request: Request): Promise<void> {
  const { call } = request;
  const send = (response: Response, transfer: ArrayBuffer[] = []): void => {
    port.postMessage(response, transfer);
  };
  try {
    const answer = await handle(request.kind, request.args, (progress) => {
      send({ kind: 'progress', call, progress });
    });
    send({ kind: 'done', call, answer }, buffersOf(answer));
  } catch (error) {
    send({ kind: 'failed', call, error: recordError(error) });
  }
  if (request.kind === 'close') port.close();
}

function handle<K extends CallKind>(
  kind: K,
  args: Calls[K]['args'],
  onProgress: Parameters<(typeof handlers)[K]>[2],
): Promise<Calls[K]['answer']> {
  return Promise.resolve(handlers[kind](host, args, onProgress));
}

/** Buffers of an answer that are moved instead of copied: the arrays of tensors, which the worker does not keep. */
function buffersOf(answer: unknown): ArrayBuffer[] {
  if (ArrayBuffer.isView(answer)) return [answer.buffer as ArrayBuffer];
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return [];
  return [
    ...new Set(
      Object.values(answer).flatMap((value: unknown) => {
        const data = typeof value === 'object' && value !== null && 'data' in value ? value.data : null;
        return ArrayBuffer.isView(data) ? [data.buffer as ArrayBuffer] : [];
      }),
    ),
  ];
}
