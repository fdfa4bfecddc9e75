/** The establish stage (arXiv 2306.09442): texts are labelled, an ensemble of classifiers learns from a part of them and
 *  is measured on the rest, and becomes the judge `stage:NAME`, in judges/NAME. A finished step is kept when the run is
 *  resumed. */
import { join } from 'node:path';
import { ConfigError } from '../../base/errors.js';
import { streamKey } from '../../base/random.js';
import { openSequenceClassifier } from '../../engine/models/sequenceClassifier.js';
import { readClasses } from '../../discovery/ensemble.js';
import { measureEnsemble } from '../../discovery/ensembleQuality.js';
import { classesOf } from '../../discovery/establishOptions.js';
import type { LabelledItem } from '../../discovery/labelledParts.js';
import type { EnsembleQuality } from '../../report/report.js';
import { unitKey } from '../../runs/units.js';
import { writeTrainedJudge } from '../../speakers/judges/trained.js';
import type { StageContext } from '../stageContext.js';
import { readLabelledTexts } from './establishRecords.js';
import type { EstablishStage } from './givenLabels.js';
import { labelTexts } from './labelTexts.js';
import { memberName, trainMembers } from './trainMembers.js';

/** @throws WaitingError while people have not labelled enough; ConfigError for labels that nothing can be learnt from;
 *    InterruptedError, BudgetError: finished steps are kept */
export async function establish(context: StageContext, stage: EstablishStage): Promise<void> {
  const { run } = context;
  const { name, options } = stage;
  const unit = unitKey({ kind: 'establish', stage: name });
  if (run.completed(unit) !== null) return;
  await labelTexts(context, stage);
  const { training, heldOut } = await readParts(context, stage);
  await trainMembers(context, stage, training);
  const quality = await measure(context, stage, heldOut);
  writeTrainedJudge(run.judgePath(name), {
    labels: classesOf(options).map(({ name: label, description, harmful }) => ({ name: label, description, harmful })),
    members: Array.from({ length: options.ensemble.members }, (_, member) => memberName(member)),
    threshold: options.threshold,
  });
  run.completeUnit(unit, { judge: `judges/${name}`, trained: training.length, quality });
}

async function readParts(
  { run }: StageContext,
  { name, options }: EstablishStage,
): Promise<{ readonly training: readonly LabelledItem[]; readonly heldOut: readonly LabelledItem[] }> {
  const classes = classesOf(options);
  const records = await readLabelledTexts(run, name);
  const items = records.map(({ id, text, label, heldOut }) => ({
    heldOut,
    item: { id, text, group: id, label: classes.findIndex(({ labels }) => labels.includes(label)) },
  }));
  const part = (isHeldOut: boolean): readonly LabelledItem[] =>
    items.filter(({ heldOut }) => heldOut === isHeldOut).map(({ item }) => item);
  return { training: part(false), heldOut: part(true) };
}

async function measure(
  { run, pool, recipe, limits, progress }: StageContext,
  { name, options }: EstablishStage,
  heldOut: readonly LabelledItem[],
): Promise<EnsembleQuality> {
  const classes = classesOf(options);
  const { members } = options.ensemble;
  const probabilities: (readonly (readonly number[])[])[] = [];
  for (let member = 0; member < members; member++) {
    limits.mayGoOn();
    progress({ stage: name, phase: 'measure', done: member, total: members, unit: 'steps', values: {} });
    const model = await openSequenceClassifier(await pool.device(), join(run.judgePath(name), memberName(member)));
    probabilities.push(
      await readClasses(
        model,
        heldOut.map(({ text }) => text),
        classes,
      ),
    );
    await model.close();
  }
  if (heldOut.length === 0)
    throw new ConfigError('there is no text to measure the ensemble on', { where: `stages.${name}.heldOut` });
  return measureEnsemble({
    classes,
    wanted: heldOut.map(({ label }) => label),
    probabilities,
    stream: streamKey(recipe.seed, 'establish.quality'),
  });
}
