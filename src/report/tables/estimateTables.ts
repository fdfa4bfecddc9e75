/** Tables of how probable failures are in ordinary use. */
import type { EstimateReport } from '../estimates.js';
import { type Table, table } from './table.js';

export function estimateTables(estimates: readonly EstimateReport[]): readonly Table[] {
  return [
    table(
      'estimates',
      {
        name: 'text',
        event: 'text',
        users: 'text',
        target: 'text',
        judge: 'text',
        mean: 'number',
        low: 'number',
        high: 'number',
        guaranteedHigh: 'number',
        level: 'number',
        method: 'text',
        mixture: 'number',
        proposal: 'text',
        tempering: 'number',
        dialogues: 'count',
        ordinary: 'count',
        openings: 'count',
        unscored: 'count',
        meanWeight: 'number',
        effectiveSampleSize: 'number',
        largestShare: 'number',
        tiltedShare: 'number',
        plainEquivalent: 'number',
      },
      estimates.map(({ probability: { mean, low, high }, ...estimate }) => {
        const { name, event, users, target, judge, guaranteedHigh, level, method, mixture, proposal } = estimate;
        const { tempering, dialogues, ordinary, openings, unscored, meanWeight, effectiveSampleSize } = estimate;
        const { largestShare, tiltedShare, plainEquivalent } = estimate;
        return {
          ...{ name, event, users, target, judge, mean, low, high, guaranteedHigh, level, method, mixture, proposal },
          ...{ tempering, dialogues, ordinary, openings, unscored, meanWeight, effectiveSampleSize },
          ...{ largestShare, tiltedShare, plainEquivalent },
        };
      }),
    ),
  ];
}
