/** Labels that people give: labels.jsonl of the run, which `gadfly label` writes while the run waits. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WaitingError } from '../../base/errors.js';
import { readChoices } from '../../labelling/choiceFile.js';
import { addChoice, type ChoicesByItem, isStanding, type LabelChoice } from '../../labelling/labelChoice.js';
import type { StageContext } from '../stageContext.js';
import type { KeptSample } from './establishRecords.js';
import { type EstablishStage, type GivenText, requireKnown } from './givenLabels.js';
import { learnFromLabelsSoFar } from './labelsSoFar.js';

/** @throws WaitingError until enough texts have their labels; ConfigError for a label that is not in the set */
export async function labelsOfPeople(
  context: StageContext,
  stage: EstablishStage,
  samples: readonly KeptSample[],
): Promise<readonly GivenText[]> {
  const { perItem, items } = stage.options;
  const { path: folder } = context.run;
  const byItem = readByItem(join(folder, 'labels.jsonl'), stage, new Set(samples.map(({ id }) => id)));
  const texts = samples.map(({ id, text, probability }): GivenText => {
    const choices = [...(byItem.get(id)?.values() ?? [])].filter(isStanding);
    return { id, text, group: id, given: choices.map(({ labeller, label }) => ({ labeller, label })), probability };
  });
  // A labeller who skipped a text has had his say as well.
  const settled = samples.filter(({ id }) => (byItem.get(id)?.size ?? 0) >= perItem).length;
  const wanted = Math.min(items ?? samples.length, samples.length);
  if (settled >= wanted) return texts;
  await learnFromLabelsSoFar(context, stage, texts);
  throw new WaitingError('this run waits for labels; the state is saved', {
    where: `stages.${stage.name}`,
    expected: `${String(wanted)} texts with ${perItem === 1 ? 'a label' : `${String(perItem)} labels`} each`,
    got: String(settled),
    remedy: `Label with \`gadfly label ${folder}\`, then go on with \`gadfly run --resume ${folder}\`.`,
  });
}

/** Returns the last choice of each labeller for each sample. Choices for other items are passed over. */
function readByItem(path: string, { name, options }: EstablishStage, isSample: ReadonlySet<string>): ChoicesByItem {
  const byItem: ChoicesByItem = new Map();
  for (const choice of readChoices(path)) {
    if (!isSample.has(choice.id)) continue;
    if (isStanding(choice) && !options.labels.some((label) => label.name === choice.label))
      requireKnown(choice.label, options.labels, placeOf(path, choice), `stages.${name}.labels`);
    addChoice(byItem, choice);
  }
  return byItem;
}

/** The file and the line of a choice. */
function placeOf(path: string, { id, label, at }: LabelChoice): string {
  const isIt = (line: string): boolean => [id, label, at].every((part) => line.includes(JSON.stringify(part)));
  return `${path}:${String(readFileSync(path, 'utf8').split('\n').findIndex(isIt) + 1)}`;
}
