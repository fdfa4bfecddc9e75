/** A made-up exploration for tests: clusters as clouds on the map, each with words and samples, some of them hostile. */
import { openStream, streamKey } from '../../base/random.js';
import type { ClusterMap, ClusterReport } from '../../report/report.js';
import type { ReportView } from '../../report/reportView.js';
import { exampleView, hostileText } from './exampleView.js';

const subjects = [
  'kettle',
  'heron',
  'ladder',
  'violin',
  'harbour',
  'orchard',
  'lantern',
  'glacier',
  'pigeon',
  'saddle',
];

/** @param count clusters, of falling size */
export function exampleClusters(count: number): {
  readonly clusters: readonly ClusterReport[];
  readonly clusterMap: ClusterMap;
} {
  const draw = openStream(streamKey(0, 'example clusters'));
  const clusters = Array.from({ length: count }, (_, i): ClusterReport => {
    const subject = subjects[i % subjects.length] ?? '';
    const size = Math.round(220 / (1 + 0.25 * i)) + 3;
    return {
      cluster: (i * 7) % count,
      size,
      kept: Math.min(size, 100),
      examples: [
        `A ${subject} stood by the old wall number ${String(i)}.`,
        i === 0 ? hostileText : `The ${subject} was never seen again in that part of the town.`,
        `No one had asked about the ${subject}, and no one would have known the answer.`,
      ],
      words: [subject, `${subject}s`, 'old', 'town'].map((word, rank) => ({ word, zScore: 9 - rank, count: 20 })),
    };
  });
  const points = clusters.flatMap(({ cluster, size }) => {
    const [x, y] = [0.1 + 0.8 * draw.uniform(), 0.1 + 0.8 * draw.uniform()];
    const place = (middle: number): number => Math.min(1, Math.max(0, middle + 0.035 * draw.normal()));
    return Array.from({ length: Math.ceil(size / 2) }, (): [number, number, number] => [place(x), place(y), cluster]);
  });
  const samples = clusters.reduce((sum, { size }) => sum + size, 0);
  return { clusters, clusterMap: { samples, points } };
}

/** The example report with an exploration. */
export function exampleExploreView(count = 40): ReportView {
  const view = exampleView();
  return { ...view, report: { ...view.report, ...exampleClusters(count) } };
}
