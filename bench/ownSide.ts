/** Our side of a comparison, as a process: `ownMain.ts` with the name of a measurement and its options. */
import { join } from 'node:path';
import { packageRoot } from '../src/base/packageRoot.js';
import type { Side } from './types.js';

export type MeasurementName =
  | 'trainStep'
  | 'generation'
  | 'ipoEpoch'
  | 'preferenceUpdate'
  | 'startup'
  | 'matmulRate'
  | 'ppoRound'
  | 'exploring'
  | 'kMeans'
  | 'td3bc'
  | 'collection'
  | 'gcg';

export function ownSide(label: string, measurement: MeasurementName, options: object): Side {
  return {
    kind: 'program',
    label,
    isPeer: false,
    command: process.execPath,
    args: ['--import', 'tsx', join(packageRoot(), 'bench', 'ownMain.ts'), measurement, JSON.stringify(options)],
  };
}
