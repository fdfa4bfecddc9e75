/** The questions of this page. */
import type {
  ClusterTexts,
  Comparison,
  DialoguePage,
  DialoguesRequest,
  RunSummary,
  ShownDialogue,
  SweepSummary,
} from '../../src/server/runs/protocol.js';
import { ask, jsonBody } from '../shared/ask.js';

export const askRun = (id: string): Promise<RunSummary> => ask('/api/run', jsonBody({ id }));
export const askCluster = (id: string, cluster: number): Promise<ClusterTexts> =>
  ask('/api/cluster', jsonBody({ id, cluster }));
export const askSweep = (id: string): Promise<SweepSummary> => ask('/api/sweep', jsonBody({ id }));
export const askComparison = (runs: readonly string[]): Promise<Comparison> => ask('/api/compare', jsonBody({ runs }));
export const askDialogues = (request: DialoguesRequest): Promise<DialoguePage> =>
  ask('/api/dialogues', jsonBody(request));
export const askDialogue = (id: string, line: number): Promise<ShownDialogue> =>
  ask('/api/dialogue', jsonBody({ id, line }));
export const askPlace = (): Promise<{ readonly folder: string }> => ask('/api/place', {});
