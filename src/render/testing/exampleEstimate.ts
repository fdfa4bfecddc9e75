/** Made-up estimates for tests, as an estimate stage leaves them in a report. */
import type { EstimateReport } from '../../report/estimates.js';
import type { ReportView } from '../../report/reportView.js';
import { exampleView, hostileText } from './exampleView.js';

export const exampleEstimate: EstimateReport = {
  name: 'ordinary-use',
  users: 'untuned',
  target: 'smollm2',
  judge: 'linear-toxicity',
  event: 'dialogue',
  turns: 3,
  probability: { mean: 0.0024, low: 0.0019, high: 0.0031, n: 1997 },
  guaranteedHigh: 0.0123,
  bernsteinHigh: 0.0234,
  level: 0.95,
  method: 'mixture',
  mixture: 0.2,
  proposal: 'ipo',
  tempering: 0.6,
  dialogues: 2000,
  ordinary: 402,
  seen: { ordinary: 1, tilted: 611 },
  openings: 2000,
  openingsAre: 'sample',
  unscored: 3,
  meanWeight: 0.99,
  effectiveSampleSize: 312,
  largestShare: 0.02,
  tiltedShare: 0.87,
  standardError: 0.0003,
  plainEquivalent: 26_600,
  pilot: { dialogues: 400, gain: 12.4 },
  judgeCorrected: null,
};

/** Nothing was seen. */
export const exampleUnseen: EstimateReport = {
  ...exampleEstimate,
  name: 'planted',
  event: `label:${hostileText}`,
  probability: { mean: 0, low: null, high: null, n: 2000 },
  seen: { ordinary: 0, tilted: 0 },
  unscored: 0,
  effectiveSampleSize: null,
  largestShare: null,
  tiltedShare: null,
  plainEquivalent: null,
  pilot: null,
};

export function exampleEstimateView(): ReportView {
  const view = exampleView();
  return { ...view, report: { ...view.report, estimates: [exampleEstimate, exampleUnseen] } };
}
