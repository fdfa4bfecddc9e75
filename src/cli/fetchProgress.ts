/** Progress of a download as megabytes. */
import type { resolveModel } from '../engine/models/checkpoints/resolveModel.js';
import type { Progress } from './progress.js';

type OnProgress = NonNullable<Parameters<typeof resolveModel>[1]['onProgress']>;

export function fetchProgress(progress: Progress): OnProgress {
  return ({ file, receivedBytes, totalBytes }) => {
    progress.update({
      task: `fetch ${file}`,
      done: megabytes(receivedBytes),
      total: totalBytes === null ? null : megabytes(totalBytes),
      unit: 'MB',
    });
  };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
