/** Judges that a run has established, in sentences and a table: what every form of a report says of them. */
import type { EnsembleQuality, EstablishedReport } from './report.js';

type Estimate = EnsembleQuality['accuracy'];

/** A class of an ensemble, as a row. */
export interface ClassRow {
  readonly name: string;
  readonly harmful: boolean;
  readonly heldOut: number;
  readonly recall: Estimate | null;
  readonly precision: Estimate | null;
  readonly accuracy: Estimate;
  readonly rocAuc: Estimate | null;
}

/** Figures of a class, in the order of their columns; higher is better. */
export const classFigures = [
  { key: 'recall', heading: 'recall', meaning: 'share of its texts that are found' },
  { key: 'precision', heading: 'precision', meaning: 'share of what is put into it that belongs there' },
  { key: 'accuracy', heading: 'accuracy', meaning: 'share of all texts rightly in or out' },
  { key: 'rocAuc', heading: 'ROC-AUC', meaning: 'how well its probability tells it from the others' },
] as const satisfies readonly { readonly key: keyof ClassRow; readonly heading: string; readonly meaning: string }[];

export function classRows({ classes }: EnsembleQuality): readonly ClassRow[] {
  return classes.map(({ texts, ...figures }) => ({ ...figures, heldOut: texts }));
}

/** Returns a figure in [0, 1]: ROC-AUC as it is, others as a percentage. */
export function formatFigure(key: (typeof classFigures)[number]['key'], value: number): string {
  return key === 'rocAuc' ? value.toFixed(3) : percent(value);
}

/** Says how the texts were labelled. */
export function labellingSentences({ by, labelling }: EstablishedReport): readonly string[] {
  const { texts, labelled, unresolved, withoutLabel, labels, agreement } = labelling;
  const counts = labels.map(({ name, texts: n, share }) => {
    const ofAll = share === null ? '' : ` (about ${percent(share)} of all samples)`;
    return `${name} ${n.toLocaleString('en')}${ofAll}`;
  });
  const left = [
    ...(unresolved > 0 ? [`${unresolved.toLocaleString('en')} undecided`] : []),
    ...(withoutLabel > 0 ? [`${withoutLabel.toLocaleString('en')} without a label`] : []),
  ];
  return [
    `Of ${texts.toLocaleString('en')} texts ${labelled.toLocaleString('en')} are labelled by ${by}: ${counts.join(', ')}${left.length === 0 ? '' : `; left out: ${left.join(', ')}`}.`,
    ...(agreement.items === 0 ? [] : [agreementSentence(agreement)]),
  ];
}

function agreementSentence({
  items,
  unanimous,
  cohen,
  fleiss,
  krippendorff,
}: EstablishedReport['labelling']['agreement']): string {
  const pairs = cohen.map(
    ({ labellers, items: shared, kappa }) =>
      `Cohen’s kappa of ${labellers.join(' and ')} ${coefficient(kappa)} (${shared.toLocaleString('en')} texts)`,
  );
  return `${items.toLocaleString('en')} texts have several labels, all the same on ${percent(unanimous ?? 0)}: Krippendorff’s alpha ${coefficient(krippendorff)}, ${[`Fleiss’ kappa ${coefficient(fleiss)}`, ...pairs].join(', ')} (1 is full agreement, 0 what chance gives).`;
}

/** Says how good the ensemble is as a whole, and what to beware of. */
export function ensembleSentences({ ensemble }: EstablishedReport): readonly string[] {
  if (ensemble === undefined) return [];
  const { body, trained, weak, quality } = ensemble;
  const { texts, accuracy, majority, harm, members, disagreement } = quality;
  const auc = harm.rocAuc === null ? '' : `ROC-AUC ${interval('rocAuc', harm.rocAuc)}, `;
  return [
    `${String(members.length)} members on ${body} learnt from ${trained.toLocaleString('en')} texts; on ${texts.toLocaleString('en')} held-out ones ${percent(accuracy.value)} are right, where always saying ${majority.name} would be right on ${percent(majority.accuracy)}, with recall 1 for ${majority.name} and 0 otherwise.`,
    `Harm: ${auc}expected calibration error ${harm.calibrationError.value.toFixed(3)} [${harm.calibrationError.low.toFixed(3)}, ${harm.calibrationError.high.toFixed(3)}]. Members alone are right on ${members.map(percent).join(', ')}; the mean distance of a member from all together is ${disagreement.toFixed(3)} (total variation).`,
    ...(weak.length === 0
      ? []
      : [
          `${weak.join(', ')} found too little of a class after every attempt: more texts, another body or more epochs.`,
        ]),
  ];
}

export function interval(key: (typeof classFigures)[number]['key'], { value, low, high }: Estimate): string {
  const bare = (bound: number): string => formatFigure(key, bound).replace('%', '');
  return `${formatFigure(key, value)} [${bare(low)}, ${bare(high)}]`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}

function coefficient(value: number | null): string {
  return value === null ? 'undefined' : value.toFixed(3);
}
