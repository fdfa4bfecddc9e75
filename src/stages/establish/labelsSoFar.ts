/** Trains an ensemble on the labels so far and keeps what it says of every sample: which of them to label next, and which
 *  to cover. It is trained anew at each resume of a run that waits, on the labels that are there then, and nothing but
 *  disagreement.jsonl is kept of it: the ensemble of the stage is trained on all labels. */
import { streamKey } from '../../base/random.js';
import { readClasses, trainMember } from '../../discovery/ensemble.js';
import { ensembleDisagreement, harmOf, meanProbabilities } from '../../discovery/ensembleQuality.js';
import { classesOf } from '../../discovery/establishOptions.js';
import type { LabelledItem } from '../../discovery/labelledParts.js';
import { resolveLabel } from '../../labelling/adjudicate.js';
import { writeOpinions } from '../../labelling/disagreementFile.js';
import type { StageContext } from '../stageContext.js';
import type { EstablishStage, GivenText } from './givenLabels.js';

/** Labelled texts that each of two classes needs before an ensemble says anything. */
const leastTexts = 5;
/** More would only take longer before people can go on. */
const mostMembers = 3;

/** Writes disagreement.jsonl where the next text is chosen actively and the labels so far are enough to learn from.
 *  @throws InterruptedError */
export async function learnFromLabelsSoFar(
  context: StageContext,
  { name, options }: EstablishStage,
  texts: readonly GivenText[],
): Promise<void> {
  const { run, pool, recipe, limits, progress } = context;
  const classes = classesOf(options);
  const training = texts.flatMap(({ id, text, group, given }): readonly LabelledItem[] => {
    const resolved = resolveLabel(given, options.adjudicator);
    const label = classes.findIndex(({ labels }) => resolved !== null && labels.includes(resolved.label));
    return label < 0 ? [] : [{ id, text, group, label }];
  });
  const known = classes.filter((_, c) => training.filter(({ label }) => label === c).length >= leastTexts);
  if (options.choose === 'random' || known.length < 2) return;
  const body = await pool.modelPath(options.ensemble.body);
  const members = Math.min(options.ensemble.members, mostMembers);
  const probabilities: (readonly (readonly number[])[])[] = [];
  for (let member = 0; member < members; member++) {
    const question = {
      body,
      classes,
      training,
      options: options.ensemble,
      stream: streamKey(recipe.seed, 'establish.soFar', member),
    };
    const { model } = await trainMember(await pool.device(), question, {
      onStep: ({ step, steps }) => {
        progress({
          stage: name,
          phase: `labels so far, ${String(member + 1)} of ${String(members)}`,
          done: step,
          total: steps,
          unit: 'steps',
          values: {},
        });
        limits.mayGoOn();
      },
    });
    probabilities.push(
      await readClasses(
        model,
        texts.map(({ text }) => text),
        classes,
      ),
    );
    await model.close();
  }
  writeOpinions(
    run.path,
    texts.map(({ id }, i) => ({
      id,
      disagreement: ensembleDisagreement(probabilities, i),
      harm: harmOf(meanProbabilities(probabilities, i), classes),
    })),
  );
}
