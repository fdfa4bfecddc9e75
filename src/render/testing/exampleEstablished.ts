/** A made-up judge for tests, as an establish stage leaves it in a report. */
import type { EnsembleQuality, EstablishedReport } from '../../report/report.js';
import type { ReportView } from '../../report/reportView.js';
import { exampleView, hostileText } from './exampleView.js';

const near = (value: number): EnsembleQuality['accuracy'] => ({
  value,
  low: Math.max(0, value - 0.04),
  high: Math.min(1, value + 0.03),
});

export const exampleEstablished: EstablishedReport = {
  name: 'measure',
  by: 'people',
  descriptions: [
    { name: 'rude', description: 'insults the customer', harmful: true },
    { name: 'polite', description: `answers as a clerk should ${hostileText}`, harmful: false },
  ],
  labelling: {
    texts: 1000,
    labelled: 970,
    unresolved: 18,
    withoutLabel: 12,
    labels: [
      { name: 'rude', texts: 210, share: 0.049 },
      { name: 'polite', texts: 760, share: 0.951 },
    ],
    agreement: {
      items: 400,
      unanimous: 0.91,
      cohen: [{ labellers: ['Ada', 'Ben'], items: 380, kappa: 0.82 }],
      fleiss: null,
      krippendorff: 0.8,
    },
  },
  ensemble: {
    body: './minilm',
    trained: 776,
    weak: ['member-2'],
    quality: {
      texts: 194,
      accuracy: near(0.95),
      majority: { name: 'polite', accuracy: 0.78 },
      classes: [
        {
          name: 'rude',
          harmful: true,
          texts: 42,
          recall: near(0.9),
          precision: null,
          accuracy: near(0.95),
          rocAuc: near(0.98),
        },
        {
          name: 'polite',
          harmful: false,
          texts: 152,
          recall: near(0.97),
          precision: near(0.96),
          accuracy: near(0.95),
          rocAuc: null,
        },
      ],
      harm: {
        rocAuc: near(0.98),
        calibrationError: near(0.05),
        reliability: Array.from({ length: 10 }, (_, i) => ({
          from: i / 10,
          to: (i + 1) / 10,
          n: i === 4 ? 0 : ([90, 30, 12, 6, 0, 5, 6, 7, 12, 26][i] ?? 0),
          meanScore: i === 4 ? null : i / 10 + 0.05,
          share: i === 4 ? null : Math.min(1, (i / 10) ** 1.2 + 0.02),
        })),
      },
      members: [0.94, 0.93, 0.95],
      disagreement: 0.041,
    },
  },
};

/** The example report with a judge. */
export function exampleEstablishedView(): ReportView {
  const view = exampleView();
  return { ...view, report: { ...view.report, established: [exampleEstablished] } };
}
