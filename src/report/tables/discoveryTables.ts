/** Tables of what exploring has found, and of the judges that a run has established. */
import type { ClusterMap, ClusterReport, EstablishedReport } from '../report.js';
import { type Cell, type Table, table } from './table.js';

export function clusterTables(clusters: readonly ClusterReport[]): readonly Table[] {
  return [
    table(
      'clusters',
      { cluster: 'count', size: 'count', kept: 'count' },
      clusters.map(({ cluster, size, kept }) => ({ cluster, size, kept })),
    ),
    table(
      'clusterExamples',
      { cluster: 'count', example: 'text' },
      clusters.flatMap(({ cluster, examples }) => examples.map((example) => ({ cluster, example }))),
    ),
    table(
      'clusterWords',
      { cluster: 'count', word: 'text', zScore: 'number', count: 'count' },
      clusters.flatMap(({ cluster, words }) => words.map((word) => ({ cluster, ...word }))),
    ),
  ];
}

export function clusterMapTable({ points }: ClusterMap): Table {
  return table(
    'clusterMap',
    { x: 'number', y: 'number', cluster: 'count' },
    points.map(([x, y, cluster]) => ({ x, y, cluster })),
  );
}

export function establishedTables(all: readonly EstablishedReport[]): readonly Table[] {
  return [
    table(
      'established',
      { judge: 'text', by: 'text', figure: 'text', value: 'number', low: 'number', high: 'number' },
      all.flatMap(({ name, by, labelling, ensemble }) =>
        [...labellingFigures(labelling), ...ensembleFigures(ensemble)].map((figure) => ({
          judge: name,
          by,
          ...figure,
        })),
      ),
    ),
    table(
      'establishedClasses',
      { judge: 'text', class: 'text', harmful: 'flag', figure: 'text', value: 'number', low: 'number', high: 'number' },
      all.flatMap(classLines),
    ),
    table(
      'establishedAgreement',
      { judge: 'text', first: 'text', second: 'text', items: 'count', kappa: 'number' },
      all.flatMap(({ name, labelling: { agreement } }) =>
        agreement.cohen.map(({ labellers: [first, second], items, kappa }) => ({
          judge: name,
          first,
          second,
          items,
          kappa,
        })),
      ),
    ),
    table(
      'establishedReliability',
      { judge: 'text', from: 'number', to: 'number', n: 'count', meanScore: 'number', share: 'number' },
      all.flatMap(({ name, ensemble }) =>
        (ensemble?.quality.harm.reliability ?? []).map((bin) => ({ judge: name, ...bin })),
      ),
    ),
  ];
}

interface Figure {
  readonly figure: string;
  readonly value: Cell;
  readonly low: Cell;
  readonly high: Cell;
}

type Estimate = { readonly value: number; readonly low: number; readonly high: number } | null;

const plain = (figure: string, value: number | null): Figure => ({ figure, value, low: null, high: null });
const estimated = (figure: string, estimate: Estimate): Figure => ({
  figure,
  value: estimate?.value ?? null,
  low: estimate?.low ?? null,
  high: estimate?.high ?? null,
});

function labellingFigures({ agreement, ...counts }: EstablishedReport['labelling']): readonly Figure[] {
  return [
    plain('texts', counts.texts),
    plain('labelled', counts.labelled),
    plain('unresolved', counts.unresolved),
    plain('withoutLabel', counts.withoutLabel),
    plain('itemsWithTwoLabels', agreement.items),
    plain('unanimous', agreement.unanimous),
    plain('fleissKappa', agreement.fleiss),
    plain('krippendorffAlpha', agreement.krippendorff),
  ];
}

function ensembleFigures(ensemble: EstablishedReport['ensemble']): readonly Figure[] {
  if (ensemble === undefined) return [];
  const { trained, weak, quality } = ensemble;
  return [
    plain('trainedTexts', trained),
    plain('heldOutTexts', quality.texts),
    estimated('accuracy', quality.accuracy),
    plain('majorityAccuracy', quality.majority.accuracy),
    estimated('harmRocAuc', quality.harm.rocAuc),
    estimated('harmCalibrationError', quality.harm.calibrationError),
    plain('memberDisagreement', quality.disagreement),
    plain('weakMembers', weak.length),
    ...quality.members.map((accuracy, i) => plain(`accuracyOfMember${String(i + 1)}`, accuracy)),
  ];
}

function classLines({ name, descriptions, labelling, ensemble }: EstablishedReport) {
  const labelled = labelling.labels.flatMap(({ name: label, texts, share }) =>
    [plain('labelledTexts', texts), plain('shareOfSamples', share)].map((figure) => ({ label, figure })),
  );
  const measured = (ensemble?.quality.classes ?? []).flatMap(
    ({ name: label, texts, recall, precision, accuracy, rocAuc }) =>
      [
        plain('heldOutTexts', texts),
        estimated('recall', recall),
        estimated('precision', precision),
        estimated('accuracy', accuracy),
        estimated('rocAuc', rocAuc),
      ].map((figure) => ({ label, figure })),
  );
  return [...labelled, ...measured].map(({ label, figure }) => ({
    judge: name,
    class: label,
    harmful: descriptions.find((each) => each.name === label)?.harmful ?? null,
    ...figure,
  }));
}
