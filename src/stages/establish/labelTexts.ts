/** The first step of establishing: every text gets one label, or is left out, and its part; labelled.jsonl keeps them. */
import { ConfigError } from '../../base/errors.js';
import { present } from '../../base/invariant.js';
import { streamKey } from '../../base/random.js';
import { textId } from '../../dialogue/identity.js';
import { classesOf } from '../../discovery/establishOptions.js';
import { splitLabelled } from '../../discovery/labelledParts.js';
import { agreementFigures, type GivenLabel, resolveLabel } from '../../labelling/adjudicate.js';
import { labelFile } from '../../recipe/stages/establish.js';
import type { Labelling } from '../../report/report.js';
import { unitKey } from '../../runs/units.js';
import type { StageContext } from '../stageContext.js';
import { readKeptSamples, type LabelledRecord } from './establishRecords.js';
import { type EstablishStage, type GivenText, labelsOfFile, labelsOfJudge } from './givenLabels.js';
import { labelsOfPeople } from './people.js';

/** @throws InterruptedError while people have not labelled enough; ConfigError for a label with too few texts */
export async function labelTexts(context: StageContext, stage: EstablishStage): Promise<void> {
  const { run, recipe } = context;
  const { name, options } = stage;
  const unit = unitKey({ kind: 'establishLabels', stage: name });
  if (run.completed(unit) !== null) return;
  await keepTexts(context, stage);
  const given = await givenLabels(context, stage);
  const records = labelledRecords(stage, given);
  const classes = classesOf(options);
  const items = records.map(({ id, text, label, conversation_id: group = id }) => ({
    id,
    text,
    group,
    label: classes.findIndex(({ labels }) => labels.includes(label)),
  }));
  const { heldOut } = splitLabelled(items, options.heldOut, streamKey(recipe.seed, 'establish.heldOut'));
  const isHeldOut = new Set(heldOut);
  const recordOf = (record: (typeof records)[number], i: number): LabelledRecord => ({
    ...record,
    heldOut: isHeldOut.has(present(items[i], 'an item for each record')),
  });
  run.log('labelled').append(...records.map(recordOf));
  requireEnough(stage, records);
  run.completeUnit(unit, resultOf(stage, given, records));
}

/** Texts of a file become samples of the run, where people find them. */
async function keepTexts({ run, pool }: StageContext, { name, options }: EstablishStage): Promise<void> {
  const unit = unitKey({ kind: 'establishTexts', stage: name });
  if (options.texts === null || run.completed(unit) !== null) return;
  const texts = await pool.promptList(options.texts);
  run
    .log('samples')
    .append(...texts.map((text, row) => ({ id: `${name}-${String(row)}`, text, kept: true, probability: 1, row })));
  run.completeUnit(unit, { texts: texts.length });
}

async function givenLabels(context: StageContext, stage: EstablishStage): Promise<readonly GivenText[]> {
  const { by } = stage.options;
  const file = labelFile(by);
  if (file !== null) return labelsOfFile(context, stage, file);
  const samples = await readKeptSamples(context.run);
  return typeof by === 'string' ? labelsOfPeople(context, stage, samples) : labelsOfJudge(context, stage, by, samples);
}

function labelledRecords(
  { name, options: { adjudicator } }: EstablishStage,
  texts: readonly GivenText[],
): readonly Omit<LabelledRecord, 'heldOut'>[] {
  return texts.flatMap(({ id, text, group, given, probability }) => {
    const resolved = resolveLabel(given, adjudicator);
    if (resolved === null) return [];
    return [
      {
        stage: name,
        id,
        text,
        ...resolved,
        labels: given.length,
        ...(group === id || group === textId(text) ? {} : { conversation_id: group }),
        ...(probability === null ? {} : { probability }),
      },
    ];
  });
}

/** @throws ConfigError naming the labels with too few texts */
function requireEnough({ name, options }: EstablishStage, records: readonly Pick<LabelledRecord, 'label'>[]): void {
  const counts = countByClass(options, records);
  const few = counts.filter(({ texts }) => texts < Math.max(2, options.minPerLabel));
  if (few.length === 0) return;
  throw new ConfigError('a label has too few texts to learn from', {
    where: `stages.${name}`,
    expected: `${String(Math.max(2, options.minPerLabel))} of each (minPerLabel)`,
    got: counts.map(({ name: label, texts }) => `${label} ${String(texts)}`).join(', '),
    remedy:
      'Explore more (samples, perCluster), label more, or lower minPerLabel: the measure is then as good as so few texts make it. labelled.jsonl keeps what is labelled; `by: file:` takes it up.',
  });
}

function countByClass(
  options: EstablishStage['options'],
  records: readonly Pick<LabelledRecord, 'label'>[],
): readonly { readonly name: string; readonly texts: number }[] {
  return classesOf(options).map(({ name, labels }) => ({
    name,
    texts: records.filter(({ label }) => labels.includes(label)).length,
  }));
}

function resultOf(
  { options }: EstablishStage,
  texts: readonly GivenText[],
  records: readonly Omit<LabelledRecord, 'heldOut'>[],
): Labelling {
  const isAdjudicator = ({ labeller }: GivenLabel): boolean => labeller === options.adjudicator;
  const figures = agreementFigures(texts.map(({ given }) => given.filter((label) => !isAdjudicator(label))));
  // Labels of a file do not say who gave them.
  const agreement = labelFile(options.by) === null ? figures : { ...figures, cohen: [] };
  return {
    texts: texts.length,
    labelled: records.length,
    unresolved: texts.filter(({ given }) => given.length > 0).length - records.length,
    withoutLabel: texts.filter(({ given }) => given.length === 0).length,
    labels: options.labels.map(({ name }) => ({
      name,
      texts: records.filter(({ label }) => label === name).length,
      share: options.items === null ? shareOfAll(records, name) : null,
    })),
    agreement: {
      ...agreement,
      cohen: agreement.cohen.map((pair) => ({ ...pair })),
    },
  };
}

/** Estimates the share of a label among all samples that were drawn, each labelled one standing for 1 / probability of
 *  them; null for texts of a file. */
function shareOfAll(records: readonly Omit<LabelledRecord, 'heldOut'>[], label: string): number | null {
  const weights = records.map(({ probability, label: own }) =>
    probability === undefined ? null : { own, weight: 1 / probability },
  );
  const known = weights.filter((each) => each !== null);
  if (known.length === 0) return null;
  const sum = (of: typeof known): number => of.reduce((total, { weight }) => total + weight, 0);
  return sum(known.filter(({ own }) => own === label)) / sum(known);
}
