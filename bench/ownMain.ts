/** The process of our side: does one measurement and prints its outcome as a line of JSON. Run by main.ts, not by hand.
 */
import { ConfigError } from '../src/base/errors.js';
import { describeVersions } from '../src/runs/manifest.js';
import { type CollectionBenchOptions, measureCollection } from './collection.js';
import { type GcgBenchOptions, measureGcg } from './gcg.js';
import { measureGeneration, type GenerationBenchOptions } from './generation.js';
import { measureIpoEpoch, type IpoEpochOptions } from './ipoEpoch.js';
import type { MeasurementName } from './ownSide.js';
import { measureKMeans, type KMeansBenchOptions } from './kMeans.js';
import { measureExploring, type ExploringOptions } from './exploring.js';
import { measurePpoRound, type PpoRoundOptions } from './ppoRound.js';
import { measurePreferenceUpdate, type PreferenceUpdateOptions } from './preferenceUpdate.js';
import { measureMatmulRate, type MatmulRateOptions } from './roofline.js';
import { measureStartup, type StartupOptions } from './startup.js';
import { measureTd3Bc, type Td3BcBenchOptions } from './td3bc.js';
import { measureTrainStep, type TrainStepOptions } from './trainStep.js';
import type { Outcome } from './types.js';

/** Options are written by the bench of the same name, on the other side of the process boundary. */
const measurements: Readonly<Record<MeasurementName, (options: unknown) => Promise<Outcome>>> = {
  trainStep: (options) => measureTrainStep(options as TrainStepOptions),
  generation: (options) => measureGeneration(options as GenerationBenchOptions),
  ipoEpoch: (options) => measureIpoEpoch(options as IpoEpochOptions),
  preferenceUpdate: (options) => measurePreferenceUpdate(options as PreferenceUpdateOptions),
  startup: (options) => measureStartup(options as StartupOptions),
  ppoRound: (options) => measurePpoRound(options as PpoRoundOptions),
  exploring: (options) => measureExploring(options as ExploringOptions),
  td3bc: (options) => measureTd3Bc(options as Td3BcBenchOptions),
  collection: (options) => measureCollection(options as CollectionBenchOptions),
  gcg: (options) => measureGcg(options as GcgBenchOptions),
  kMeans: (options) => measureKMeans(options as KMeansBenchOptions),
  matmulRate: (options) => measureMatmulRate(options as MatmulRateOptions),
};

const [name = '', options = '{}'] = process.argv.slice(2);
const measure = Object.entries(measurements).find(([each]) => each === name)?.[1];
if (measure === undefined)
  throw new ConfigError('no such measurement', { got: name, expected: Object.keys(measurements).join(', ') });
const outcome = await measure(JSON.parse(options));
console.log(JSON.stringify({ ...outcome, versions: describeVersions() }));
