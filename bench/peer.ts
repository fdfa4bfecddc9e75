/** The peers: the Python programs of bench/peers, which do the same work with PyTorch. Run as processes, options as
 *  JSON. */
import { join } from 'node:path';
import { packageRoot } from '../src/base/packageRoot.js';
import type { BenchSetup, Side } from './types.js';

/** The peers ask no network, compute on the processor, and leave nothing beside their programs. */
export const peerEnvironment: Readonly<Record<string, string>> = {
  HF_HUB_OFFLINE: '1',
  HF_HUB_DISABLE_PROGRESS_BARS: '1',
  TOKENIZERS_PARALLELISM: 'false',
  WANDB_MODE: 'disabled',
  PYTHONDONTWRITEBYTECODE: '1',
  PYTHONWARNINGS: 'ignore',
  TRL_EXPERIMENTAL_SILENCE: '1',
  CUDA_VISIBLE_DEVICES: '',
};

export const peersFolder = join(packageRoot(), 'bench', 'peers');

export type PeerProgram =
  | 'train_step'
  | 'generate'
  | 'preference_update'
  | 'online_ipo'
  | 'astra_epoch'
  | 'astprompter_epoch'
  | 'ppo_trl_old'
  | 'ppo_trl_new'
  | 'explore'
  | 'k_means'
  | 'td3bc'
  | 'collection'
  | 'gcg';

/** The peer as a side, or no side when peers are not measured.
 *  @param environment further variables, asked for where the peer is measured */
export function peerSides(
  { python, threads }: Pick<BenchSetup, 'python' | 'threads'>,
  label: string,
  program: PeerProgram,
  options: object,
  environment: () => Readonly<Record<string, string>> = () => ({}),
): readonly Side[] {
  if (python === null) return [];
  return [
    {
      kind: 'program',
      label,
      isPeer: true,
      command: python,
      environment: { ...peerEnvironment, ...environment() },
      args: [join(peersFolder, `${program}.py`), JSON.stringify({ threads, ...options })],
    },
  ];
}
