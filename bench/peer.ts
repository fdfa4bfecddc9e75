/** The peers: scripts outside this repository that do the same work with PyTorch, run as processes and read by what they print. */
import { join } from 'node:path';
import type { JsonObject } from '../src/runs/json.js';
import { lastWith, type BenchSetup, type Outcome, type Side } from './comparison.js';

/** The peers ask no network, and leave nothing beside their scripts. */
export const peerEnvironment: Readonly<Record<string, string>> = {
  HF_HUB_OFFLINE: '1',
  TOKENIZERS_PARALLELISM: 'false',
  WANDB_MODE: 'disabled',
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONWARNINGS: 'ignore',
};

export interface PeerCall {
  readonly label: string;
  /** Path below the folder of the scripts. */
  readonly script: string;
  readonly args: readonly string[];
  /** Key that the line of the result has. */
  readonly resultKey: string;
  readonly read: (result: JsonObject) => Omit<Outcome, 'versions'>;
}

/** The peer as a side, or no side when peers are not measured. */
export function peerSides({ model, threads, peers }: BenchSetup, call: PeerCall): readonly Side[] {
  if (peers === null) return [];
  return [
    {
      label: call.label,
      isPeer: true,
      command: peers.python,
      args: [join(peers.folder, call.script), '--model', model, '--threads', String(threads), ...call.args],
      read: (records) => {
        const result = lastWith(records, call.resultKey);
        return { ...call.read(result), versions: versionsOf(result) };
      },
    },
  ];
}

function versionsOf(result: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ['python', 'torch', 'transformers'].flatMap((name) => {
      const version = result[name];
      return typeof version === 'string' ? [[name, version]] : [];
    }),
  );
}
