/** Shares work through an open queue. */
import { playPointsElsewhere } from './sharePoints.js';
import { type QueueAndStore, shareRun } from './shareRun.js';
import type { Sharing } from './sharing.js';

export function openSharing(queue: QueueAndStore): Sharing {
  return {
    shareRun: (dialogues, options) => shareRun({ ...queue, dialogues }, options),
    sharePoints: (options) => playPointsElsewhere(queue, options),
  };
}
