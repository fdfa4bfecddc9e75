/** Our side of a comparison, as a process: `ownMain.ts` with the name of a measurement and its options. */
import { join } from 'node:path';
import { packageRoot } from '../src/base/packageRoot.js';
import { lastWith, type Outcome, type Side } from './comparison.js';

export type MeasurementName = 'trainStep' | 'generation' | 'ipoEpoch';

export function ownSide(label: string, measurement: MeasurementName, options: object): Side {
  return {
    label,
    isPeer: false,
    command: process.execPath,
    args: ['--import', 'tsx', join(packageRoot(), 'bench', 'ownMain.ts'), measurement, JSON.stringify(options)],
    read: (records) => lastWith(records, 'figures') as unknown as Outcome, // printed by ownMain.ts from an Outcome
  };
}
